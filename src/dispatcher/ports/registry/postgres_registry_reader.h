// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "dispatcher/ports/registry_reader.h"
#include "drivers/postgres/pool.h"

namespace weir::dispatcher {

/// The registry in PostgreSQL. A read is one round trip: a read-only transaction of one snapshot
/// that names the organisation first, so that row level security holds besides the statements' own
/// conditions. It waits at most kUserPoolWait for a connection.
class PostgresRegistryReader final : public RegistryReader {
 public:
  /// `pool` outlives the reader; its sessions work as role weir_dispatcher.
  explicit PostgresRegistryReader(postgres::Pool& pool) : pool_(pool) {}

  Result<RegistryPage> list(const RegistryScope& scope, const Listing& listing,
                            const RegistryPageRequest& request) override;
  Result<std::string> show(const RegistryScope& scope, const Picture& picture) override;
  Result<SourceBuild> find_source(const RegistryScope& scope, const std::string& dag,
                                  const std::string& job) override;

 private:
  postgres::Pool& pool_;
};

}  // namespace weir::dispatcher
