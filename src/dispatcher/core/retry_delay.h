// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "base/clock.h"
#include "dispatcher/core/limits.h"
#include "dispatcher/core/task_words.h"

/// How long a failed try waits for the next (contract section 6.3).
namespace weir::dispatcher {

struct Backoff {
  Duration base{};
  Duration cap{};
};

inline constexpr Backoff kTaskBackoff = {std::chrono::seconds(30), std::chrono::seconds(600)};
inline constexpr Backoff kSinkBackoff = {std::chrono::seconds(5), std::chrono::seconds(300)};
inline constexpr Backoff kOutboxBackoff = {std::chrono::seconds(1), std::chrono::seconds(300)};
inline constexpr Backoff kDeliveryBackoff = {std::chrono::seconds(5), std::chrono::seconds(1800)};

/// min(cap, base × 2^(attempt − 1)) × U[0.5, 1.5). `attempt`, from 1, is the one that failed;
/// `draw` is 64 random bits, of which the upper half becomes U.
Duration retry_delay(const Backoff& backoff, int attempt, std::uint64_t draw);

/// The back-off of tasks of the kind.
const Backoff& backoff_of(TaskKind kind);

}  // namespace weir::dispatcher
