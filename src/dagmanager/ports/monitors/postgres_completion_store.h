// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/random.h"
#include "dagmanager/ports/monitors/completion_store.h"

namespace weir::postgres {
class Pool;
}  // namespace weir::postgres

namespace weir::dagmanager {

class PostgresGraphStore;

/// CompletionStore beside a PostgreSQL graph store. A change locks the loop's row, then the epoch,
/// so that it sees the graph as it is; a queue that a diff has locked is passed over, for a diff
/// locks its queues before the epoch.
class PostgresCompletionStore final : public CompletionStore {
 public:
  /// The schema must be prepared. `pool`, the store over it, and `random` outlive this.
  PostgresCompletionStore(postgres::Pool& pool, PostgresGraphStore& store, Random& random)
      : pool_(pool), store_(store), random_(random) {}

  Result<std::vector<QueueSilence>> silences(const LoopFence& fence) override;
  Result<std::vector<RowId>> change(const LoopFence& fence,
                                    const CompletionChange& change) override;
  Result<void> note(const LoopFence& fence, const SilenceNotes& notes) override;

 private:
  Result<std::vector<RowId>> write_change(const LoopFence& fence, const CompletionChange& change);

  postgres::Pool& pool_;
  PostgresGraphStore& store_;
  Random& random_;
};

}  // namespace weir::dagmanager
