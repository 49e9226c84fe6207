// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/error.h"

struct pg_result;

namespace weir::postgres {

/// Reason words of the errors this driver makes, with their codes:
inline constexpr std::string_view kPostgresUnavailable = "postgres_unavailable";  // Unavailable
inline constexpr std::string_view kCommitUnknown = "commit_unknown";              // Unavailable
inline constexpr std::string_view kUniqueViolation = "unique_violation";          // AlreadyExists
inline constexpr std::string_view kSerialization = "serialization";               // Aborted
inline constexpr std::string_view kTransactionAborted = "transaction_aborted";    // Aborted
inline constexpr std::string_view kPostgresTimeout = "postgres_timeout";       // DeadlineExceeded
inline constexpr std::string_view kPostgresError = "postgres_error";           // Internal
inline constexpr std::string_view kDsnInvalid = "dsn_invalid";                 // InvalidArgument
inline constexpr std::string_view kPoolExhausted = "postgres_pool_exhausted";  // ResourceExhausted

/// What the server said about a statement that it refused.
struct Failure {
  std::string sqlstate =
      {};  // Five characters, or empty if the server said nothing (lost connection).
  std::string constraint = {};  // Name of the violated constraint, or empty.
  std::string message = {};     // Its primary message, one line.
  std::string detail = {};      // Its detail and hint, or empty.
  std::size_t statement = 0;    // Index in the pipeline.
  bool fatal = false;           // The server ended the session (severity FATAL or PANIC).
};

/// Reads the fields of an error result.
Failure read_failure(const pg_result* result);

/// The table of codes and reasons:
///   08xxx, 53xxx, 57P01..03, 25006 (a standby) or severity FATAL → Unavailable
///   postgres_unavailable 23505 → AlreadyExists unique_violation, the constraint's name in the
///   message 40001, 40P01 → Aborted serialization 57014, 55P03 → DeadlineExceeded postgres_timeout
///   WRxxx, raised by our own SQL → Aborted, the SQLSTATE as the reason
///   else → Internal postgres_error, the SQLSTATE in the message
Error to_error(const Failure& failure);

}  // namespace weir::postgres
