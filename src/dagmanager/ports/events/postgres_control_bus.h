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
  /// `sends`: there is a bus, and a number does not count as sent.
  PostgresControlBus(postgres::Pool& pool, std::string queue_topic, bool sends = false)
      : pool_(pool), queue_topic_(std::move(queue_topic)), sends_(sends) {}

  Result<std::vector<PendingEvent>> pending(std::size_t limit) override;
  Result<OutboxBacklog> backlog() override;
  Result<std::size_t> publish(std::size_t limit, Instant now) override;
  Result<std::vector<PendingEvent>> unsent(std::int64_t after, std::size_t limit) override;
  Result<void> acknowledge(const LoopFence& fence, std::span<const std::int64_t> numbers,
                           Instant now) override;
  Result<PrunedEvents> prune(Instant before, std::size_t limit) override;

 private:
  postgres::Pool& pool_;
  std::string queue_topic_;
  bool sends_;
};

}  // namespace weir::dagmanager
