// SPDX-License-Identifier: Apache-2.0
#ifndef WEIR_WITHOUT_KAFKA
#include <gmock/gmock.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <string>
#include <vector>

#include "base/uuid.h"
#include "drivers/kafka/admin.h"
#include "drivers/kafka/consumer.h"
#include "drivers/kafka/limits.h"
#include "drivers/kafka/producer.h"
#include "drivers/kafka/range_reader.h"
#include "server/system_clock.h"
#include "tests/conformance/engines.h"
#include "tests/must.h"

namespace weir::kafka {
namespace {

using test::must;
using test::succeeded;

constexpr int kPartitions = 3;
constexpr std::chrono::seconds kLong{30};

class KafkaMessagesTest : public testing::TestWithParam<test::Adapter> {
 protected:
  KafkaMessagesTest()
      : client_(test::kafka_client(GetParam())),
        topic_("messages-" + base::uuid_v4(random_)),
        producer_(must(Producer::create(test::kafka_options(GetParam()), kLong, clock_))) {
    const std::vector<NewTopic> wanted = {{.name = topic_, .partitions = kPartitions}};
    EXPECT_EQ(must(Admin(*client_).create(wanted)).front().answer, TopicAnswer::Done);
    test::in_the_end([&] { return consumer().partitions(topic_).ok(); });
  }
  ~KafkaMessagesTest() override {
    const std::vector<std::string> gone = {topic_};
    EXPECT_TRUE(succeeded(Admin(*client_).remove(gone)));
  }

  Consumer consumer(const std::string& group = {}) {
    return must(
        Consumer::create({.client = test::kafka_options(GetParam()), .group = group}, clock_));
  }
  /// What became of what was sent, by its tag.
  std::map<std::int64_t, bool> settle() {
    std::map<std::int64_t, bool> told;
    while (producer_.in_flight() > 0) {
      for (const Delivery& one : producer_.reports(kLong)) told[one.tag] = one.outcome.ok();
    }
    return told;
  }
  void send(int count) {
    for (int i = 0; i < count; ++i) {
      ASSERT_TRUE(succeeded(
          producer_.send(topic_, "key" + std::to_string(i % 7), "value" + std::to_string(i), i)));
    }
    const auto told = settle();
    EXPECT_EQ(told.size(), static_cast<std::size_t>(count));
    for (const auto& [tag, ok] : told) EXPECT_TRUE(ok) << tag;
  }

  server::SystemClock clock_;
  server::SystemRandom random_;
  std::shared_ptr<Client> client_;
  std::string topic_;
  Producer producer_;
};

TEST_P(KafkaMessagesTest, ReadsRangesOfPartitionsInTheOrderOfEachKey) {
  send(500);
  ASSERT_EQ(must(consumer().partitions(topic_)), kPartitions);
  const std::vector<Topic> topics = {{.name = topic_, .partitions = kPartitions}};
  const auto ends = must(Admin(*client_).watermarks(topics)).front();
  const auto reader = must(RangeReader::create(*client_));
  std::map<std::string, std::vector<int>> found;
  std::size_t count = 0;
  for (int partition = 0; partition < kPartitions; ++partition) {
    const PartitionEnds marks = ends.at(static_cast<std::size_t>(partition));
    EXPECT_EQ(marks.low, 0);
    PartitionSpan span{
        .topic = topic_, .partition = partition, .from = marks.low, .end = marks.high};
    while (span.from < span.end) {
      const auto page = must(reader->read(span, 40));
      ASSERT_FALSE(page.empty());
      ASSERT_LE(page.size(), 40U);
      EXPECT_EQ(page.front().offset, span.from);
      for (const ReadMessage& one : page) {
        found[one.key.value()].push_back(std::stoi(one.value->substr(5)));
      }
      count += page.size();
      span.from = page.back().offset + 1;
    }
    EXPECT_EQ(span.from, marks.high);
  }
  ASSERT_EQ(count, 500U);
  EXPECT_EQ(found.size(), 7U);
  for (const auto& [key, values] : found) EXPECT_TRUE(std::ranges::is_sorted(values)) << key;
}

TEST_P(KafkaMessagesTest, SaysThatThereIsNoSuchTopic) {
  EXPECT_EQ(test::reason_of(consumer().partitions(topic_ + "-never")), "kafka_topic_unknown");
}

TEST_P(KafkaMessagesTest, AGroupGoesOnWhereItCommitted) {
  send(60);
  std::map<std::string, std::vector<int>> found;
  std::size_t count = 0;
  for (const std::size_t share : {20U, 40U}) {
    Consumer reader = consumer("group-" + topic_);
    ASSERT_TRUE(succeeded(reader.open(topic_)));
    for (std::size_t i = 0; i < share; ++i, ++count) {
      const auto message = must(reader.next(kLong));
      ASSERT_TRUE(message.has_value()) << count;
      found[message->key].push_back(std::stoi(message->value->substr(5)));
    }
    ASSERT_TRUE(succeeded(reader.commit()));
  }
  std::size_t total = 0;
  for (const auto& [key, values] : found) {
    total += values.size();
    EXPECT_TRUE(std::ranges::is_sorted(values)) << key;
  }
  EXPECT_EQ(total, 60U);
}

TEST_P(KafkaMessagesTest, TakesNoMoreThanItsBoundAndSettlesWhatCannotBeSent) {
  Producer lost =
      must(Producer::create({.brokers = "127.0.0.1:1"}, std::chrono::milliseconds(300), clock_));
  std::size_t taken = 0;
  while (lost.send(topic_, "k", "v", static_cast<std::int64_t>(taken)).ok()) ++taken;
  EXPECT_EQ(taken, kInFlightMax);
  EXPECT_EQ(test::reason_of(lost.send(topic_, "k", "v", 0)), "kafka_queue_full");
  std::size_t told = 0;
  while (lost.in_flight() > 0) {
    for (const Delivery& one : lost.reports(kLong)) {
      EXPECT_FALSE(one.outcome.ok());
      ++told;
    }
  }
  EXPECT_EQ(told, kInFlightMax);
}

INSTANTIATE_TEST_SUITE_P(Kafka, KafkaMessagesTest, testing::Values(test::Adapter::Kafka),
                         test::adapter_name);

}  // namespace
}  // namespace weir::kafka
#endif
