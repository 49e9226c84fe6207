// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "dagmanager/ports/control_bus.h"

namespace weir::postgres {
class Pool;
}  // namespace weir::postgres

namespace weir::dagmanager {

/// ControlBus over the outbox of a PostgreSQL graph store. Faults: those of GraphStore.
class PostgresControlBus final : public ControlBus {
 public:
  /// The schema must be prepared (prepare_graph_schema). The pool outlives the bus.
  PostgresControlBus(postgres::Pool& pool, std::string queue_topic)
      : pool_(pool), queue_topic_(std::move(queue_topic)) {}

  Result<std::vector<PendingEvent>> pending(std::size_t limit) override;
  Result<OutboxBacklog> backlog() override;

 private:
  postgres::Pool& pool_;
  std::string queue_topic_;
};

}  // namespace weir::dagmanager
