// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/ports/monitors/kafka_lag_source.h"

#include <algorithm>
#include <chrono>
#include <set>
#include <string_view>

#include "dagmanager/ports/monitors/limits.h"

namespace weir::dagmanager {
namespace {

Error lag_error(const Error& error) {
  return base::unavailable("broker_unavailable", error.message());
}

}  // namespace

Result<KafkaLagSource::Positions> KafkaLagSource::positions(
    std::span<const graph::TopicName> topics) {
  std::set<std::string_view> wanted;
  for (const graph::TopicName& topic : topics) wanted.insert(topic.view());
  WEIR_TRY(auto groups, groups_.list());
  groups.resize(std::min(groups.size(), kLagGroupsMax));
  Positions positions;
  for (const std::string& group : groups) {
    WEIR_TRY(const auto offsets, groups_.committed(group));
    for (const kafka::CommittedOffset& one : offsets) {
      if (!wanted.contains(one.topic)) continue;
      const auto [at, fresh] = positions[one.topic].try_emplace(one.partition, one.offset);
      at->second = std::min(at->second, one.offset);
    }
  }
  return positions;
}

/// What is behind the positions, of the topics that are there, each of which has a lag from now on.
Result<std::vector<kafka::PartitionSpan>> KafkaLagSource::unread(
    const Positions& positions, std::map<std::string, Duration>& lags) {
  WEIR_TRY(auto cluster, admin_.cluster());
  std::erase_if(cluster.topics,
                [&](const kafka::Topic& topic) { return !positions.contains(topic.name); });
  WEIR_TRY(const auto ends, admin_.watermarks(cluster.topics));
  std::vector<kafka::PartitionSpan> spans;
  for (std::size_t at = 0; at < ends.size(); ++at) {
    const std::string& name = cluster.topics[at].name;
    lags[name] = Duration::zero();
    for (const auto& [partition, offset] : positions.find(name)->second) {
      if (static_cast<std::size_t>(partition) >= ends[at].size()) continue;
      const kafka::PartitionEnds& end = ends[at][static_cast<std::size_t>(partition)];
      if (offset >= end.high) continue;
      spans.push_back({name, partition, std::max(offset, end.low), end.high});
    }
  }
  return spans;
}

Result<std::map<std::string, Duration>> KafkaLagSource::read_lags(const Positions& positions,
                                                                  Instant now) {
  std::map<std::string, Duration> lags;
  if (positions.empty()) return lags;
  WEIR_TRY(const auto spans, unread(positions, lags));
  if (spans.empty()) return lags;
  if (!reader_) {
    WEIR_TRY(reader_, kafka::RangeReader::create(*client_));
  }
  WEIR_TRY(const auto times, reader_->first_times(spans));
  for (std::size_t at = 0; at < spans.size(); ++at) {
    if (!times[at] || *times[at] < 0) continue;
    const Duration behind = now.time_since_epoch() - std::chrono::milliseconds(*times[at]);
    Duration& lag = lags[spans[at].topic];
    lag = std::max(lag, behind);
  }
  return lags;
}

Result<std::vector<std::optional<Duration>>> KafkaLagSource::lags(
    std::span<const graph::TopicName> topics, Instant now) {
  auto found = positions(topics);
  if (!found.ok()) return lag_error(found.error());
  auto read = read_lags(*found, now);
  if (!read.ok()) return lag_error(read.error());
  std::vector<std::optional<Duration>> lags;
  lags.reserve(topics.size());
  for (const graph::TopicName& topic : topics) {
    const auto lag = read->find(topic.text());
    lags.push_back(lag == read->end() ? std::nullopt : std::optional(lag->second));
  }
  return lags;
}

}  // namespace weir::dagmanager
