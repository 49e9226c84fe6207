// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/ports/topics/memory_topic_log.h"

#include <algorithm>
#include <vector>

#include "dagmanager/core/topics/log_pruning.h"

namespace weir::dagmanager {
namespace {

std::size_t prune_log(MemoryTopicLog& log, Instant horizon, std::size_t limit) {
  std::vector<TopicLogRow> rows;
  rows.reserve(log.size());
  for (std::size_t at = 0; at < log.size(); ++at) rows.push_back(log.row(at));
  std::vector<bool> stays = rows_that_stay(rows, horizon);
  std::size_t gone = 0;
  for (auto&& stays_here : stays) {
    if (stays_here) continue;
    stays_here = gone == limit;
    if (!stays_here) ++gone;
  }
  if (gone > 0) log.keep_only(stays);
  return gone;
}

/// From its beginning on, so that the others keep their numbers.
std::size_t prune_audit(MemoryGraph& graph, Instant horizon, std::size_t limit) {
  const auto stays =
      std::ranges::find_if(graph.audit, [&](const AuditRow& row) { return row.at >= horizon; });
  const auto gone = std::min(limit, static_cast<std::size_t>(stays - graph.audit.begin()));
  graph.audit.erase(graph.audit.begin(), graph.audit.begin() + static_cast<std::ptrdiff_t>(gone));
  graph.audit_gone += static_cast<RowId>(gone);
  return gone;
}

}  // namespace

Result<std::size_t> MemoryTopicLogStore::prune(const LoopFence& fence, Instant horizon,
                                               std::size_t limit) {
  WEIR_TRY(const auto held, loops_.lock(fence));
  std::size_t gone = 0;
  WEIR_CHECK(store_.alter([&](MemoryGraph& graph, const auto& /*tell*/) -> Result<bool> {
    gone = prune_log(graph.log, horizon, limit) + prune_audit(graph, horizon, limit);
    if (!graph.log_pruned || *graph.log_pruned < horizon) graph.log_pruned = horizon;
    return gone > 0;
  }));
  return gone;
}

Result<std::optional<Instant>> MemoryTopicLogStore::pruned_before() {
  std::optional<Instant> before;
  store_.look([&](const MemoryGraph& graph) { before = graph.log_pruned; });
  return before;
}

}  // namespace weir::dagmanager
