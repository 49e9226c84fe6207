// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>

#include "dagmanager/core/control_events.h"
#include "dagmanager/core/records.h"

/// The end of buffering (contract section 3.13). A queue whose node's schema moved on is marked by
/// the first diff that says so, and its content follows the old schema meanwhile. A queue that
/// buffers for longer than `delay_days` is to be computed in full:
///
///   buffering       marked since an instant that no later diff moves
///   recompute due   told once, by a lifecycle event; from now on its content follows the schema
///                   that was announced last, so diffs that say that schema buffer no more. The
///                   flag stands for who missed the event, until a mark begins anew
namespace weir::dagmanager {

/// What a pass of the loop asks for; `before`: marks that are older than this.
struct RecomputeOrder {
  Instant before{};
  RowId after = 0;  ///< queues behind this row
  std::size_t limit = 0;
  Instant at{};
};

/// Whether a queue, if it is active, has buffered for too long.
bool recompute_is_due(const QueueRecord& queue, const RecomputeOrder& order);

/// A queue as the order leaves it.
QueueRecord recomputing(QueueRecord queue);

/// What is told of it; `interval`: of its node.
LifecycleUpdate recompute_told(const QueueRecord& queue, std::optional<std::int64_t> interval);

}  // namespace weir::dagmanager
