// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/ports/events/kafka_event_wire.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "dagmanager/core/control_events.h"
#include "dagmanager/ports/events/limits.h"
#include "drivers/kafka/admin.h"

namespace weir::dagmanager {
namespace {

kafka::NewTopic control_topic(const std::string& name, int brokers) {
  return {.name = name,
          .partitions = kControlTopicPartitions,
          .replication = std::clamp(brokers, 1, kControlTopicReplication),
          .config = {{"cleanup.policy", kControlTopicCleanup},
                     {"retention.ms", kControlTopicRetentionMs}}};
}

/// Another may have made it meanwhile.
Result<void> judge(const kafka::TopicResult& made, const std::string& name) {
  if (made.answer == kafka::TopicAnswer::Done || made.answer == kafka::TopicAnswer::AlreadyThere) {
    return {};
  }
  const Code code =
      made.answer == kafka::TopicAnswer::Denied ? Code::PermissionDenied : Code::FailedPrecondition;
  return Error(code, "bus_topic_missing",
               "the control topic " + name + " cannot be made: " + made.message +
                   "; make it, or give the login of controlbus_dsn the right to");
}

}  // namespace

Result<std::unique_ptr<KafkaEventWire>> KafkaEventWire::open(kafka::ClientOptions options,
                                                             std::string queue_topic,
                                                             Clock& clock) {
  options.call_timeout = kBusCallTimeout;
  WEIR_TRY(auto client, kafka::Client::create(options, clock));
  // A setting that only a producer refuses is refused at the start too.
  WEIR_TRY(auto producer, kafka::Producer::create(options, kSendTimeout, clock));
  std::unique_ptr<KafkaEventWire> wire(
      new KafkaEventWire(std::move(options), std::move(queue_topic), clock, std::move(client)));
  wire->producer_ = std::move(producer);
  return wire;
}

Result<void> KafkaEventWire::prepare() {
  if (prepared_) return {};
  const kafka::Admin admin(*client_);
  WEIR_TRY(const kafka::Cluster cluster, admin.cluster());
  std::vector<kafka::NewTopic> missing;
  for (const std::string& name : {queue_topic_, std::string(kWeightTopic)}) {
    if (std::ranges::find(cluster.topics, name, &kafka::Topic::name) == cluster.topics.end()) {
      missing.push_back(control_topic(name, cluster.brokers));
    }
  }
  if (!missing.empty()) {
    WEIR_TRY(const auto made, admin.create(missing));
    for (std::size_t i = 0; i < made.size(); ++i) WEIR_CHECK(judge(made[i], missing[i].name));
  }
  prepared_ = true;
  return {};
}

Result<void> KafkaEventWire::send(std::int64_t number, const ControlEvent& event) {
  if (producer_->is_broken() && producer_->in_flight() == 0) {
    WEIR_TRY(auto anew, kafka::Producer::create(options_, kSendTimeout, clock_));
    producer_ = std::move(anew);
  }
  return producer_->send(event.topic, event.key, event.envelope, number);
}

std::vector<SendOutcome> KafkaEventWire::outcomes(Duration wait) {
  std::vector<SendOutcome> found;
  for (kafka::Delivery& one :
       producer_->reports(std::chrono::ceil<std::chrono::milliseconds>(wait))) {
    if (!one.outcome.ok()) prepared_ = false;  // a topic may be gone
    found.push_back({.number = one.tag, .sent = std::move(one.outcome)});
  }
  return found;
}

Result<void> KafkaEventWire::ping() {
  WEIR_CHECK(kafka::Admin(*client_).cluster());
  return {};
}

}  // namespace weir::dagmanager
