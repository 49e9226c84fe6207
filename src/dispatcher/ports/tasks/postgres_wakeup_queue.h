// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/random.h"
#include "dispatcher/ports/wakeup_queue.h"

namespace weir::postgres {
class Pool;
}

namespace weir::dispatcher {

/// WakeupQueue on PostgreSQL, table `queue_messages`: receivers skip what others have locked, so
/// that any number of them take different messages without waiting. Whoever waits for a message
/// asks again: nobody is notified through the database, whose notifications take a lock over all
/// of it at each commit.
class PostgresWakeupQueue final : public WakeupQueue {
 public:
  /// The pool's sessions work as role weir_dispatcher; it and `random` outlive the queue.
  PostgresWakeupQueue(postgres::Pool& pool, Random& random) : pool_(pool), random_(random) {}

  Result<void> publish(std::span<const WakeupMessage> messages) override;
  Result<std::vector<ReceivedWakeup>> receive(std::span<const QueueName> queues,
                                              std::size_t max) override;
  Result<void> release(std::span<const WakeupReceipt> receipts) override;
  Result<std::size_t> acknowledge(std::span<const WakeupReceipt> receipts) override;

 private:
  postgres::Pool& pool_;
  Random& random_;
};

}  // namespace weir::dispatcher
