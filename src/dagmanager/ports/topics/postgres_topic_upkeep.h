// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "dagmanager/ports/topics/topic_upkeep_store.h"

namespace weir::postgres {
class Pool;
}  // namespace weir::postgres

namespace weir::dagmanager {

/// TopicUpkeepStore beside a PostgreSQL graph store. Locks are taken in the order of a diff's: the
/// queue, then the epoch, before both the loop's row.
class PostgresTopicUpkeep final : public TopicUpkeepStore {
 public:
  /// The schema must be prepared. `pool` outlives the store.
  explicit PostgresTopicUpkeep(postgres::Pool& pool) : pool_(pool) {}

  Result<std::vector<IntentRow>> intents(Instant before, std::size_t limit) override;
  Result<bool> start_dropping(const LoopFence& fence, RowId intent, Instant before) override;
  Result<bool> end_dropping(const LoopFence& fence, RowId intent, const Remove& remove) override;
  Result<bool> while_active(const LoopFence& fence, RowId queue, const Held& held) override;
  Result<std::vector<bool>> known(std::span<const graph::TopicName> names) override;
  Result<std::vector<SentinelGap>> sentinel_gaps(std::size_t limit) override;
  Result<void> mend_sentinel(const LoopFence& fence, const SentinelGap& gap,
                             const TopicLogRow& row) override;
  Result<std::vector<std::shared_ptr<const BindingContext>>> contexts() override;
  Result<void> add_log(const LoopFence& fence, std::span<const TopicLogRow> rows) override;

 private:
  postgres::Pool& pool_;
};

}  // namespace weir::dagmanager
