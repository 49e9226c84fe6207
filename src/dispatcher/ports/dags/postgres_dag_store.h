// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>

#include "dispatcher/ports/dag_store.h"

namespace weir::postgres {
class Pool;
}

namespace weir::dispatcher {

/// DagStore in PostgreSQL. A deploy is three round trips and a commit, one statement a table.
class PostgresDagStore final : public DagStore {
 public:
  /// Sessions of role weir_dispatcher on the servers of schema `state` and of schema `data`; both
  /// may be one pool. They outlive the store.
  PostgresDagStore(postgres::Pool& state, postgres::Pool& data) : state_(state), data_(data) {}

  Result<DagSurroundings> surroundings(const DagName& dag, bool ownership) override;
  Result<DagStanding> standing(const StandingRequest& request) override;
  Result<void> make_tables(std::span<const DatasetTable> tables) override;
  Result<DeployWrites> apply(const ApplyRequest& request) override;

  Result<Page<DagRow>> list_dags(const DagName& of, const PageRequest& page) override;
  Result<Page<DagVersionRow>> list_versions(const DagName& dag, const PageRequest& page) override;
  Result<DagVersionRow> read_version(const DagName& dag, const DagVersionId& id) override;
  Result<Page<DeployRow>> list_deploys(const DagName& dag, const PageRequest& page) override;
  Result<DeployRow> read_deploy(const DagName& dag, const DeployId& id) override;

 private:
  postgres::Pool& state_;
  postgres::Pool& data_;
};

/// How long a deploy waits for a session.
inline constexpr std::chrono::seconds kDagStoreSessionWait{5};
/// Tables that are made in one transaction.
inline constexpr std::size_t kDagStoreTablesPage = 50;
/// Rows of a page of a list.
inline constexpr std::size_t kDagStorePageMax = 500;

}  // namespace weir::dispatcher
