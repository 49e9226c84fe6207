// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/ports/database/postgres_port_error.h"

#include <string>

#include "drivers/postgres/errors.h"

namespace weir::dispatcher {

Error as_port_error(Error error) {
  const std::string& reason = error.reason();
  if (reason == postgres::kSerialization || reason == postgres::kUniqueViolation ||
      reason == postgres::kTransactionAborted) {
    return {Code::Aborted, "transaction_conflict", error.message()};
  }
  const bool silent = reason == postgres::kPostgresUnavailable ||
                      reason == postgres::kPostgresTimeout || reason == postgres::kPoolExhausted;
  if (silent) return base::unavailable("unavailable", error.message());
  return error;
}

}  // namespace weir::dispatcher
