// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/core/refusal.h"

#include <array>
#include <cstddef>

namespace weir::dispatcher {
namespace {

struct CodeText {
  std::string_view word;
  std::string_view sentence;
};

// In the order of RefusalCode.
constexpr std::array<CodeText, 10> kCodes = {
    {{"not_claimed", "the task cannot be claimed now"},
     {"task_not_found", "there is no such task"},
     {"stale_attempt", "a newer attempt holds the task"},
     {"lease_mismatch", "the lease token is not that of the attempt"},
     {"lease_expired", "the lease has expired and the attempt was given up"},
     {"task_finished", "the task is over, or its attempt is"},
     {"task_canceled", "the task was asked to stop; it may create no data"},
     {"task_archived", "the task has moved to history"},
     {"event_missing", "the task emitted no event, and so did not succeed"},
     {"not_supported", "this cannot be asked of the task"}}};

// In the order of NotClaimedReason.
constexpr std::array<std::string_view, kNotClaimedReasons> kReasons = {"already_running",
                                                                       "completed",
                                                                       "failed",
                                                                       "canceled",
                                                                       "not_due",
                                                                       "paused",
                                                                       "held",
                                                                       "stopped",
                                                                       "concurrency",
                                                                       "order",
                                                                       "unsupported_operator"};

const CodeText& text_of(RefusalCode code) { return kCodes.at(static_cast<std::size_t>(code)); }

}  // namespace

std::string_view word(RefusalCode code) { return text_of(code).word; }

std::string_view word(NotClaimedReason reason) {
  return kReasons.at(static_cast<std::size_t>(reason));
}

int http_status(RefusalCode code) { return code == RefusalCode::TaskNotFound ? 404 : 409; }

Error refusal_error(const Refusal& refusal) {
  std::string message(text_of(refusal.code).sentence);
  if (refusal.reason) message.append(": ").append(word(*refusal.reason));
  if (refusal.state) message.append("; it is ").append(word(*refusal.state));
  if (refusal.cancel_reason) message.append("; canceled: ").append(word(*refusal.cancel_reason));
  const bool unknown = refusal.code == RefusalCode::TaskNotFound;
  return {unknown ? Code::NotFound : Code::Aborted, std::string(word(refusal.code)),
          std::move(message)};
}

Refusal refuse(RefusalCode code) {
  return {.code = code, .reason = {}, .retry_after = {}, .state = {}, .cancel_reason = {}};
}

Refusal not_claimed(NotClaimedReason reason, std::optional<Duration> retry_after) {
  Refusal refusal = refuse(RefusalCode::NotClaimed);
  refusal.reason = reason;
  refusal.retry_after = retry_after;
  return refusal;
}

}  // namespace weir::dispatcher
