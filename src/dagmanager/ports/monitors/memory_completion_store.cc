// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/ports/monitors/memory_completion_store.h"

#include <utility>

#include "base/crash_point.h"
#include "base/uuid.h"

namespace weir::dagmanager {
namespace {

void set_completed(GraphIndex& index, RowId row, bool completed) {
  QueueRecord queue = index.queue(row).record();
  queue.completed = completed;
  index.put_queue(queue);
}

void apply_outcome(MemoryGraph& graph, Random& random, CompletionOutcome outcome, Instant at) {
  for (QueueUpdate& update : outcome.updates) {
    OutboxRow row;
    row.id = base::uuid_v4(random);
    row.key_seq = ++graph.last_event;
    row.revision = ++graph.revisions[query_key(update.query)];
    row.created_at = at;
    row.queues = std::move(update);
    graph.outbox.add(row);
  }
  for (const QueueSilence& one : outcome.completed) {
    set_completed(graph.index, one.queue, true);
    graph.silences[one.queue] = one;
  }
  for (const RowId row : outcome.resumed) {
    set_completed(graph.index, row, false);
    graph.silences.erase(row);
  }
  graph.touch(std::move(outcome.nodes));
}

}  // namespace

Result<std::vector<QueueSilence>> MemoryCompletionStore::silences(const LoopFence& fence) {
  WEIR_TRY(const auto held, loops_.lock(fence));
  std::vector<QueueSilence> noted;
  store_.look([&](const MemoryGraph& graph) {
    for (const auto& [row, silence] : graph.silences) noted.push_back(silence);
  });
  return noted;
}

Result<std::vector<RowId>> MemoryCompletionStore::change(const LoopFence& fence,
                                                         const CompletionChange& change) {
  WEIR_TRY(const auto held, loops_.lock(fence));
  std::vector<RowId> rows;
  WEIR_CHECK(store_.alter([&](MemoryGraph& graph, const auto& /*tell*/) -> Result<bool> {
    CompletionOutcome outcome = plan_completion(graph.index, change);
    if (outcome.empty()) return false;
    rows = outcome.queues();
    WEIR_CRASH_POINT("completion.before_commit");
    apply_outcome(graph, random_, std::move(outcome), change.at);
    return true;
  }));
  if (!rows.empty()) WEIR_CRASH_POINT("completion.after_commit");
  return rows;
}

Result<void> MemoryCompletionStore::note(const LoopFence& fence, const SilenceNotes& notes) {
  WEIR_TRY(const auto held, loops_.lock(fence));
  return store_.alter([&](MemoryGraph& graph, const auto& /*tell*/) -> Result<bool> {
    for (const QueueSilence& one : notes.put) graph.silences[one.queue] = one;
    for (const RowId row : notes.forgotten) graph.silences.erase(row);
    return !notes.put.empty() || !notes.forgotten.empty();
  });
}

}  // namespace weir::dagmanager
