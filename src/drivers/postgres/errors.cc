// SPDX-License-Identifier: Apache-2.0
#include "drivers/postgres/errors.h"

#include <libpq-fe.h>

#include <utility>

namespace weir::postgres {
namespace {

std::string field(const pg_result* result, int code) {
  const char* value = PQresultErrorField(result, code);
  return value != nullptr ? value : "";
}

bool is_unavailable(std::string_view state) {
  return state.starts_with("08") || state.starts_with("53") || state == "57P01" ||
         state == "57P02" || state == "57P03" || state == "25006";
}

}  // namespace

Failure read_failure(const pg_result* result) {
  Failure failure;
  failure.sqlstate = field(result, PG_DIAG_SQLSTATE);
  failure.constraint = field(result, PG_DIAG_CONSTRAINT_NAME);
  failure.message = field(result, PG_DIAG_MESSAGE_PRIMARY);
  failure.detail = field(result, PG_DIAG_MESSAGE_DETAIL);
  const std::string hint = field(result, PG_DIAG_MESSAGE_HINT);
  if (!hint.empty()) failure.detail += (failure.detail.empty() ? "" : " ") + hint;
  const std::string severity = field(result, PG_DIAG_SEVERITY_NONLOCALIZED);
  failure.fatal = severity == "FATAL" || severity == "PANIC";
  return failure;
}

Error to_error(const Failure& failure) {
  const std::string& state = failure.sqlstate;
  // The detail may quote values of rows: it stays in Failure and out of what users see.
  std::string message = failure.message;
  if (state == "23505") {
    message = "unique constraint " + failure.constraint + ": " + message;
    return {Code::AlreadyExists, std::string(kUniqueViolation), std::move(message)};
  }
  if (state.starts_with("WR")) return {Code::Aborted, state, std::move(message)};
  message += " (SQLSTATE " + state + ")";
  if (failure.fatal || is_unavailable(state)) {
    return {Code::Unavailable, std::string(kPostgresUnavailable), std::move(message)};
  }
  if (state == "40001" || state == "40P01") {
    return {Code::Aborted, std::string(kSerialization), std::move(message)};
  }
  if (state == "57014" || state == "55P03") {
    return {Code::DeadlineExceeded, std::string(kPostgresTimeout), std::move(message)};
  }
  return {Code::Internal, std::string(kPostgresError), std::move(message)};
}

}  // namespace weir::postgres
