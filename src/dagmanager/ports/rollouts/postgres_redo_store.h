// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/random.h"
#include "dagmanager/ports/rollouts/redo_store.h"

namespace weir::postgres {
class Pool;
}  // namespace weir::postgres

namespace weir::dagmanager {

/// RedoStore beside a PostgreSQL graph store. A rollback holds the lock of the epoch from its first
/// statement on, as whatever removes does, so that no queue it returns to goes meanwhile.
class PostgresRedoStore final : public RedoStore {
 public:
  /// The schema must be prepared. Pool and `random` outlive the store.
  PostgresRedoStore(postgres::Pool& pool, Random& random) : pool_(pool), random_(random) {}

  Result<SentinelHistory> history(const graph::SentinelId& sentinel) override;
  Result<std::optional<DeployRecord>> deploy(const std::string& key) override;
  Result<TakenBack> take_back(const TakeBack& command) override;

 private:
  Result<SentinelHistory> read_history(const graph::SentinelId& sentinel);
  Result<std::optional<DeployRecord>> read_whole(const std::string& key);
  Result<TakenBack> write(const TakeBack& command);

  postgres::Pool& pool_;
  Random& random_;
};

}  // namespace weir::dagmanager
