// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/error.h"
#include "dispatcher/core/task_words.h"

/// Why a command was not carried out: the codes of section 3.7 that a task's state can answer with,
/// and their members. A refusal is an answer, not a failure.
namespace weir::dispatcher {

enum class RefusalCode : std::uint8_t {
  NotClaimed,
  TaskNotFound,
  StaleAttempt,
  LeaseMismatch,
  LeaseExpired,
  TaskFinished,
  TaskCanceled,
  TaskArchived,
  EventMissing,
  NotSupported,
};

/// The `reason` of `not_claimed` (3.3.1).
enum class NotClaimedReason : std::uint8_t {
  AlreadyRunning,
  Completed,
  Failed,
  Canceled,
  NotDue,
  Paused,
  Held,
  Stopped,
  Concurrency,
  Order,
  UnsupportedOperator,
};
inline constexpr int kNotClaimedReasons = 11;

struct Refusal {
  RefusalCode code = RefusalCode::NotClaimed;
  std::optional<NotClaimedReason> reason;     ///< of not_claimed
  std::optional<Duration> retry_after;        ///< of not_due, as `retry_after_ms`
  std::optional<TaskState> state;             ///< of task_finished
  std::optional<CancelReason> cancel_reason;  ///< of task_canceled, and of what was canceled

  friend bool operator==(const Refusal&, const Refusal&) = default;
};

/// "not_claimed", "stale_attempt", …: `code` of the problem.
std::string_view word(RefusalCode code);
/// "already_running", …: `reason` of the problem.
std::string_view word(NotClaimedReason reason);
/// 404 of an unknown task, else 409.
int http_status(RefusalCode code);
/// The refusal as an error: its code word as the reason, and a sentence for people.
Error refusal_error(const Refusal& refusal);

/// A refusal without members.
Refusal refuse(RefusalCode code);
/// A claim that was refused.
Refusal not_claimed(NotClaimedReason reason, std::optional<Duration> retry_after = {});

}  // namespace weir::dispatcher
