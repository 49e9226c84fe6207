// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "base/uuid.h"
#include "dispatcher/core/ids.h"
#include "dispatcher/core/task_words.h"

namespace weir::dispatcher {

/// A message that names one task, and nothing else (contract section 1.1).
struct WakeupMessage {
  QueueName queue;
  TaskId task_id;
};

/// A message handed out: hidden from others for kWakeupVisibility, then handed out again.
struct ReceivedWakeup {
  QueueName queue;
  std::string message_id;
  std::string receipt;  ///< of this handing out; an older one removes nothing
  TaskId task_id;
  int deliveries = 1;
};
struct WakeupReceipt {
  std::string message_id;
  std::string receipt;
};

/// Port: the queue of wake-ups (contract section 1.1): PostgreSQL or SQS. Messages may be lost,
/// doubled, late and out of order; nothing relies on any of it. Any thread.
///
/// Faults: UNAVAILABLE `unavailable`.
class WakeupQueue {
 public:
  virtual ~WakeupQueue() = default;

  /// Puts messages; at most 500.
  virtual Result<void> publish(std::span<const WakeupMessage> messages) = 0;
  /// Takes at most `max` (1 to 256) visible messages, of the first queue that has any first. Does
  /// not wait. One that was handed out too often (20 times) goes to the dead ones instead, and of
  /// the first 64 of a queue those are removed whose tasks' wake-ups are answered.
  virtual Result<std::vector<ReceivedWakeup>> receive(std::span<const QueueName> queues,
                                                      std::size_t max) = 0;
  /// Gives back messages unused: they are visible at once, and as if they had not been handed out.
  /// Old receipts change nothing.
  virtual Result<void> release(std::span<const WakeupReceipt> receipts) = 0;
  /// Removes messages whose receipts are those of their last handing out; gives how many.
  virtual Result<std::size_t> acknowledge(std::span<const WakeupReceipt> receipts) = 0;
};

}  // namespace weir::dispatcher
