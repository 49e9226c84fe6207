// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/clock.h"
#include "dispatcher/core/records.h"

/// The machine of an outbox row (contract section 5.4): pending → sending → sent; sending → pending
/// with back-off when the send failed, → dead after 20 tries. A relay takes rows in one
/// transaction, sends outside of any, and settles them in another; so a row may be sent twice,
/// never not at all.
///
/// `locked_until` is the relay's fence: a failure counts only if the row is still as that relay
/// took it. A success always counts: what was sent was sent.
namespace weir::dispatcher {

/// Whether the row may be taken: due, or stuck in sending past its lock. `head_of_key`: no
/// unfinished row of the same order_key is older; rows without a key are all heads.
bool outbox_ready(const OutboxRecord& row, bool head_of_key, Instant now);

/// Taken: sending, one try more, locked for kOutboxLock. A stuck row whose tries are used up is
/// dead instead. The row as it is afterwards; nothing if it is not ready.
std::optional<OutboxRecord> take_outbox_row(const OutboxRecord& row, bool head_of_key, Instant now);

/// Sent; nothing if it was already.
std::optional<OutboxRecord> outbox_row_sent(const OutboxRecord& row, Instant now);

struct OutboxFailure {
  Instant locked_until{};  ///< as the relay took the row
  std::string error;
  std::uint64_t draw = 0;
};
/// Pending again after its back-off, or dead; nothing if the row has moved on.
std::optional<OutboxRecord> outbox_row_failed(const OutboxRecord& row, const OutboxFailure& failure,
                                              Instant now);

}  // namespace weir::dispatcher
