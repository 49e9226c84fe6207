// SPDX-License-Identifier: Apache-2.0
#include "drivers/kafka/admin.h"

#include <librdkafka/rdkafka.h>

#include <algorithm>
#include <array>
#include <memory>
#include <string_view>
#include <utility>

#include "drivers/kafka/calls.h"

namespace weir::kafka {
namespace {

using MetadataPointer = Owned<const rd_kafka_metadata_t, rd_kafka_metadata_destroy>;

// Kafka's own topics have two of them, and so has no topic of Weir.
constexpr std::string_view kInternal = "__";

TopicAnswer answer_of(rd_kafka_resp_err_t code) {
  switch (code) {
    case RD_KAFKA_RESP_ERR_NO_ERROR:
      return TopicAnswer::Done;
    case RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS:
    case RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION:
      return TopicAnswer::AlreadyThere;
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
      return TopicAnswer::NotThere;
    case RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT:
    case RD_KAFKA_RESP_ERR__TIMED_OUT:
      return TopicAnswer::Unknown;
    case RD_KAFKA_RESP_ERR_INVALID_PARTITIONS:
    case RD_KAFKA_RESP_ERR_INVALID_CONFIG:
    case RD_KAFKA_RESP_ERR_INVALID_REQUEST:
    case RD_KAFKA_RESP_ERR_POLICY_VIOLATION:
      return TopicAnswer::Refused;
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
      return TopicAnswer::Denied;
    default:
      return TopicAnswer::Failed;
  }
}

/// The answers of a request by topic: librdkafka gives them in an order of its own.
std::map<std::string, TopicResult, std::less<>> by_topic(
    std::span<const rd_kafka_topic_result_t*> results) {
  std::map<std::string, TopicResult, std::less<>> found;
  for (const auto* result : results) {
    const char* words = rd_kafka_topic_result_error_string(result);
    found[rd_kafka_topic_result_name(result)] = {
        .answer = answer_of(rd_kafka_topic_result_error(result)),
        .message = words == nullptr ? "" : words};
  }
  return found;
}

TopicResult result_for(const std::map<std::string, TopicResult, std::less<>>& found,
                       const std::string& name) {
  const auto one = found.find(name);
  if (one != found.end()) return one->second;
  return {.answer = TopicAnswer::Unknown, .message = "the broker left it out"};
}

using NewTopics = std::vector<Owned<rd_kafka_NewTopic_t, rd_kafka_NewTopic_destroy>>;

Result<std::vector<TopicResult>> create_some(rd_kafka_t* handle, std::span<const NewTopic> topics,
                                             const Deadline& deadline) {
  std::vector<TopicResult> results(topics.size());
  std::vector<std::size_t> asked;
  NewTopics wanted;
  for (std::size_t at = 0; at < topics.size(); ++at) {
    const NewTopic& topic = topics[at];
    std::array<char, kReasonBytesMax> why{};
    auto* made = rd_kafka_NewTopic_new(topic.name.c_str(), topic.partitions, topic.replication,
                                       why.data(), why.size());
    if (made == nullptr) {
      results[at] = {.answer = TopicAnswer::Refused, .message = why.data()};
      continue;
    }
    wanted.emplace_back(made);
    asked.push_back(at);
    for (const auto& [name, value] : topic.config) {
      rd_kafka_NewTopic_set_config(made, name.c_str(), value.c_str());
    }
  }
  if (wanted.empty()) return results;
  std::vector<rd_kafka_NewTopic_t*> plain;
  for (const auto& one : wanted) plain.push_back(one.get());
  WEIR_TRY(const AdminOptions options,
           options_for(handle, RD_KAFKA_ADMIN_OP_CREATETOPICS, deadline));
  const EventQueue queue(rd_kafka_queue_new(handle));
  rd_kafka_CreateTopics(handle, plain.data(), plain.size(), options.get(), queue.get());
  WEIR_TRY(const Event event, answer(queue.get(), deadline, "create topics"));
  std::size_t count = 0;
  const auto* answers = rd_kafka_event_CreateTopics_result(event.get());
  const auto** topic_results = rd_kafka_CreateTopics_result_topics(answers, &count);
  const auto found = by_topic({topic_results, count});
  for (const std::size_t at : asked) results[at] = result_for(found, topics[at].name);
  return results;
}

Result<std::vector<TopicResult>> remove_some(rd_kafka_t* handle,
                                             std::span<const std::string> topics,
                                             const Deadline& deadline) {
  std::vector<Owned<rd_kafka_DeleteTopic_t, rd_kafka_DeleteTopic_destroy>> wanted;
  std::vector<rd_kafka_DeleteTopic_t*> plain;
  for (const std::string& name : topics) {
    wanted.emplace_back(rd_kafka_DeleteTopic_new(name.c_str()));
    plain.push_back(wanted.back().get());
  }
  WEIR_TRY(const AdminOptions options,
           options_for(handle, RD_KAFKA_ADMIN_OP_DELETETOPICS, deadline));
  const EventQueue queue(rd_kafka_queue_new(handle));
  rd_kafka_DeleteTopics(handle, plain.data(), plain.size(), options.get(), queue.get());
  WEIR_TRY(const Event event, answer(queue.get(), deadline, "delete topics"));
  std::size_t count = 0;
  const auto* answers = rd_kafka_event_DeleteTopics_result(event.get());
  const auto** topic_results = rd_kafka_DeleteTopics_result_topics(answers, &count);
  const auto found = by_topic({topic_results, count});
  std::vector<TopicResult> results;
  for (const std::string& name : topics) results.push_back(result_for(found, name));
  return results;
}

/// The settings of the topics of one request, added to what was found before.
Result<void> configs_of_some(rd_kafka_t* handle, std::span<const std::string> topics,
                             const Deadline& deadline,
                             std::map<std::string, TopicConfig, std::less<>>& found) {
  std::vector<Owned<rd_kafka_ConfigResource_t, rd_kafka_ConfigResource_destroy>> wanted;
  std::vector<rd_kafka_ConfigResource_t*> plain;
  for (const std::string& name : topics) {
    wanted.emplace_back(rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, name.c_str()));
    plain.push_back(wanted.back().get());
  }
  WEIR_TRY(const AdminOptions options,
           options_for(handle, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS, deadline));
  const EventQueue queue(rd_kafka_queue_new(handle));
  rd_kafka_DescribeConfigs(handle, plain.data(), plain.size(), options.get(), queue.get());
  WEIR_TRY(const Event event, answer(queue.get(), deadline, "describe topics"));
  std::size_t count = 0;
  const auto** resources = rd_kafka_DescribeConfigs_result_resources(
      rd_kafka_event_DescribeConfigs_result(event.get()), &count);
  for (std::size_t at = 0; at < count; ++at) {
    const auto failed = rd_kafka_ConfigResource_error(resources[at]);
    if (failed == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART) continue;
    if (failed != RD_KAFKA_RESP_ERR_NO_ERROR) {
      const char* words = rd_kafka_ConfigResource_error_string(resources[at]);
      return client_error(failed, "describe topics", words == nullptr ? "" : words);
    }
    std::size_t entries = 0;
    const auto** entry = rd_kafka_ConfigResource_configs(resources[at], &entries);
    TopicConfig& config = found[rd_kafka_ConfigResource_name(resources[at])];
    for (std::size_t i = 0; i < entries; ++i) {
      const char* value = rd_kafka_ConfigEntry_value(entry[i]);
      config[rd_kafka_ConfigEntry_name(entry[i])] = {
          .value = value == nullptr ? "" : value,
          .is_default =
              rd_kafka_ConfigEntry_source(entry[i]) != RD_KAFKA_CONFIG_SOURCE_DYNAMIC_TOPIC_CONFIG};
    }
  }
  return {};
}

/// Of a topic that was made, or whose broker went, just now: another try finds who leads it.
bool has_no_leader_yet(rd_kafka_resp_err_t code) {
  return is_without_leader(code) || code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
}

/// Every partition of the topics, with the offset that is asked for.
Partitions partitions_of(std::span<const Topic> topics, std::int64_t end) {
  Partitions wanted(rd_kafka_topic_partition_list_new(static_cast<int>(topics.size())));
  for (const Topic& topic : topics) {
    for (int partition = 0; partition < topic.partitions; ++partition) {
      rd_kafka_topic_partition_list_add(wanted.get(), topic.name.c_str(), partition)->offset = end;
    }
  }
  return wanted;
}

/// The offset at one end of each partition, in their order.
Result<std::vector<std::int64_t>> offsets_at(rd_kafka_t* handle, std::span<const Topic> topics,
                                             std::int64_t end, const Deadline& deadline) {
  for (int tries = 1;; ++tries) {
    const Partitions found = partitions_of(topics, end);
    auto failed = rd_kafka_offsets_for_times(handle, found.get(), deadline.milliseconds());
    std::vector<std::int64_t> offsets;
    for (const auto& one : std::span(found->elems, static_cast<std::size_t>(found->cnt))) {
      if (failed == RD_KAFKA_RESP_ERR_NO_ERROR) failed = one.err;
      offsets.push_back(one.offset);
    }
    if (failed == RD_KAFKA_RESP_ERR_NO_ERROR) return offsets;
    if (tries == kLeaderTries || !has_no_leader_yet(failed)) {
      return client_error(failed, "read the ends of topics");
    }
    deadline.sleep_for(kLeaderWait);
  }
}

}  // namespace

Result<std::vector<TopicResult>> Admin::create(std::span<const NewTopic> topics) const {
  const Deadline deadline(client_);
  std::vector<TopicResult> results;
  for (std::size_t from = 0; from < topics.size(); from += kTopicsARequest) {
    const auto some = topics.subspan(from, std::min(kTopicsARequest, topics.size() - from));
    WEIR_TRY(const auto answers, create_some(client_.handle(), some, deadline));
    results.insert(results.end(), answers.begin(), answers.end());
  }
  return results;
}

Result<std::vector<TopicResult>> Admin::remove(std::span<const std::string> topics) const {
  const Deadline deadline(client_);
  std::vector<TopicResult> results;
  for (std::size_t from = 0; from < topics.size(); from += kTopicsARequest) {
    const auto some = topics.subspan(from, std::min(kTopicsARequest, topics.size() - from));
    WEIR_TRY(const auto answers, remove_some(client_.handle(), some, deadline));
    results.insert(results.end(), answers.begin(), answers.end());
  }
  return results;
}

Result<Cluster> Admin::cluster() const {
  const Deadline deadline(client_);
  const rd_kafka_metadata_t* read = nullptr;
  if (const auto failed =
          rd_kafka_metadata(client_.handle(), 1, nullptr, &read, deadline.milliseconds());
      failed != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return client_error(failed, "read the cluster's metadata");
  }
  const MetadataPointer metadata(read);
  Cluster cluster;
  cluster.brokers = metadata->broker_cnt;
  for (int at = 0; at < metadata->topic_cnt; ++at) {
    const rd_kafka_metadata_topic_t& topic = metadata->topics[at];
    if (std::string_view(topic.topic).starts_with(kInternal)) continue;
    const bool is_led = topic.err == RD_KAFKA_RESP_ERR_NO_ERROR ||
                        topic.err == RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE;
    if (!is_led) continue;
    cluster.topics.push_back(
        {.name = topic.topic,
         .partitions = topic.partition_cnt,
         .replication = topic.partition_cnt > 0 ? topic.partitions[0].replica_cnt : 0});
  }
  std::ranges::sort(cluster.topics, {}, &Topic::name);
  return cluster;
}

Result<std::vector<std::optional<TopicConfig>>> Admin::configs(
    std::span<const std::string> topics) const {
  const Deadline deadline(client_);
  std::map<std::string, TopicConfig, std::less<>> found;
  for (std::size_t from = 0; from < topics.size(); from += kConfigsARequest) {
    const auto some = topics.subspan(from, std::min(kConfigsARequest, topics.size() - from));
    WEIR_CHECK(configs_of_some(client_.handle(), some, deadline, found));
  }
  std::vector<std::optional<TopicConfig>> configs;
  for (const std::string& name : topics) {
    const auto one = found.find(name);
    configs.push_back(one == found.end() ? std::nullopt : std::optional(one->second));
  }
  return configs;
}

Result<std::vector<std::vector<PartitionEnds>>> Admin::watermarks(
    std::span<const Topic> topics) const {
  const Deadline deadline(client_);
  std::vector<std::vector<PartitionEnds>> found;
  found.reserve(topics.size());
  for (std::size_t from = 0; from < topics.size();) {
    std::size_t count = 0;
    std::size_t partitions = 0;
    while (from + count < topics.size() && (count == 0 || partitions < kPartitionsARequest)) {
      partitions += static_cast<std::size_t>(topics[from + count++].partitions);
    }
    const auto some = topics.subspan(from, count);
    WEIR_TRY(const auto lows,
             offsets_at(client_.handle(), some, RD_KAFKA_OFFSET_BEGINNING, deadline));
    WEIR_TRY(const auto highs, offsets_at(client_.handle(), some, RD_KAFKA_OFFSET_END, deadline));
    std::size_t at = 0;
    for (const Topic& topic : some) {
      auto& of_topic = found.emplace_back();
      for (int partition = 0; partition < topic.partitions; ++partition, ++at) {
        of_topic.push_back({.low = lows[at], .high = highs[at]});
      }
    }
    from += count;
  }
  return found;
}

Result<std::vector<std::int64_t>> Admin::sizes(std::span<const Topic> topics) const {
  WEIR_TRY(const auto found, watermarks(topics));
  std::vector<std::int64_t> sizes;
  sizes.reserve(found.size());
  for (const auto& partitions : found) {
    std::int64_t held = 0;
    for (const PartitionEnds& one : partitions) held += one.high - one.low;
    sizes.push_back(held);
  }
  return sizes;
}

}  // namespace weir::kafka
