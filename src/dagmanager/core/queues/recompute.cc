// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/core/queues/recompute.h"

#include <string>
#include <utility>

namespace weir::dagmanager {

bool recompute_is_due(const QueueRecord& queue, const RecomputeOrder& order) {
  return queue.state == QueueState::Active && queue.buffering_since &&
         *queue.buffering_since < order.before;
}

QueueRecord recomputing(QueueRecord queue) {
  if (!queue.pending_schema_hash.empty()) queue.schema_hash = std::move(queue.pending_schema_hash);
  queue.pending_schema_hash.clear();
  queue.buffering_since.reset();
  queue.recompute_due = true;
  return queue;
}

LifecycleUpdate recompute_told(const QueueRecord& queue, std::optional<std::int64_t> interval) {
  LifecycleUpdate told{.queue = queue.topic,
                       .action = "recompute",
                       .reason = "schema_changed",
                       .tag = std::string(graph::topic_type_name(queue.type)),
                       .interval = interval};
  if (queue.binding) told.scope = queue.binding->scope;
  return told;
}

}  // namespace weir::dagmanager
