// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "dispatcher/ports/outbox.h"

namespace weir::postgres {
class Pool;
}

namespace weir::dispatcher {

/// Outbox on PostgreSQL. Relays skip what others have locked; dispatcher/core decides each row.
class PostgresOutbox final : public Outbox {
 public:
  /// The pool's sessions work as role weir_dispatcher; it outlives the outbox.
  explicit PostgresOutbox(postgres::Pool& pool) : pool_(pool) {}

  Result<std::vector<OutboxRecord>> take(std::size_t limit) override;
  Result<void> settle(std::span<const OutboxSettled> rows) override;
  /// The queue is table `queue_messages` of the same database.
  Result<HandedOver> hand_out(std::size_t limit, std::span<const QueueRoom> rooms,
                              std::span<const OutboxId> held) override;
  Result<std::size_t> publish_control_events(std::size_t limit) override;

 private:
  postgres::Pool& pool_;
};

}  // namespace weir::dispatcher
