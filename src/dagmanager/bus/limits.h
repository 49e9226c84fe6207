// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>

#include "base/clock.h"

// Every wait and size of the sending of control events.
namespace weir::dagmanager {

/// The loop of the sender, and how often it looks without being nudged.
inline constexpr const char* kRelayLoop = "relay";
inline constexpr Duration kSendEvery = std::chrono::seconds(5);
/// Events that are read, and acknowledged, in one statement.
inline constexpr std::size_t kSendPage = 1'000;
/// Events that are sent and not acknowledged.
inline constexpr std::size_t kSendsUnderWayMax = 1'000;
/// One wait for outcomes.
inline constexpr Duration kOutcomeWait = std::chrono::milliseconds(100);

}  // namespace weir::dagmanager
