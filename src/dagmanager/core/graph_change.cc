// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/core/graph_change.h"

namespace weir::dagmanager {

QueueRecord promoted(QueueRecord intent, const QueuePromotion& promotion,
                     const GraphChange& change) {
  intent.state = QueueState::Active;
  intent.node = promotion.node;
  intent.shape = promotion.shape;
  intent.schema_hash = promotion.schema_hash;
  intent.ttl_ms = promotion.ttl_ms;
  intent.lag_alert_seconds = promotion.lag_alert_seconds;
  intent.created_at = change.at;
  intent.binding = change.binding;
  return intent;
}

/// The first mark of a queue stays. One that begins anew has its own order at its end.
QueueRecord marked(QueueRecord queue, const BufferMark& mark) {
  queue.pending_schema_hash = mark.pending_schema_hash;
  if (mark.since && !queue.buffering_since) queue.recompute_due = false;
  if (!queue.buffering_since) queue.buffering_since = mark.since;
  return queue;
}

}  // namespace weir::dagmanager
