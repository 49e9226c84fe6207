// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

#include "base/clock.h"
#include "dispatcher/core/limits.h"

/// Bounds that every adapter of the task plane's ports keeps (contract sections 3.3, 6.4 and
/// appendix B).
namespace weir::dispatcher {

/// A claim by `max` that left tasks behind says that its caller comes back: so long, transactions
/// only owe wake-ups on the queues of its runtime.
inline constexpr Duration kPulledPromise = std::chrono::seconds(1);
/// How often a queue that is pulled and owes rings one task nevertheless.
inline constexpr Duration kPulledRing = std::chrono::milliseconds(100);
/// A queue that owes is rung again when fewer wake-ups than this are out.
inline constexpr std::int64_t kRefillBelow = kWakeupsOutstandingMax / 2;

/// How long a message that was handed out is hidden, and how often it is handed out.
inline constexpr Duration kWakeupVisibility = std::chrono::seconds(30);
inline constexpr int kWakeupDeliveriesMax = 20;
/// Messages at the head of each queue that a receive looks at for bells that were answered.
inline constexpr std::size_t kAnsweredLookedAt = 64;
/// Events of all tasks that run within one claim; what emits beyond them is claimed and no more.
inline constexpr std::size_t kInProcessEventsMax = 1000;
/// Messages a publish, and a receive.
inline constexpr std::size_t kWakeupsPublishMax = 500;
inline constexpr std::size_t kWakeupsReceiveMax = 256;

}  // namespace weir::dispatcher
