// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/random.h"
#include "dagmanager/ports/traffic_store.h"

namespace weir::postgres {
class Pool;
}  // namespace weir::postgres

namespace weir::dagmanager {

/// TrafficStore beside a PostgreSQL graph store. A weight is changed under the lock of the epoch,
/// as diffs change it, so that its event has its place in the order of commits.
class PostgresTrafficStore final : public TrafficStore {
 public:
  /// The schema must be prepared. Pool and `random` outlive the store.
  PostgresTrafficStore(postgres::Pool& pool, Random& random) : pool_(pool), random_(random) {}

  Result<WeightOutcome> set_weight(const WeightChange& change) override;
  Result<std::vector<VersionWeight>> version_weights(std::size_t limit) override;
  Result<std::vector<std::pair<RowId, AuditRow>>> audit(RowId after, std::size_t limit) override;

 private:
  Result<WeightOutcome> write_weight(const WeightChange& change);

  postgres::Pool& pool_;
  Random& random_;
};

}  // namespace weir::dagmanager
