// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "dispatcher/ports/dataset_reader.h"

namespace weir::postgres {
class Pool;
}

namespace weir::dispatcher {

/// Versions and their partitions from the registry, one round trip, one snapshot.
class PostgresDatasetReader final : public DatasetReader {
 public:
  /// `pool` outlives the reader; its sessions work as role weir_dispatcher.
  explicit PostgresDatasetReader(postgres::Pool& pool) : pool_(pool) {}

  Result<std::vector<std::optional<VersionFacts>>> versions(
      const OrgId& org, std::span<const VersionAsk> asked) override;

 private:
  postgres::Pool& pool_;
};

}  // namespace weir::dispatcher
