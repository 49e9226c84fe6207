// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "storage/staging_waste.h"

namespace weir::postgres {
class Pool;
}

namespace weir::dispatcher {

/// Which attempts have a commit, by the partition revisions of all organisations (contract section
/// 6.7, point 5). Faults as PostgreSQL has them.
class PostgresCommitLedger final : public storage::CommitLedger {
 public:
  /// `pool` outlives it; its sessions work as role weir_dispatcher.
  explicit PostgresCommitLedger(postgres::Pool& pool) : pool_(pool) {}

  Result<std::vector<bool>> names_any(std::span<const std::string> prefixes) override;

 private:
  postgres::Pool& pool_;
};

}  // namespace weir::dispatcher
