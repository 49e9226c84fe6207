// SPDX-License-Identifier: Apache-2.0
#ifndef WEIR_WITHOUT_KAFKA
#include <gmock/gmock.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <iterator>
#include <map>
#include <string>
#include <vector>

#include "base/uuid.h"
#include "dagmanager/ports/events/kafka_event_wire.h"
#include "drivers/kafka/admin.h"
#include "drivers/kafka/consumer.h"
#include "server/system_clock.h"
#include "tests/conformance/engines.h"
#include "tests/must.h"

namespace weir::dagmanager {
namespace {

using test::must;
using test::succeeded;

constexpr std::chrono::seconds kLong{30};

std::string golden_file(const std::string& name) {
  std::ifstream file(WEIR_SOURCE_DIR "/tests/data/golden/" + name, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

class EventWireTest : public testing::TestWithParam<test::Adapter> {
 protected:
  EventWireTest()
      : client_(test::kafka_client(GetParam())),
        topic_("control-" + base::uuid_v4(random_)),
        wire_(must(KafkaEventWire::open(test::kafka_options(GetParam()), topic_, clock_))) {}
  ~EventWireTest() override {
    const std::vector<std::string> gone = {topic_};
    EXPECT_TRUE(succeeded(kafka::Admin(*client_).remove(gone)));
  }

  /// By number, how each came out.
  std::map<std::int64_t, bool> send(const std::vector<ControlEvent>& events) {
    std::map<std::int64_t, bool> told;
    std::int64_t number = 0;
    for (const ControlEvent& event : events) {
      EXPECT_TRUE(succeeded(wire_->send(++number, event)));
    }
    while (told.size() < events.size()) {
      for (const SendOutcome& one : wire_->outcomes(kLong)) told[one.number] = one.sent.ok();
    }
    return told;
  }

  server::SystemClock clock_;
  server::SystemRandom random_;
  std::shared_ptr<kafka::Client> client_;
  std::string topic_;
  std::unique_ptr<KafkaEventWire> wire_;
};

TEST_P(EventWireTest, TheGoldenEnvelopesArriveByteForByteInTheirTopicOfItsShape) {
  ASSERT_TRUE(succeeded(wire_->prepare()));
  ASSERT_TRUE(succeeded(wire_->prepare())) << "again";
  const std::vector<std::string> files = {
      "queue_updated.json",           "queue_updated_world.json",
      "queue_lifecycle.json",         "queue_lifecycle_world.json",
      "sentinel_weight_updated.json", "sentinel_weight_updated_world.json"};
  std::vector<ControlEvent> events;
  for (const std::string& file : files) {
    events.push_back({.topic = topic_, .key = file, .envelope = golden_file(file)});
    ASSERT_FALSE(events.back().envelope.empty());
  }
  std::map<std::int64_t, bool> told;
  test::in_the_end([&] {  // brokers hear of a new topic one after another
    told = send(events);
    return std::ranges::all_of(told, [](const auto& one) { return one.second; });
  });
  auto reader = must(kafka::Consumer::create({.client = test::kafka_options(GetParam())}, clock_));
  EXPECT_EQ(must(reader.partitions(topic_)), 3);
  ASSERT_TRUE(succeeded(reader.open(topic_)));
  std::map<std::string, std::string> found;
  while (found.size() < files.size()) {
    const auto message = must(reader.next(kLong));
    ASSERT_TRUE(message.has_value());
    found[message->key] = *message->value;
  }
  for (const ControlEvent& event : events) EXPECT_EQ(found[event.key], event.envelope);
  const std::vector<std::string> asked = {topic_};
  const auto config = must(kafka::Admin(*client_).configs(asked)).front();
  ASSERT_TRUE(config.has_value());
  EXPECT_EQ(config->at("cleanup.policy").value, "compact,delete");
  EXPECT_EQ(config->at("retention.ms").value, "86400000");
  EXPECT_TRUE(succeeded(wire_->ping()));
}

INSTANTIATE_TEST_SUITE_P(Kafka, EventWireTest, testing::Values(test::Adapter::Kafka),
                         test::adapter_name);

}  // namespace
}  // namespace weir::dagmanager
#endif
