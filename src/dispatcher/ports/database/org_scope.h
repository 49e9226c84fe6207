// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "dispatcher/ports/database/postgres_schema.h"
#include "drivers/postgres/statement.h"

namespace weir::dispatcher {

/// First statement of a transaction, with one parameter: whose rows it sees, an organisation's id
/// or kAllOrgs.
inline constexpr postgres::Statement kSetOrg{.name = "set_org", .sql = kSetOrgSql};
/// The database's clock, the only one that rows are compared with.
inline constexpr postgres::Statement kReadClock{.name = "read_clock",
                                                .sql = "SELECT clock_timestamp()"};

}  // namespace weir::dispatcher
