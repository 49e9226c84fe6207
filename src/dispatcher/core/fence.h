// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>

#include "dispatcher/core/records.h"
#include "dispatcher/core/refusal.h"

/// The fence (contract section 3.2): whoever changes a task names its id, its attempt and the
/// secret lease token of that attempt. Expiry alone does not fence: it only lets the reaper give
/// the task away, and whichever of reaper, claimer and executor locks the row first wins.
namespace weir::dispatcher {

struct Fence {
  int attempt = 1;
  LeaseToken lease_token;
};

enum class FencedCall : std::uint8_t {
  Heartbeat,
  Complete,
  Events,         ///< creates data
  Publish,        ///< creates data
  Deliveries,     ///< creates data
  Invalidations,  ///< creates data
  ReadState,
};

/// Why the fence does not let the call pass; nothing if it does. Rules out, in this order: an
/// unknown task, one in history, a wrong attempt, a wrong token, an ended attempt, a call that
/// would create data for a task that was asked to stop. The late rule lets events, publish and
/// complete of a reaped attempt pass until its retry is queued. After a refusal nothing is written.
std::optional<Refusal> check_fence(const TaskView& view, const BuildFacts& build,
                                   const Fence& fence, FencedCall call);

/// Why the task is to stop: its cancel request, or the stop of its build, which sinks and checks
/// outlive; either counts for more than a time-out. Nothing if it may go on.
std::optional<CancelReason> stop_reason(const TaskView& view, const BuildFacts& build);

/// True if the lease was reaped and the retry is not queued yet: the task waits, and its last
/// attempt is expired.
bool is_late(const TaskView& view);

}  // namespace weir::dispatcher
