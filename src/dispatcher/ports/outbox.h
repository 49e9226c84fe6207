// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "dispatcher/core/records.h"
#include "dispatcher/ports/wakeup_queue.h"

namespace weir::dispatcher {

/// How one sending ended; `error` empty: well.
struct OutboxSettled {
  OutboxId outbox_id;
  Instant locked_until{};  ///< as it was taken: the fence of a failure
  std::string error = {};
  std::uint64_t draw = 0;
};

/// A wake-up that a transaction left in the outbox, told once it stands.
struct RungTask {
  OutboxId outbox_id;
  WakeupMessage wakeup;
};

using Rung = std::function<void(std::span<const RungTask>)>;

/// How many messages of a queue somebody waits for.
struct QueueRoom {
  QueueName queue;
  std::size_t room = 0;
};
/// What became of ready wake-ups.
struct HandedOver {
  std::size_t rows = 0;
  /// Those that became messages: no bell is rung for a task whose wake-up is answered already.
  std::size_t messages = 0;
  /// Of these, the messages that went straight to whoever waits for them, handed out as by
  /// WakeupQueue::receive.
  std::vector<ReceivedWakeup> given = {};
  bool others = false;  ///< rows of other kinds are ready
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
  /// one transaction, without taking them first; the first of a queue, as many as it has room for,
  /// are handed out at once. Elsewhere none. Rows in `held` stay for a later time.
  virtual Result<HandedOver> hand_out(std::size_t limit, std::span<const QueueRoom> rooms,
                                      std::span<const OutboxId> held) = 0;
  /// The same where nobody waits; gives how many.
  Result<std::size_t> hand_over(std::size_t limit) {
    WEIR_TRY(const HandedOver handed, hand_out(limit, {}, {}));
    return handed.rows;
  }
  /// Publishes ready control events into `control_events`, in one transaction (3.5.2), at most
  /// `limit`, those of one order_key in the order they were written. `topic` is the event's type,
  /// `payload` its envelope, whose member `org_id` says whose number it gets.
  virtual Result<std::size_t> publish_control_events(std::size_t limit) = 0;
};

}  // namespace weir::dispatcher
