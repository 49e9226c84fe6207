// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "dagmanager/core/control_events.h"
#include "dagmanager/core/graph_index.h"

/// Tag queries and statistics over the graph (contract section 3.11): pure, given the index.
namespace weir::dagmanager {

/// GetQueues as asked.
struct TagQueryAsked {
  std::vector<std::string> tags;
  std::int64_t interval = 0;  ///< seconds
  std::string match_mode;     ///< "any", "all"; empty: any
  std::string world_id;       ///< with execution_domain: exact names of that world and domain only
  std::string execution_domain;
};

/// Queues that answer. Without a world: base names (own namespace cut off), distinct. Empty tags
/// find nothing. INVALID_ARGUMENT `match_mode_invalid`.
Result<std::vector<QueueDescriptor>> find_queues(const GraphIndex& index,
                                                 const TagQueryAsked& asked);

/// The filter of GetQueueStats: "tag=a,b;interval=60".
struct StatsFilter {
  std::vector<std::string> tags;         ///< empty: any
  std::optional<std::int64_t> interval;  ///< seconds
};

/// INVALID_ARGUMENT `filter_invalid` names the part that cannot be read.
Result<StatsFilter> parse_stats_filter(std::string_view text);

/// Topics of the active queues that pass: by the queue's tag (its type) or a tag of its node.
std::vector<graph::TopicName> filter_queues(const GraphIndex& index, const StatsFilter& filter);

}  // namespace weir::dagmanager
