// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace weir::postgres {
class Connection;
}

namespace weir::dispatcher {

/// What one query of the auditor counted.
struct AuditCount {
  std::string_view id;
  std::string_view statement;
  std::int64_t violations = 0;
};

/// Runs every query of audit_queries() over all organisations, each in a short transaction of its
/// own: one snapshot a query, and vacuum is never held back by the whole audit. The session works
/// as role weir_dispatcher, else it sees no rows. `data` is a session on the server of schema
/// `data` where that is another database; null: both are one. Fails with the first error of the
/// driver, the query's number prepended.
Result<std::vector<AuditCount>> run_audit(postgres::Connection& state, postgres::Connection* data);

}  // namespace weir::dispatcher
