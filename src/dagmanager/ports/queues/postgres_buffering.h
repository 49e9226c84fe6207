// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/random.h"
#include "dagmanager/ports/queues/buffering_store.h"

namespace weir::postgres {
class Pool;
}  // namespace weir::postgres

namespace weir::dagmanager {

/// BufferingStore beside a PostgreSQL graph store. Locks are taken in the order of a diff's, the
/// queues by row and then the epoch, before both the loop's row; a queue that is locked is passed
/// over.
class PostgresBuffering final : public BufferingStore {
 public:
  /// The schema must be prepared. `pool` and `random` outlive this.
  PostgresBuffering(postgres::Pool& pool, Random& random) : pool_(pool), random_(random) {}

  Result<std::vector<RowId>> recompute(const LoopFence& fence,
                                       const RecomputeOrder& order) override;

 private:
  postgres::Pool& pool_;
  Random& random_;
};

}  // namespace weir::dagmanager
