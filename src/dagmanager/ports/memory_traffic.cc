// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <mutex>

#include "dagmanager/ports/memory_graph_store.h"

// Shares of traffic in a memory store.
namespace weir::dagmanager {

Result<WeightOutcome> MemoryGraphStore::set_weight(const WeightChange& change) {
  const std::unique_lock lock(mutex_);
  if (unsaved_) WEIR_CHECK(save());
  WEIR_TRY(WeightOutcome outcome, decide_weight(graph_.sentinels, change.request, graph_.fence()));
  if (!outcome.changed) return outcome;
  const SentinelRecord& wanted = outcome.sentinel;
  const auto stored = std::ranges::find_if(graph_.sentinels, [&](const SentinelRecord& one) {
    return one.id == wanted.id && one.world == wanted.world && one.version == wanted.version;
  });
  graph_.audit.push_back(audit_of(outcome, stored->traffic_weight, change));
  stored->traffic_weight = wanted.traffic_weight;
  OutboxRow row = new_event(change.at);
  row.weight = WeightUpdate{wanted.id, wanted.version, wanted.world, *wanted.traffic_weight};
  graph_.outbox.add(row);
  unsaved_ = true;
  if (bell_.written) bell_.written();
  WEIR_CHECK(save());
  return outcome;
}

std::vector<std::pair<RowId, AuditRow>> MemoryGraphStore::read_audit(RowId after,
                                                                     std::size_t limit) const {
  const std::shared_lock lock(mutex_);
  std::vector<std::pair<RowId, AuditRow>> rows;
  for (auto seq = static_cast<std::size_t>(after); seq < graph_.audit.size() && rows.size() < limit;
       ++seq) {
    rows.emplace_back(static_cast<RowId>(seq + 1), graph_.audit[seq]);
  }
  return rows;
}

Result<WeightOutcome> MemoryTrafficStore::set_weight(const WeightChange& change) {
  WEIR_CHECK(check_weight(change.request));
  return store_.set_weight(change);
}

Result<std::vector<std::pair<RowId, AuditRow>>> MemoryTrafficStore::audit(RowId after,
                                                                          std::size_t limit) {
  return store_.read_audit(after, limit);
}

}  // namespace weir::dagmanager
