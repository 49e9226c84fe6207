// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "dagmanager/core/control_events.h"

namespace weir::postgres {
class Pipeline;
}  // namespace weir::postgres

namespace weir::dagmanager {

/// Outbox rows of what becomes of queues, each with the next revision of its queue and the sequence
/// numbers behind `event_seq`. In a transaction that holds the lock of the epoch.
void add_lifecycles(postgres::Pipeline& pipeline, const std::vector<LifecycleUpdate>& updates,
                    Random& random, std::int64_t event_seq, Instant at);

}  // namespace weir::dagmanager
