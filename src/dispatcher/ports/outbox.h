// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "dispatcher/core/records.h"

namespace weir::dispatcher {

/// How one sending ended; `error` empty: well.
struct OutboxSettled {
  OutboxId outbox_id;
  Instant locked_until{};  ///< as it was taken: the fence of a failure
  std::string error = {};
  std::uint64_t draw = 0;
};

/// Port: the side effects that transactions left behind (contract section 5.4; dispatcher/core's
/// outbox_row.h decides). Any number of relays at once.
///
/// Faults: UNAVAILABLE `unavailable`; `commit_unknown`: nothing or all of it, repeat.
class Outbox {
 public:
  virtual ~Outbox() = default;

  /// Takes ready rows of kinds that are sent outside (task_wakeup, invoke), at most `limit`.
  virtual Result<std::vector<OutboxRecord>> take(std::size_t limit) = 0;
  /// What became of them.
  virtual Result<void> settle(std::span<const OutboxSettled> rows) = 0;

  /// Where queue and outbox are one database: hands at most `limit` ready wake-ups to the queue in
  /// one transaction, without taking them first; gives how many. Elsewhere 0.
  virtual Result<std::size_t> hand_over(std::size_t limit) = 0;
  /// Publishes ready control events into `control_events`, in one transaction (3.5.2), at most
  /// `limit`, those of one order_key in the order they were written. `topic` is the event's type,
  /// `payload` its envelope, whose member `org_id` says whose number it gets.
  virtual Result<std::size_t> publish_control_events(std::size_t limit) = 0;
};

}  // namespace weir::dispatcher
