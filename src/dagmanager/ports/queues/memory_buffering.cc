// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/ports/queues/memory_buffering.h"

#include <algorithm>
#include <utility>

#include "base/crash_point.h"
#include "base/uuid.h"

namespace weir::dagmanager {
namespace {

std::vector<QueueRecord> due_queues(const GraphIndex& index, const RecomputeOrder& order) {
  std::vector<QueueRecord> due;
  index.for_each_queue([&](const QueueView& view) {
    if (!view.is_active() || view.row() <= order.after) return;
    QueueRecord queue = view.record();
    if (recompute_is_due(queue, order)) due.push_back(std::move(queue));
  });
  std::ranges::sort(due, {}, &QueueRecord::row);
  if (due.size() > order.limit) due.resize(order.limit);
  return due;
}

void tell(MemoryGraph& graph, Random& random, const QueueRecord& queue, Instant at) {
  const NodeView node = graph.index.node(queue.node);
  OutboxRow row;
  row.id = base::uuid_v4(random);
  row.key_seq = ++graph.last_event;
  row.revision = ++graph.revisions[lifecycle_key(queue.topic)];
  row.created_at = at;
  row.lifecycle = recompute_told(queue, node ? std::optional(node.interval()) : std::nullopt);
  graph.outbox.add(row);
}

}  // namespace

Result<std::vector<RowId>> MemoryBuffering::recompute(const LoopFence& fence,
                                                      const RecomputeOrder& order) {
  WEIR_TRY(const auto held, loops_.lock(fence));
  std::vector<RowId> rows;
  WEIR_CHECK(store_.alter([&](MemoryGraph& graph, const auto& /*tell*/) -> Result<bool> {
    std::vector<RowId> nodes;
    for (const QueueRecord& queue : due_queues(graph.index, order)) {
      tell(graph, random_, queue, order.at);
      graph.index.put_queue(recomputing(queue));
      rows.push_back(queue.row);
      nodes.push_back(queue.node);
    }
    if (rows.empty()) return false;
    std::ranges::sort(nodes);
    nodes.erase(std::ranges::unique(nodes).begin(), nodes.end());
    graph.touch(std::move(nodes));
    WEIR_CRASH_POINT("recompute.before_commit");
    return true;
  }));
  if (!rows.empty()) WEIR_CRASH_POINT("recompute.after_commit");
  return rows;
}

}  // namespace weir::dagmanager
