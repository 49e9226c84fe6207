// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "dagmanager/ports/topics/topic_log_store.h"

namespace weir::postgres {
class Pool;
}  // namespace weir::postgres

namespace weir::dagmanager {

/// TopicLogStore beside a PostgreSQL graph store. Rows go by a function of the schema's owner,
/// which gives up no row of the last day: the service itself may delete none.
class PostgresTopicLogStore final : public TopicLogStore {
 public:
  /// The schema must be prepared. `pool` outlives the store.
  explicit PostgresTopicLogStore(postgres::Pool& pool) : pool_(pool) {}

  Result<std::size_t> prune(const LoopFence& fence, Instant horizon, std::size_t limit) override;
  Result<std::optional<Instant>> pruned_before() override;

 private:
  postgres::Pool& pool_;
};

}  // namespace weir::dagmanager
