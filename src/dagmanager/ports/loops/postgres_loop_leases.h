// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "dagmanager/ports/loops/loop_leases.h"

namespace weir::postgres {
class Pipeline;
class Pool;
class Rows;
}  // namespace weir::postgres

namespace weir::dagmanager {

/// LoopLeases beside a PostgreSQL graph store. The server's clock decides when a row lapses, and
/// its row locks which of two instances takes it.
class PostgresLoopLeases final : public LoopLeases {
 public:
  /// The schema must be prepared. `pool` outlives the rows.
  explicit PostgresLoopLeases(postgres::Pool& pool) : pool_(pool) {}

  Result<std::vector<LoopLease>> renew(const std::string& holder,
                                       std::span<const LoopClaim> claims) override;
  Result<std::vector<LoopFence>> seize(const std::string& holder,
                                       std::span<const std::string> loops) override;
  Result<void> give_back(const std::string& holder) override;

 private:
  postgres::Pool& pool_;
};

/// The fence of a loop's transaction, which must come first in it: locks the loop's row, so that
/// nobody takes it before the transaction ends. Gives the place of the result that judge_fence
/// looks at; only then may the transaction commit.
std::size_t add_fence(postgres::Pipeline& pipeline, const LoopFence& fence);

/// ABORTED `loop_lost` if the row is another's by now.
Result<void> judge_fence(const postgres::Rows& rows, const LoopFence& fence);

/// graph_error of what a loop's transaction met; that the loop is another's by now stays what it
/// is.
Error loop_error(Error error);

template <class T>
Result<T> with_loop_error(Result<T> result) {
  if (!result.ok()) return loop_error(std::move(result).error());
  return result;
}

}  // namespace weir::dagmanager
