// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>
#include <vector>

#include "dispatcher/ports/database/postgres_schema.h"
#include "drivers/postgres/service_role.h"

namespace weir::dispatcher {

/// What a role may do in schema "state" or "data": the least that its code needs. A right that new
/// code needs is added here, and granted at the next start; one that is taken away here is revoked
/// by a migration.
std::vector<postgres::Right> rights_of(ServiceRole role, std::string_view schema);

}  // namespace weir::dispatcher
