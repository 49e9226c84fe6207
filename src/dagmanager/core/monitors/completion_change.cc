// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/core/monitors/completion_change.h"

#include <algorithm>

namespace weir::dagmanager {

std::vector<RowId> rows_of(const std::vector<QueueSilence>& silences) {
  std::vector<RowId> rows;
  rows.reserve(silences.size());
  for (const QueueSilence& one : silences) rows.push_back(one.queue);
  return rows;
}

std::vector<RowId> CompletionOutcome::queues() const {
  std::vector<RowId> rows = rows_of(completed);
  rows.insert(rows.end(), resumed.begin(), resumed.end());
  std::ranges::sort(rows);
  return rows;
}

CompletionOutcome plan_completion(const GraphIndex& index, const CompletionChange& change) {
  const auto changes = [&](RowId row, bool completes) {
    const QueueView queue = index.queue(row);
    return queue && queue.is_active() && queue.completed() != completes;
  };
  CompletionOutcome outcome;
  for (const QueueSilence& one : change.completed) {
    if (changes(one.queue, true)) outcome.completed.push_back(one);
  }
  for (const RowId row : change.resumed) {
    if (changes(row, false)) outcome.resumed.push_back(row);
  }
  std::ranges::sort(outcome.completed, {}, &QueueSilence::queue);
  std::ranges::sort(outcome.resumed);
  for (const RowId row : outcome.queues()) {
    if (const RowId node = index.queue(row).node(); node != 0) outcome.nodes.push_back(node);
  }
  std::ranges::sort(outcome.nodes);
  outcome.nodes.erase(std::ranges::unique(outcome.nodes).begin(), outcome.nodes.end());
  outcome.updates = queries_after(index, rows_of(outcome.completed), outcome.resumed);
  return outcome;
}

}  // namespace weir::dagmanager
