// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/tag_query.h"

#include <algorithm>
#include <charconv>
#include <set>

#include "base/text.h"

namespace weir::dagmanager {
namespace {

std::vector<std::string> clean_tags(const std::vector<std::string>& tags) {
  std::vector<std::string> clean;
  for (const std::string& tag : tags) {
    const std::string_view trimmed = base::trim(tag);
    if (!trimmed.empty()) clean.emplace_back(trimmed);
  }
  std::ranges::sort(clean);
  clean.erase(std::ranges::unique(clean).begin(), clean.end());
  return clean;
}

/// The name a client puts its own namespace in front of.
graph::TopicName base_name(const QueueView& queue) {
  const std::string& prefix = queue.binding().name_space.text();
  std::string_view name = queue.topic();
  if (!prefix.empty() && name.size() > prefix.size() + 1 && name.starts_with(prefix) &&
      name[prefix.size()] == '.') {
    name.remove_prefix(prefix.size() + 1);
  }
  return graph::TopicName(name);
}

/// "60", "5m", "1h", "30s"; "0" and "" are not given.
Result<std::optional<std::int64_t>> parse_interval(std::string_view text) {
  const auto refuse = [&] {
    return base::invalid_argument("filter_invalid", "interval \"" + std::string(text) +
                                                        "\" is neither seconds nor like 5m or 1h");
  };
  std::int64_t number = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), number);
  if (text.empty()) return std::optional<std::int64_t>();
  if (read.ec != std::errc() || number < 0) return refuse();
  const std::string_view unit(read.ptr,
                              static_cast<std::size_t>(text.data() + text.size() - read.ptr));
  std::int64_t seconds = 1;
  if (unit == "m") seconds = 60;
  if (unit == "h") seconds = 3600;
  if (seconds == 1 && !unit.empty() && unit != "s") return refuse();
  if (number > INT64_MAX / seconds) return refuse();
  if (number == 0) return std::optional<std::int64_t>();
  return std::optional(number * seconds);
}

}  // namespace

Result<std::vector<QueueDescriptor>> find_queues(const GraphIndex& index,
                                                 const TagQueryAsked& asked) {
  const std::string mode = base::lower_ascii(base::trim(asked.match_mode));
  if (!mode.empty() && mode != "any" && mode != "all") {
    return base::invalid_argument("match_mode_invalid",
                                  "match_mode \"" + asked.match_mode + "\" is neither any nor all");
  }
  const bool exact = !asked.world_id.empty() || !asked.execution_domain.empty();
  QuerySet set{clean_tags(asked.tags), asked.interval, mode == "all", {}};
  if (exact) {
    set.scope.world_id = asked.world_id;
    set.scope.execution_domain =
        graph::canonical_domain(asked.execution_domain).value_or(asked.execution_domain);
  }
  std::vector<QueueDescriptor> found;
  std::set<std::string> names;
  for (const RowId row : exact ? index.match(set) : index.match_any_scope(set)) {
    const QueueView queue = index.queue(row);
    const NodeView node = index.node(queue.node());
    QueueDescriptor descriptor{exact ? graph::TopicName(queue.topic()) : base_name(queue),
                               node && node.global()};
    if (names.insert(descriptor.topic.text()).second) found.push_back(std::move(descriptor));
  }
  return found;
}

Result<StatsFilter> parse_stats_filter(std::string_view text) {
  StatsFilter filter;
  for (const std::string_view part : base::split(text, ';')) {
    const std::string_view trimmed = base::trim(part);
    if (trimmed.empty()) continue;
    const std::size_t equals = trimmed.find('=');
    const std::string_view key = base::trim(trimmed.substr(0, equals));
    const std::string_view value =
        equals == std::string_view::npos ? "" : base::trim(trimmed.substr(equals + 1));
    if (key == "tag") {
      std::vector<std::string> tags;
      for (const std::string_view tag : base::split(value, ',')) tags.emplace_back(tag);
      filter.tags = clean_tags(tags);
    } else if (key == "interval") {
      WEIR_TRY(filter.interval, parse_interval(value));
    } else {
      return base::invalid_argument("filter_invalid", "filter part \"" + std::string(trimmed) +
                                                          "\" is neither tag=… nor interval=…");
    }
  }
  return filter;
}

std::vector<graph::TopicName> filter_queues(const GraphIndex& index, const StatsFilter& filter) {
  std::vector<graph::TopicName> topics;
  index.for_each_queue([&](const QueueView& queue) {
    if (!queue.is_active()) return;
    const NodeView node = index.node(queue.node());
    if (!node) return;
    if (filter.interval && node.interval() != *filter.interval) return;
    const std::vector<std::string_view> tags = node.tags();
    const auto tagged = [&](const std::string& tag) {
      return tag == graph::topic_type_name(queue.type()) ||
             std::ranges::find(tags, tag) != tags.end();
    };
    if (!filter.tags.empty() && std::ranges::none_of(filter.tags, tagged)) return;
    topics.emplace_back(queue.topic());
  });
  return topics;
}

}  // namespace weir::dagmanager
