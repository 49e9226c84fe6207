// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "drivers/postgres/limits.h"

namespace weir::postgres {

class Connection;

/// One numbered step of a schema, forward only, embedded in the binary by the CMake function
/// weir_embed_sql from `NNNN_name.sql`.
struct Migration {
  int number;
  std::string_view name;
  std::string_view sql;
};

struct MigrateOptions {
  /// PostgreSQL schema that the steps fill, created if absent; lower-case letters, digits, `_`.
  /// While a step runs it is the search path, so that a step's names need no prefix.
  std::string schema = {};
  /// Major version of this build. The minor version is the number of the last step.
  int major = 1;
  std::chrono::milliseconds lock_timeout = kMigrationLockTimeout;
  std::chrono::milliseconds step_timeout = kMigrationTimeout;
};

/// What became of a schema.
struct MigrateReport {
  int major = 0;
  int minor = 0;    // Of the store; larger than this build's after a newer build ran.
  int applied = 0;  // Steps that this call carried out.
};

/// Brings the schema up to the last of `migrations`, which must be in order of their numbers.
///
/// The store remembers in `<schema>.schema_version` (major, minor) and `<schema>.schema_migration`
/// (number, name, checksum, applied_at). Each step is one transaction that also records it, under
/// an advisory lock of the transaction, so any number of processes may call this at once, and a
/// crash leaves whole steps only. A store that a newer build of the same major has taken further is
/// left as it is.
///
/// Fails with
///   `migration_locked` (DeadlineExceeded): another process holds the lock for longer than the
///   bound `schema_version` (FailedPrecondition): the store has another major version
///   `migration_changed` (FailedPrecondition): an applied step's text differs from this build's
///   `migration_order` (FailedPrecondition): a step is missing below an applied one
///   or the error of the step, its name prepended.
/// The connection must not be in a transaction.
Result<MigrateReport> migrate(Connection& connection, std::span<const Migration> migrations,
                              const MigrateOptions& options);

}  // namespace weir::postgres
