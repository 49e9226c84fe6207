// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/random.h"
#include "dagmanager/ports/rollouts/hit_store.h"

namespace weir::postgres {
class Pool;
}  // namespace weir::postgres

namespace weir::dagmanager {

/// HitStore beside a PostgreSQL graph store. Hits are recorded and cleared under the lock of the
/// epoch, as weights are changed.
class PostgresHitStore final : public HitStore {
 public:
  /// The schema must be prepared. Pool and `random` outlive the store.
  PostgresHitStore(postgres::Pool& pool, Random& random) : pool_(pool), random_(random) {}

  Result<void> record(std::span<const HitSighting> seen, Instant at) override;
  Result<std::vector<CrossContextHit>> list(std::optional<HitState> state) override;
  Result<CrossContextHit> acknowledge(const HitAck& ack) override;
  Result<std::size_t> open_count() override;

 private:
  Result<void> write(std::span<const HitSighting> seen, Instant at);
  Result<CrossContextHit> clear(const HitAck& ack);

  postgres::Pool& pool_;
  Random& random_;
};

}  // namespace weir::dagmanager
