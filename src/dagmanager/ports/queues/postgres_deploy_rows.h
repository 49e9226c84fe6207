// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "dagmanager/core/queue_life.h"
#include "drivers/postgres/statement.h"

namespace weir::postgres {
class Connection;
class Rows;
}  // namespace weir::postgres

/// Deploys, as far as they hold queues, off PostgreSQL.
namespace weir::dagmanager {

/// A page of standings: $1, the key after which it begins; $2, how many rows at most.
extern const postgres::Statement kReadStandings;
DeployStanding read_standing(const postgres::Rows& rows, std::size_t row);

namespace sql {

/// For who removes something. Waits for whoever shares the row: their deploys are seen by what is
/// read after it.
inline constexpr postgres::Statement kLockRemoval = {
    "dag_lock_removal", "SELECT epoch FROM weir_dagmanager.graph_removal FOR UPDATE"};

inline constexpr postgres::Statement kRaiseRemoval = {
    "dag_raise_removal", "UPDATE weir_dagmanager.graph_removal SET epoch = $1"};

}  // namespace sql

/// What the deploys of these keys are bound to, page by page.
Result<std::vector<DeployBindings>> read_bindings(postgres::Connection& connection,
                                                  std::span<const std::string> keys);

}  // namespace weir::dagmanager
