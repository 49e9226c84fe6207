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

/// Rung with the commit of who writes events, and of who publishes them.
inline constexpr const char* kWrittenChannel = "weir_dagmanager_written";
inline constexpr const char* kPublishedChannel = "weir_dagmanager_published";

/// ControlBus over the outbox of a PostgreSQL graph store. Faults: those of GraphStore. Several
/// instances that publish at once wait for one another: numbers are given under the lock of one
/// row, which is held until they are committed.
class PostgresControlBus final : public ControlBus {
 public:
  /// The schema must be prepared (prepare_graph_schema). The pool outlives the bus.
  PostgresControlBus(postgres::Pool& pool, std::string queue_topic)
      : pool_(pool), queue_topic_(std::move(queue_topic)) {}

  Result<std::vector<PendingEvent>> pending(std::size_t limit) override;
  Result<OutboxBacklog> backlog() override;
  Result<std::size_t> publish(std::size_t limit, Instant now) override;
  Result<PrunedEvents> prune(Instant before, std::size_t limit) override;

 private:
  postgres::Pool& pool_;
  std::string queue_topic_;
};

}  // namespace weir::dagmanager
