// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "dagmanager/ports/topics/principal_store.h"

namespace weir::postgres {
class Pool;
}  // namespace weir::postgres

namespace weir::dagmanager {

/// PrincipalStore beside a PostgreSQL graph store.
class PostgresPrincipalStore final : public PrincipalStore {
 public:
  /// The schema must be prepared. `pool` outlives this.
  explicit PostgresPrincipalStore(postgres::Pool& pool) : pool_(pool) {}

  Result<std::vector<std::string>> list() override;
  Result<void> add(std::span<const std::string> principals) override;
  Result<void> drop(const LoopFence& fence, std::span<const std::string> principals) override;

 private:
  postgres::Pool& pool_;
};

}  // namespace weir::dagmanager
