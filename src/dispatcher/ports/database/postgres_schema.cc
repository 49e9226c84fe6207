// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/ports/database/postgres_schema.h"

#include <span>
#include <utility>

#include <embedded_sql/data.h>
#include <embedded_sql/dispatcher.h>
#include "dispatcher/ports/database/postgres_limits.h"
#include "dispatcher/ports/database/service_rights.h"
#include "drivers/postgres/connection.h"
#include "drivers/postgres/migrations.h"

namespace weir::dispatcher {
namespace {

using postgres::Connection;
using postgres::Params;
using postgres::Rows;

constexpr std::string_view kOwnerRole = "weir_owner";

/// What sessions of a login that is itself a service's role start with; service_connect_options
/// says the same to sessions that take it on.
constexpr std::array kServiceSettings = {
    std::pair<std::string_view, std::string_view>{"statement_timeout", "10s"},
    std::pair<std::string_view, std::string_view>{"lock_timeout", "5s"},
    std::pair<std::string_view, std::string_view>{"idle_in_transaction_session_timeout", "10s"},
};
constexpr std::array kReaderSettings = {
    std::pair<std::string_view, std::string_view>{"statement_timeout", "300s"},
    std::pair<std::string_view, std::string_view>{"lock_timeout", "5s"},
    std::pair<std::string_view, std::string_view>{"idle_in_transaction_session_timeout", "10s"},
};
static_assert(kServiceStatementTimeout == std::chrono::seconds(10) &&
                  kReaderStatementTimeout == std::chrono::seconds(300) &&
                  kServiceLockTimeout == std::chrono::seconds(5) &&
                  kServiceIdleTimeout == std::chrono::seconds(10),
              "the settings of the roles are those of the sessions");

constexpr std::array kRoles = {ServiceRole::Dispatcher, ServiceRole::Sink, ServiceRole::Query,
                               ServiceRole::Readonly};
static_assert(kRoles.size() == kServiceRoles);

/// Tables of schema $1 with an org_id that lack the policy named $2.
constexpr const char* kTablesWithoutPolicySql =
    "SELECT c.relname::text FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid"
    " AND a.attname = 'org_id' AND NOT a.attisdropped"
    " WHERE c.relnamespace = to_regnamespace($1) AND c.relkind IN ('r', 'p') AND NOT EXISTS"
    " (SELECT FROM pg_policy p WHERE p.polrelid = c.oid AND p.polname = $2) ORDER BY 1";

struct Schema {
  std::string name;
  std::span<const postgres::Migration> steps;
};

bool is_reader(ServiceRole role) {
  return role == ServiceRole::Query || role == ServiceRole::Readonly;
}

/// Lets weir_owner make its schema in this database. False, with nothing changed, if this login may
/// not say so.
Result<bool> let_owner_create(Connection& connection) {
  for (int attempt = 0; attempt < kPolicyTriesMax; ++attempt) {
    WEIR_TRY(const Rows may, connection.execute("SELECT has_database_privilege('weir_owner',"
                                                " current_database(), 'CREATE')"));
    if (may.boolean(0, 0)) return true;
    const auto granted = connection.execute_script(
        "DO $$ BEGIN PERFORM pg_advisory_xact_lock(hashtextextended('weir role weir_owner', 0));"
        " EXECUTE format('GRANT CREATE ON DATABASE %I TO weir_owner', current_database());"
        " END $$");
    if (!granted.ok() && !connection.usable()) return granted.error();
  }
  return false;
}

/// True if this login may act as the owner of the schema.
Result<bool> prepare_owner(Connection& connection, const Schema& schema) {
  const postgres::ServiceRole role{std::string(kOwnerRole), schema.name};
  WEIR_TRY(const auto owner, postgres::prepare_service_role(connection, role));
  if (!owner.exists || !owner.may_take_on) return false;
  return let_owner_create(connection);
}

/// Runs the steps as weir_owner where this login may, else as itself, which is noted.
Result<postgres::MigrateReport> migrate(Connection& connection, const Schema& schema,
                                        std::vector<std::string>& notes) {
  WEIR_TRY(const bool as_owner, prepare_owner(connection, schema));
  if (as_owner) WEIR_CHECK(connection.execute_script("SET ROLE weir_owner"));
  auto migrated = postgres::migrate(connection, schema.steps, {.schema = schema.name});
  if (as_owner && connection.usable()) WEIR_CHECK(connection.execute_script("RESET ROLE"));
  if (migrated.ok() && migrated->applied > 0 && !as_owner) {
    notes.push_back("schema " + schema.name + " belongs to this login, not to weir_owner");
  }
  return migrated;
}

/// Makes one role and its rights, and notes what this login could not do.
Result<void> prepare_role(Connection& connection, const Schema& schema, ServiceRole role,
                          SchemaReport& report) {
  const std::string name(role_name(role));
  const auto rights = rights_of(role, schema.name);
  const std::span settings(is_reader(role) ? kReaderSettings : kServiceSettings);
  WEIR_TRY(const auto made,
           postgres::prepare_service_role(
               connection,
               {.name = name, .schema = schema.name, .rights = rights, .settings = settings}));
  report.serves[static_cast<std::size_t>(role)] = made.may_take_on && made.complete;
  if (!made.exists) {
    report.faults.push_back(
        {"there is no role " + name, "as a superuser, or a role with CREATEROLE: CREATE ROLE " +
                                         name + " NOLOGIN; then prepare the schema again"});
  } else if (!made.complete) {
    report.faults.push_back(
        {"role " + name + " lacks rights in schema " + schema.name +
             (made.failure.empty() ? "" : ": " + made.failure),
         "prepare the schema once with a login that may take on weir_owner: GRANT weir_owner TO "
         "<login>"});
  }
  return {};
}

/// CREATE POLICY for all of `tables`, and what the dispatcher may do to pins: sweep lapsed ones.
std::string policy_script(const Schema& schema, const Rows& tables) {
  std::string script = "BEGIN; SELECT pg_advisory_xact_lock(hashtextextended('weir policies " +
                       schema.name + "', 0));";
  for (std::size_t row = 0; row < tables.size(); ++row) {
    const std::string table(tables.text(row, 0));
    script += "CREATE POLICY all_orgs ON " + schema.name + "." + table +
              " TO weir_dispatcher USING (current_setting('weir.org', true) = '*')"
              " WITH CHECK (current_setting('weir.org', true) = '*');";
    if (schema.name == "state" && table == "query_pins") {
      script +=
          "CREATE POLICY only_lapsed ON state.query_pins AS RESTRICTIVE FOR DELETE"
          " TO weir_dispatcher USING (expires_at < clock_timestamp());";
    }
  }
  return script + "COMMIT;";
}

Result<Rows> tables_without_policy(Connection& connection, std::string_view schema,
                                   std::string_view policy) {
  Params params;
  params.text(schema).text(policy);
  return connection.execute(kTablesWithoutPolicySql, params);
}

/// Admits weir_dispatcher to the rows of all organisations.
Result<void> prepare_policies(Connection& connection, const Schema& schema, SchemaReport& report) {
  WEIR_TRY(const Rows role, connection.execute("SELECT to_regrole('weir_dispatcher') IS NOT NULL"));
  if (!role.boolean(0, 0)) return {};  // Its absence is a fault already.
  std::string failure;
  for (int attempt = 0; attempt < kPolicyTriesMax; ++attempt) {
    WEIR_TRY(const Rows tables, tables_without_policy(connection, schema.name, "all_orgs"));
    if (tables.empty()) return {};
    const auto made = connection.execute_script(policy_script(schema, tables));
    if (made.ok()) return {};
    if (!connection.usable()) return made.error();
    if (connection.in_transaction()) WEIR_CHECK(connection.rollback());
    failure = made.error().message();
  }
  report.faults.push_back({"weir_dispatcher is not admitted to all organisations: " + failure,
                           "prepare the schema once with a login that may take on weir_owner"});
  return {};
}

Result<int> make_partitions(Connection& connection, const Params& since) {
  WEIR_TRY(const Rows made, connection.execute("SELECT state.make_history_partitions($1, " +
                                                   std::to_string(kHistoryWeeksAhead) + ")",
                                               since));
  return static_cast<int>(made.int64(0, 0));
}

Result<SchemaReport> prepare(Connection& connection, const Schema& schema) {
  SchemaReport report;
  report.server_version = connection.server_version();
  WEIR_TRY(const auto migrated, migrate(connection, schema, report.notes));
  report.major = migrated.major;
  report.minor = migrated.minor;
  report.applied = migrated.applied;
  for (const ServiceRole role : kRoles) {
    WEIR_CHECK(prepare_role(connection, schema, role, report));
  }
  WEIR_CHECK(prepare_policies(connection, schema, report));
  WEIR_TRY(const auto login, postgres::read_login_standing(connection));
  if (login.unlimited) {
    report.notes.emplace_back("this login is a superuser or bypasses row level security");
  }
  if (!login.durability.empty()) {
    report.notes.push_back("commits may be lost in a crash: " + login.durability);
  }
  return report;
}

/// What the server and the catalogues say against a session.
constexpr const char* kSessionSql =
    "SELECT r.rolsuper OR s.rolsuper, r.rolbypassrls OR s.rolbypassrls,"
    " EXISTS (SELECT FROM pg_class c WHERE c.relnamespace = to_regnamespace($1)"
    "  AND pg_has_role(current_user, c.relowner, 'MEMBER')),"
    " current_setting('fsync')::boolean, current_setting('full_page_writes')::boolean,"
    " current_setting('synchronous_commit') <> 'off', session_user::text, current_user::text,"
    " ARRAY(SELECT c.relname::text FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid"
    "  AND a.attname = 'org_id' AND NOT a.attisdropped"
    "  WHERE c.relnamespace = to_regnamespace($1) AND c.relkind IN ('r', 'p')"
    "  AND NOT (c.relrowsecurity AND c.relforcerowsecurity AND"
    "  (SELECT count(*) = 2 FROM pg_policy p WHERE p.polrelid = c.oid"
    "   AND p.polname IN ('own_org', 'all_orgs')))"
    "  ORDER BY 1)"
    " FROM pg_roles r, pg_roles s WHERE r.rolname = current_user AND s.rolname = session_user";

}  // namespace

std::string_view role_name(ServiceRole role) {
  switch (role) {
    case ServiceRole::Dispatcher:
      return "weir_dispatcher";
    case ServiceRole::Sink:
      return "weir_sink";
    case ServiceRole::Query:
      return "weir_query";
    case ServiceRole::Readonly:
      return "weir_readonly";
  }
  return "";
}

Result<SchemaReport> prepare_state_schema(Connection& connection) {
  const Schema schema{"state", embedded_sql::dispatcher()};
  WEIR_TRY(SchemaReport report, prepare(connection, schema));
  WEIR_TRY(const Rows may,
           connection.execute("SELECT has_schema_privilege('state', 'USAGE') AND"
                              " has_function_privilege("
                              "'state.make_history_partitions(timestamptz, integer)', 'EXECUTE')"));
  if (may.boolean(0, 0)) {
    WEIR_TRY(const Rows now, connection.execute("SELECT clock_timestamp()"));
    Params since;
    since.instant(now.instant(0, 0));
    WEIR_TRY(report.partitions_made, make_partitions(connection, since));
  }
  return report;
}

Result<SchemaReport> prepare_data_schema(Connection& connection) {
  return prepare(connection, {"data", embedded_sql::data()});
}

Result<std::vector<StartFault>> check_service_session(Connection& session,
                                                      std::string_view schema) {
  Params params;
  params.text(schema);
  WEIR_TRY(const Rows facts, session.execute(kSessionSql, params));
  std::vector<StartFault> faults;
  if (facts.empty()) return faults;
  const std::string login(facts.text(0, 6));
  const std::string role(facts.text(0, 7));
  const std::string own_login =
      "connect with a login of its own: CREATE ROLE <login> LOGIN IN "
      "ROLE weir_dispatcher (or the service's role)";
  if (facts.boolean(0, 0)) faults.push_back({"login " + login + " is a superuser", own_login});
  if (facts.boolean(0, 1)) {
    faults.push_back({"row level security does not bind login " + login,
                      "ALTER ROLE \"" + login + "\" NOBYPASSRLS"});
  }
  if (facts.boolean(0, 2)) {
    faults.push_back({"role " + role + " owns tables of schema " + std::string(schema) +
                          ", or may become who does",
                      own_login});
  }
  constexpr std::array kDurable = {"fsync", "full_page_writes", "synchronous_commit"};
  for (std::size_t i = 0; i < kDurable.size(); ++i) {
    if (facts.boolean(0, 3 + i)) continue;
    const std::string setting = kDurable[i];
    faults.push_back({"commits may be lost in a crash: " + setting + " is off",
                      "ALTER SYSTEM SET " + setting + " = on, then reload the server"});
  }
  for (const std::string_view table : facts.text_array(0, 8)) {
    faults.push_back({"table " + std::string(schema) + "." + std::string(table) +
                          " is not guarded by organisation",
                      "prepare the schema once with a login that may take on weir_owner"});
  }
  return faults;
}

postgres::ConnectOptions service_connect_options(std::string dsn, ServiceRole role,
                                                 const SchemaReport& report) {
  const auto statement = is_reader(role) ? kReaderStatementTimeout : kServiceStatementTimeout;
  postgres::ConnectOptions options;
  options.dsn = std::move(dsn);
  options.application_name = role_name(role);
  options.settings = {
      {"synchronous_commit", "on"},
      {"statement_timeout", std::to_string(statement.count())},
      {"lock_timeout", std::to_string(kServiceLockTimeout.count())},
      {"idle_in_transaction_session_timeout", std::to_string(kServiceIdleTimeout.count())},
      {"jit", "off"},
  };
  constexpr int kKnowsTransactionTimeout = 170'000;
  if (report.server_version >= kKnowsTransactionTimeout && !is_reader(role)) {
    options.settings.emplace_back("transaction_timeout",
                                  std::to_string(kServiceTransactionTimeout.count()));
  }
  if (report.can_serve(role)) options.settings.emplace_back("role", role_name(role));
  return options;
}

Result<int> make_history_partitions(Connection& connection, Instant since) {
  Params params;
  params.instant(since);
  return make_partitions(connection, params);
}

}  // namespace weir::dispatcher
