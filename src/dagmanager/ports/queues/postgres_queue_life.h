// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "dagmanager/ports/queues/queue_life_store.h"

namespace weir::postgres {
class Pool;
}  // namespace weir::postgres

namespace weir::dagmanager {

/// QueueLifeStore beside a PostgreSQL graph store. Deploys are read in pages, by key.
class PostgresQueueLife final : public QueueLifeStore {
 public:
  /// The schema must be prepared. `pool` outlives the store.
  explicit PostgresQueueLife(postgres::Pool& pool) : pool_(pool) {}

  Result<std::vector<DeployStanding>> deploys() override;
  Result<std::vector<DeployBindings>> bindings(std::span<const std::string> keys) override;
  Result<std::vector<OrphanRecord>> orphans() override;
  Result<void> mark(const LoopFence& fence, const OrphanMarks& marks) override;

 private:
  postgres::Pool& pool_;
};

}  // namespace weir::dagmanager
