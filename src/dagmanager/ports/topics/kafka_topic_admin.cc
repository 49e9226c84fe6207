// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/ports/topics/kafka_topic_admin.h"

#include <absl/container/flat_hash_map.h>
#include <absl/container/flat_hash_set.h>

#include <algorithm>
#include <charconv>
#include <string>
#include <string_view>
#include <utility>

#include "base/crash_point.h"

namespace weir::dagmanager {
namespace {

constexpr const char* kRetention = "retention.ms";
constexpr const char* kCleanup = "cleanup.policy";

/// The driver's faults as the port has them: whatever a broker says of a whole call, another time
/// it may say something else.
Error broker_error(const Error& error) {
  const bool timed_out = error.code() == Code::DeadlineExceeded;
  return {timed_out ? Code::DeadlineExceeded : Code::Unavailable, "broker_unavailable",
          error.message()};
}

kafka::NewTopic new_topic(const TopicSpec& spec) {
  kafka::NewTopic topic{.name = spec.topic.text(),
                        .partitions = spec.shape.partitions,
                        .replication = spec.shape.replication,
                        .config = {{kRetention, std::to_string(spec.shape.retention_ms)}}};
  if (!spec.shape.cleanup.empty()) topic.config[kCleanup] = spec.shape.cleanup;
  return topic;
}

/// Rights are given by people: until then nothing is known of any of the topics.
Error denied(const std::string& words) {
  return base::unavailable("broker_unavailable", "this login may not make topics: " + words);
}

CreateAnswer created_as(kafka::TopicAnswer answer) {
  switch (answer) {
    case kafka::TopicAnswer::Done:
      return CreateAnswer::Created;
    case kafka::TopicAnswer::AlreadyThere:
      return CreateAnswer::AlreadyExists;
    case kafka::TopicAnswer::Unknown:
      return CreateAnswer::Unknown;
    case kafka::TopicAnswer::Refused:
      return CreateAnswer::Refused;
    case kafka::TopicAnswer::NotThere:
    case kafka::TopicAnswer::Failed:
    case kafka::TopicAnswer::Denied:
      break;
  }
  return CreateAnswer::Failed;
}

std::int64_t number(std::string_view text) {
  std::int64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

TopicSeen seen_as(const kafka::Topic& topic, const kafka::TopicConfig& config) {
  TopicSeen seen{graph::TopicName(topic.name),
                 {.partitions = topic.partitions,
                  .replication = topic.replication,
                  .retention_ms = 0,
                  .cleanup = ""}};
  if (const auto found = config.find(kRetention); found != config.end()) {
    seen.shape.retention_ms = number(found->second.value);
  }
  if (const auto found = config.find(kCleanup);
      found != config.end() && !found->second.is_default) {
    seen.shape.cleanup = found->second.value;
  }
  return seen;
}

}  // namespace

Result<std::unique_ptr<KafkaTopicAdmin>> KafkaTopicAdmin::open(const kafka::ClientOptions& options,
                                                               Clock& clock) {
  WEIR_TRY(auto client, kafka::Client::create(options, clock));
  return std::make_unique<KafkaTopicAdmin>(std::shared_ptr<kafka::Client>(std::move(client)));
}

Result<std::vector<CreateAnswer>> KafkaTopicAdmin::create(std::span<const TopicSpec> topics) {
  std::vector<CreateAnswer> answers(topics.size(), CreateAnswer::Refused);
  std::vector<kafka::NewTopic> wanted;
  std::vector<std::size_t> asked;
  absl::flat_hash_set<std::string_view> names;
  for (std::size_t at = 0; at < topics.size(); ++at) {
    if (graph::illegal_topic(topics[at].topic.view())) continue;
    answers[at] = CreateAnswer::AlreadyExists;  // if its name came before it in this call
    if (!names.insert(topics[at].topic.view()).second) continue;
    wanted.push_back(new_topic(topics[at]));
    asked.push_back(at);
  }
  WEIR_CRASH_POINT("topics.before_create");
  auto results = admin_.create(wanted);
  if (!results.ok()) return broker_error(results.error());
  WEIR_CRASH_POINT("topics.after_create");
  for (const kafka::TopicResult& result : *results) {
    if (result.answer == kafka::TopicAnswer::Denied) return denied(result.message);
  }
  for (std::size_t i = 0; i < asked.size(); ++i) {
    answers[asked[i]] = created_as((*results)[i].answer);
  }
  const auto failed =
      std::ranges::find(*results, kafka::TopicAnswer::Failed, &kafka::TopicResult::answer);
  if (failed != results->end() && not_made_) {
    const auto at = static_cast<std::size_t>(failed - results->begin());
    not_made_(topics[asked[at]].topic, failed->message);
  }
  return answers;
}

Result<std::vector<TopicSeen>> KafkaTopicAdmin::shapes_of(
    const std::vector<kafka::Topic>& topics) const {
  std::vector<std::string> names;
  names.reserve(topics.size());
  for (const kafka::Topic& topic : topics) names.push_back(topic.name);
  auto configs = admin_.configs(names);
  if (!configs.ok()) return broker_error(configs.error());
  std::vector<TopicSeen> seen;
  for (std::size_t at = 0; at < topics.size(); ++at) {
    // One broker has it in its metadata and another has no settings of it: made or deleted now.
    if ((*configs)[at]) seen.push_back(seen_as(topics[at], *(*configs)[at]));
  }
  return seen;
}

Result<std::vector<TopicSeen>> KafkaTopicAdmin::look(std::span<const graph::TopicName> topics) {
  if (topics.empty()) return std::vector<TopicSeen>();
  auto cluster = admin_.cluster();
  if (!cluster.ok()) return broker_error(cluster.error());
  absl::flat_hash_set<std::string> keys;
  for (const graph::TopicName& topic : topics) keys.insert(graph::topic_key(topic).text());
  std::erase_if(cluster->topics, [&](const kafka::Topic& topic) {
    return !keys.contains(graph::topic_key(graph::TopicName(topic.name)).text());
  });
  return shapes_of(cluster->topics);
}

Result<std::vector<TopicSeen>> KafkaTopicAdmin::list() {
  auto cluster = admin_.cluster();
  if (!cluster.ok()) return broker_error(cluster.error());
  return shapes_of(cluster->topics);
}

Result<std::vector<std::optional<std::int64_t>>> KafkaTopicAdmin::sizes(
    std::span<const graph::TopicName> topics) {
  auto cluster = admin_.cluster();
  if (!cluster.ok()) return broker_error(cluster.error());
  absl::flat_hash_map<std::string_view, const kafka::Topic*> there;
  for (const kafka::Topic& topic : cluster->topics) there[topic.name] = &topic;
  std::vector<std::optional<std::int64_t>> sizes(topics.size());
  std::vector<kafka::Topic> asked;
  std::vector<std::size_t> places;
  for (std::size_t at = 0; at < topics.size(); ++at) {
    const auto found = there.find(topics[at].view());
    if (found == there.end()) continue;
    asked.push_back(*found->second);
    places.push_back(at);
  }
  auto counts = admin_.sizes(asked);
  if (!counts.ok()) return broker_error(counts.error());
  for (std::size_t i = 0; i < places.size(); ++i) sizes[places[i]] = (*counts)[i];
  return sizes;
}

Result<std::vector<bool>> KafkaTopicAdmin::remove(std::span<const graph::TopicName> topics) {
  std::vector<std::string> names;
  absl::flat_hash_map<std::string, std::size_t> places;
  for (const graph::TopicName& topic : topics) {
    if (places.try_emplace(topic.text(), names.size()).second) names.push_back(topic.text());
  }
  WEIR_CRASH_POINT("topics.before_remove");
  auto results = admin_.remove(names);
  if (!results.ok()) return broker_error(results.error());
  WEIR_CRASH_POINT("topics.after_remove");
  std::vector<bool> gone;
  gone.reserve(topics.size());
  for (const graph::TopicName& topic : topics) {
    const kafka::TopicAnswer answer = (*results)[places[topic.text()]].answer;
    gone.push_back(answer == kafka::TopicAnswer::Done || answer == kafka::TopicAnswer::NotThere);
  }
  return gone;
}

Result<int> KafkaTopicAdmin::broker_count() {
  auto cluster = admin_.cluster();
  if (!cluster.ok()) return broker_error(cluster.error());
  return cluster->brokers;
}

Result<void> KafkaTopicAdmin::ping() {
  WEIR_CHECK(broker_count());
  return {};
}

}  // namespace weir::dagmanager
