// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "dagmanager/ports/monitors/alert_store.h"

namespace weir::postgres {
class Pipeline;
class Pool;
}  // namespace weir::postgres

namespace weir::dagmanager {

/// AlertStore beside a PostgreSQL graph store.
class PostgresAlertStore final : public AlertStore {
 public:
  /// The schema must be prepared. `pool` outlives the store.
  explicit PostgresAlertStore(postgres::Pool& pool) : pool_(pool) {}

  Result<void> raise(std::span<const Condition> conditions) override;
  Result<AlertBook> read() override;
  Result<void> write(const LoopFence& fence, const AlertChange& change, Instant now) override;

 private:
  Result<void> write_once(const LoopFence& fence, const AlertChange& change, Instant now);

  postgres::Pool& pool_;
};

/// For the transaction that causes what an alert tells: the condition comes with its commit.
void add_condition(postgres::Pipeline& pipeline, const Condition& condition);

}  // namespace weir::dagmanager
