// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/random.h"
#include "base/uuid.h"
#include "dagmanager/ports/rollouts/rollout_store.h"

namespace weir::postgres {
class Pool;
}  // namespace weir::postgres

namespace weir::dagmanager {

/// RolloutStore beside a PostgreSQL graph store. Whatever changes a rollout holds the lock of the
/// epoch from its first statement on, a judgement that of its loop's row before it.
class PostgresRolloutStore final : public RolloutStore {
 public:
  /// The schema must be prepared. Pool and `random` outlive the store.
  PostgresRolloutStore(postgres::Pool& pool, Random& random) : pool_(pool), random_(random) {}

  Result<RolloutOutcome> begin(const RolloutBegin& command) override;
  Result<RolloutOutcome> change(const RolloutOrder& order) override;
  Result<RolloutOutcome> judge(const LoopFence& fence, const RolloutJudgement& judgement) override;
  Result<std::vector<RolloutRecord>> list(const RolloutFilter& filter) override;
  Result<std::vector<RolloutRecord>> unfinished() override;
  Result<std::optional<RolloutRecord>> find(const std::string& id) override;
  Result<std::vector<SentinelRecord>> versions(const graph::SentinelId& sentinel) override;
  Result<std::size_t> sentinel_gaps() override;

 private:
  class Change;
  Result<RolloutOutcome> write_begin(const RolloutBegin& command);

  postgres::Pool& pool_;
  Random& random_;
};

}  // namespace weir::dagmanager
