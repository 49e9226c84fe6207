// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/core/outbox_row.h"

#include "dispatcher/core/limits.h"
#include "dispatcher/core/retry_delay.h"

namespace weir::dispatcher {
namespace {

bool used_up(const OutboxRecord& row) { return row.attempts >= kOutboxAttemptsMax; }

OutboxRecord dead_row(OutboxRecord row) {
  row.state = OutboxState::Dead;
  row.locked_until.reset();
  return row;
}

}  // namespace

bool outbox_ready(const OutboxRecord& row, bool head_of_key, Instant now) {
  if (row.order_key && !head_of_key) return false;
  if (row.state == OutboxState::Pending) return row.available_at <= now;
  return row.state == OutboxState::Sending && row.locked_until && *row.locked_until <= now;
}

std::optional<OutboxRecord> take_outbox_row(const OutboxRecord& row, bool head_of_key,
                                            Instant now) {
  if (!outbox_ready(row, head_of_key, now)) return std::nullopt;
  if (used_up(row)) return dead_row(row);
  OutboxRecord taken = row;
  taken.state = OutboxState::Sending;
  ++taken.attempts;
  taken.locked_until = now + kOutboxLock;
  // Found by this column whether it waits or is stuck.
  taken.available_at = *taken.locked_until;
  return taken;
}

std::optional<OutboxRecord> outbox_row_sent(const OutboxRecord& row, Instant now) {
  if (row.state == OutboxState::Sent) return std::nullopt;
  OutboxRecord sent = row;
  sent.state = OutboxState::Sent;
  sent.locked_until.reset();
  sent.sent_at = now;
  return sent;
}

std::optional<OutboxRecord> outbox_row_failed(const OutboxRecord& row, const OutboxFailure& failure,
                                              Instant now) {
  if (row.state != OutboxState::Sending || row.locked_until != failure.locked_until) {
    return std::nullopt;
  }
  OutboxRecord failed = row;
  failed.last_error = failure.error;
  if (used_up(failed)) return dead_row(failed);
  failed.state = OutboxState::Pending;
  failed.locked_until.reset();
  failed.available_at = now + retry_delay(kOutboxBackoff, failed.attempts, failure.draw);
  return failed;
}

}  // namespace weir::dispatcher
