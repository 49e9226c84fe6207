// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string_view>

namespace weir::dispatcher {

/// Something that holds at any moment over the task plane's database, and the SQL that counts where
/// it does not.
struct AuditQuery {
  std::string_view id;         ///< the invariant's number, "I1"
  std::string_view statement;  ///< what must hold
  const char* sql;             ///< one statement, one row, one bigint
};

/// All of them, by number.
std::span<const AuditQuery> audit_queries();

}  // namespace weir::dispatcher
