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

/// What the deploys of these keys are bound to, page by page.
Result<std::vector<DeployBindings>> read_bindings(postgres::Connection& connection,
                                                  std::span<const std::string> keys);

}  // namespace weir::dagmanager
