// SPDX-License-Identifier: Apache-2.0
#include "drivers/postgres/migrations.h"

#include <algorithm>
#include <map>
#include <string>
#include <utility>

#include "base/assert.h"
#include "base/blake3.h"
#include "base/error.h"
#include "drivers/postgres/connection.h"
#include "drivers/postgres/errors.h"

namespace weir::postgres {
namespace {

using Checksums = std::map<std::int64_t, std::string>;  // Of the applied steps, by number.

/// What the store says about itself; major 0 if it says nothing yet.
struct Stored {
  std::int64_t major = 0;
  std::int64_t minor = 0;
  Checksums applied;
};

std::string checksum(const Migration& step) { return base::blake3_hex(step.sql, 16); }

std::string version_text(std::int64_t major, std::int64_t minor) {
  return std::to_string(major) + "." + std::to_string(minor);
}

std::string step_text(const Migration& step) {
  return "migration " + std::to_string(step.number) + " (" + std::string(step.name) + ")";
}

bool is_plain_name(std::string_view name) {
  return !name.empty() && name.size() <= 63 && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
  });
}

/// The tables that remember. Schema names are plain, so they need no quoting beyond this.
std::string bookkeeping_sql(const std::string& schema) {
  const std::string name = "\"" + schema + "\"";
  return "CREATE SCHEMA IF NOT EXISTS " + name + ";CREATE TABLE IF NOT EXISTS " + name +
         ".schema_version (only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row), "
         "major integer NOT NULL, minor integer NOT NULL);CREATE TABLE IF NOT EXISTS " +
         name +
         ".schema_migration (number integer PRIMARY KEY, name text NOT NULL, "
         "checksum text NOT NULL, applied_at timestamptz NOT NULL DEFAULT clock_timestamp());";
}

Result<bool> has_bookkeeping(Connection& connection, const std::string& schema) {
  Params params;
  params.text("\"" + schema + "\".schema_migration");
  WEIR_TRY(const Rows rows, connection.execute("SELECT to_regclass($1) IS NOT NULL", params));
  return rows.boolean(0, 0);
}

Result<Stored> read_stored(Connection& connection, const std::string& schema) {
  const std::string name = "\"" + schema + "\"";
  Stored stored;
  WEIR_TRY(const Rows version,
           connection.execute("SELECT major, minor FROM " + name + ".schema_version"));
  if (!version.empty()) {
    stored.major = version.int64(0, 0);
    stored.minor = version.int64(0, 1);
  }
  WEIR_TRY(const Rows steps,
           connection.execute("SELECT number, checksum FROM " + name + ".schema_migration"));
  for (std::size_t row = 0; row < steps.size(); ++row) {
    stored.applied.emplace(steps.int64(row, 0), steps.text(row, 1));
  }
  return stored;
}

/// Refuses a store that this build cannot work on, else gives the first step that it lacks.
Result<const Migration*> next_step(const Stored& stored, std::span<const Migration> migrations,
                                   const MigrateOptions& options) {
  if (stored.major != 0 && stored.major != options.major) {
    return base::failed_precondition(
        "schema_version",
        "schema " + options.schema + " has version " + version_text(stored.major, stored.minor) +
            ", this build works on version " + std::to_string(options.major) + ".x only");
  }
  const Migration* next = nullptr;
  for (const Migration& step : migrations) {
    const auto applied = stored.applied.find(step.number);
    if (applied == stored.applied.end()) {
      if (next == nullptr) next = &step;
    } else if (applied->second != checksum(step)) {
      return base::failed_precondition("migration_changed",
                                       step_text(step) + " of schema " + options.schema +
                                           " was applied with another text than this build has");
    }
  }
  if (next != nullptr && !stored.applied.empty() && stored.applied.rbegin()->first > next->number) {
    return base::failed_precondition(
        "migration_order", step_text(*next) + " of schema " + options.schema +
                               " is missing, though number " +
                               std::to_string(stored.applied.rbegin()->first) + " was applied");
  }
  return next;
}

/// Opens the transaction of one step and takes the lock, which ends with the transaction.
Result<void> begin_locked(Connection& connection, const MigrateOptions& options) {
  WEIR_CHECK(connection.begin());
  WEIR_CHECK(connection.execute_script(
      "SET LOCAL lock_timeout = " + std::to_string(options.lock_timeout.count()) +
      ";SET LOCAL statement_timeout = " + std::to_string(options.step_timeout.count())));
  Params params;
  params.text("weir migration " + options.schema);
  auto locked = connection.execute("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", params);
  if (locked.ok()) return {};
  if (locked.error().reason() != kPostgresTimeout) return std::move(locked).error();
  return Error(Code::DeadlineExceeded, "migration_locked",
               "another process has been migrating schema " + options.schema + " for " +
                   std::to_string(options.lock_timeout.count()) + " ms");
}

Result<void> apply(Connection& connection, const Migration& step, const MigrateOptions& options) {
  const std::string name = "\"" + options.schema + "\"";
  WEIR_CHECK(connection.execute_script("SET LOCAL search_path = " + name));
  WEIR_CHECK(connection.execute_script(std::string(step.sql)));
  if (!connection.in_transaction()) {
    return base::internal("its SQL ends the transaction that it runs in");
  }
  Params record;
  record.int64(step.number).text(step.name).text(checksum(step));
  WEIR_CHECK(connection.execute(
      "INSERT INTO " + name + ".schema_migration (number, name, checksum) VALUES ($1, $2, $3)",
      record));
  Params version;
  version.int64(options.major).int64(step.number);
  WEIR_CHECK(connection.execute("INSERT INTO " + name +
                                    ".schema_version (major, minor) VALUES ($1, $2) ON CONFLICT "
                                    "(only_row) DO UPDATE SET minor = excluded.minor",
                                version));
  return {};
}

/// One transaction: one step, or none if there is nothing left to do (false).
Result<bool> migrate_once(Connection& connection, std::span<const Migration> migrations,
                          const MigrateOptions& options) {
  WEIR_CHECK(begin_locked(connection, options));
  WEIR_CHECK(connection.execute_script(bookkeeping_sql(options.schema)));
  WEIR_TRY(const Stored stored, read_stored(connection, options.schema));
  WEIR_TRY(const Migration* step, next_step(stored, migrations, options));
  if (step != nullptr) {
    if (auto done = apply(connection, *step, options); !done.ok()) {
      return std::move(done).error().prepend(step_text(*step) + " of schema " + options.schema);
    }
  }
  WEIR_CHECK(connection.commit());
  return step != nullptr;
}

Result<MigrateReport> migrate_all(Connection& connection, std::span<const Migration> migrations,
                                  const MigrateOptions& options) {
  MigrateReport report;
  // A schema that is up to date is only read: no lock, and no right to create needed.
  WEIR_TRY(bool known, has_bookkeeping(connection, options.schema));
  bool current = false;
  if (known) {
    WEIR_TRY(const Stored stored, read_stored(connection, options.schema));
    WEIR_TRY(const Migration* step, next_step(stored, migrations, options));
    current = step == nullptr;
  }
  while (!current) {
    WEIR_TRY(const bool applied, migrate_once(connection, migrations, options));
    if (applied) ++report.applied;
    current = !applied;
  }
  WEIR_TRY(const Stored stored, read_stored(connection, options.schema));
  report.major = static_cast<int>(stored.major);
  report.minor = static_cast<int>(stored.minor);
  return report;
}

Result<MigrateReport> migrate_or_roll_back(Connection& connection,
                                           std::span<const Migration> migrations,
                                           const MigrateOptions& options) {
  auto report = migrate_all(connection, migrations, options);
  if (!report.ok() && connection.usable() && connection.in_transaction()) {
    const auto rolled_back = connection.rollback();  // What failed counts, not this.
    static_cast<void>(rolled_back);
  }
  return report;
}

}  // namespace

Result<MigrateReport> migrate(Connection& connection, std::span<const Migration> migrations,
                              const MigrateOptions& options) {
  WEIR_ASSERT(is_plain_name(options.schema) && options.major > 0);
  WEIR_ASSERT(!connection.in_transaction());
  WEIR_ASSERT(std::ranges::adjacent_find(migrations, std::ranges::greater_equal{},
                                         &Migration::number) == migrations.end());
  // The server bounds each statement; our own patience must not end before its.
  const auto patience = connection.reply_timeout();
  connection.set_reply_timeout(std::max(options.lock_timeout, options.step_timeout) +
                               kReplyTimeout);
  auto report = migrate_or_roll_back(connection, migrations, options);
  // Who makes the schema at the same moment may be seen too late: it is there the second time.
  if (!report.ok() && report.error().reason() == kUniqueViolation && connection.usable()) {
    report = migrate_or_roll_back(connection, migrations, options);
  }
  connection.set_reply_timeout(patience);
  return report;
}

}  // namespace weir::postgres
