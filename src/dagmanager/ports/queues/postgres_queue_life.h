// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/random.h"
#include "dagmanager/ports/queues/queue_life_store.h"

namespace weir::postgres {
class Connection;
class Pool;
}  // namespace weir::postgres

namespace weir::dagmanager {

class PostgresGraphStore;

/// QueueLifeStore beside a PostgreSQL graph store. Deploys are read in pages, by key.
///
/// A collection locks the loop's row, the epoch, and the row of removals, in this order. Who adds
/// to the graph is kept out by the epoch, who only refers to it anew by the row of removals:
/// whoever of them came before has committed and is seen, whoever comes after decides anew.
class PostgresQueueLife final : public QueueLifeStore {
 public:
  /// The schema must be prepared. `pool`, the store over it, and `random` outlive this.
  PostgresQueueLife(postgres::Pool& pool, PostgresGraphStore& store, Random& random)
      : pool_(pool), store_(store), random_(random) {}

  Result<std::vector<DeployStanding>> deploys() override;
  Result<std::vector<DeployBindings>> bindings(std::span<const std::string> keys) override;
  Result<std::vector<OrphanRecord>> orphans() override;
  Result<void> mark(const LoopFence& fence, const OrphanMarks& marks) override;
  Result<std::vector<RowId>> collect(const LoopFence& fence, const Collection& collection) override;
  Result<std::vector<LeavingQueue>> leaving(const LoopFence& fence) override;
  Result<void> forget(const LoopFence& fence, const Forgetting& forgetting) override;
  Result<std::size_t> end_deploys(const Cleanup& cleanup) override;

 private:
  Result<std::vector<RowId>> write_collection(const LoopFence& fence, const Collection& collection);

  postgres::Pool& pool_;
  PostgresGraphStore& store_;
  Random& random_;
};

}  // namespace weir::dagmanager
