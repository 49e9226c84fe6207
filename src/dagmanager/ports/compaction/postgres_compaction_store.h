// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/random.h"
#include "dagmanager/ports/compaction/compaction_store.h"

namespace weir::postgres {
class Connection;
class Pool;
}  // namespace weir::postgres

namespace weir::dagmanager {

class PostgresGraphStore;

/// CompactionStore beside a PostgreSQL graph store.
///
/// A removal locks the loops' rows, its deploys, the epoch, and the row of removals, in this order,
/// which is that of a diff: who adds to the graph, or refers to it anew, has committed before and
/// is seen, or comes after and decides anew.
class PostgresCompactionStore final : public CompactionStore {
 public:
  /// The schema must be prepared. `pool`, the store over it, and `random` outlive this.
  PostgresCompactionStore(postgres::Pool& pool, PostgresGraphStore& store, Random& random)
      : pool_(pool), store_(store), random_(random) {}

  Result<std::vector<SentinelLife>> sentinels() override;
  Result<void> mark(const LoopFence& gc, const RetirementMarks& marks) override;
  Result<std::optional<SentinelExport>> read_sentinel(
      const SentinelKey& sentinel, const std::vector<std::string>& deploys) override;
  Result<bool> remove_sentinel(const CompactionFence& fence,
                               const SentinelRemoval& removal) override;
  Result<RemovedNodes> remove_nodes(const CompactionFence& fence,
                                    const NodeRemoval& removal) override;

 private:
  Result<RemovedNodes> write_nodes(const CompactionFence& fence, const NodeRemoval& removal);

  postgres::Pool& pool_;
  PostgresGraphStore& store_;
  Random& random_;
};

}  // namespace weir::dagmanager
