// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/ports/postgres_schema.h"

#include <array>
#include <span>
#include <string_view>
#include <utility>

#include <embedded_sql/dagmanager.h>
#include <embedded_sql/topics.h>
#include "dagmanager/ports/postgres_limits.h"
#include "drivers/postgres/connection.h"
#include "drivers/postgres/errors.h"
#include "drivers/postgres/migrations.h"

namespace weir::dagmanager {
namespace {

using postgres::Connection;
using postgres::Params;
using postgres::Rows;

/// One right on one table, view or sequence (USAGE is a sequence's).
struct Right {
  std::string_view object;
  std::string_view privilege;
};

constexpr std::array kGraphRights = {
    Right{"schema_version", "SELECT"},  Right{"schema_migration", "SELECT"},
    Right{"graph_epoch", "SELECT"},     Right{"graph_epoch", "UPDATE"},
    Right{"graph_change", "SELECT"},    Right{"graph_change", "INSERT"},
    Right{"compute_node", "SELECT"},    Right{"compute_node", "INSERT"},
    Right{"binding_context", "SELECT"}, Right{"binding_context", "INSERT"},
    Right{"queue", "SELECT"},           Right{"queue", "INSERT"},
    Right{"queue", "UPDATE"},           Right{"queue", "DELETE"},
    Right{"deploy", "SELECT"},          Right{"deploy", "INSERT"},
    Right{"deploy", "UPDATE"},          Right{"sentinel", "SELECT"},
    Right{"sentinel", "INSERT"},        Right{"sentinel", "UPDATE"},
    Right{"sentinel_deploy", "SELECT"}, Right{"sentinel_deploy", "INSERT"},
    Right{"sentinel_has", "SELECT"},    Right{"artifact", "SELECT"},
    Right{"artifact", "INSERT"},        Right{"used_by", "SELECT"},
    Right{"used_by", "INSERT"},         Right{"topic_log", "SELECT"},
    Right{"topic_log", "INSERT"},       Right{"query_set", "SELECT"},
    Right{"query_set", "INSERT"},       Right{"query_set", "UPDATE"},
    Right{"outbox", "SELECT"},          Right{"outbox", "INSERT"},
    Right{"compute_node_seq", "USAGE"}, Right{"queue_seq", "USAGE"},
    Right{"deploy_order_seq", "USAGE"},
};

constexpr std::array kTopicRights = {
    Right{"schema_version", "SELECT"},
    Right{"schema_migration", "SELECT"},
    Right{"topic_registry", "SELECT"},
    Right{"topic_registry", "INSERT"},
};

/// One of the two schemas.
struct Schema {
  std::string name;
  std::span<const postgres::Migration> steps;
  std::span<const Right> rights;
};

/// What is said of the login, and of how it finds the role.
struct Login {
  bool role_exists = false;
  bool may_make_role = false;
  bool is_member = false;
  bool unlimited = false;  // a superuser, or row level security does not bind it
  std::string durability;  // what a crash could lose commits by; empty: nothing
};

Result<Login> read_login(Connection& connection) {
  Params params;
  params.text(kServiceRole);
  WEIR_TRY(const Rows rows,
           connection.execute("SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = $1),"
                              " r.rolsuper OR r.rolcreaterole, r.rolsuper OR r.rolbypassrls,"
                              " concat_ws(', ', CASE WHEN NOT current_setting('fsync')::boolean"
                              " THEN 'fsync is off' END, CASE WHEN"
                              " NOT current_setting('full_page_writes')::boolean THEN"
                              " 'full_page_writes is off' END, CASE WHEN"
                              " current_setting('synchronous_commit') = 'off' THEN"
                              " 'synchronous_commit is off' END)"
                              " FROM pg_roles r WHERE r.rolname = current_user",
                              params));
  Login login;
  if (rows.empty()) return login;
  login.role_exists = rows.boolean(0, 0);
  login.may_make_role = rows.boolean(0, 1);
  login.unlimited = rows.boolean(0, 2);
  login.durability = rows.text(0, 3);
  if (!login.role_exists) return login;
  WEIR_TRY(const Rows member,
           connection.execute("SELECT pg_has_role(current_user, $1, 'MEMBER')", params));
  login.is_member = member.boolean(0, 0);
  return login;
}

/// Rights that the role lacks.
Result<std::vector<Right>> missing_rights(Connection& connection, const Schema& schema) {
  Params params;
  params.text(kServiceRole)
      .text(schema.name)
      .text_array(schema.rights, &Right::object)
      .text_array(schema.rights, &Right::privilege);
  WEIR_TRY(
      const Rows rows,
      connection.execute("SELECT place FROM unnest($3::text[], $4::text[]) WITH ORDINALITY"
                         " AS u (object, privilege, place) WHERE NOT CASE u.privilege WHEN 'USAGE'"
                         " THEN has_sequence_privilege($1, $2 || '.' || u.object, u.privilege)"
                         " ELSE has_table_privilege($1, $2 || '.' || u.object, u.privilege) END"
                         " OR NOT has_schema_privilege($1, $2, 'USAGE')",
                         params));
  std::vector<Right> missing;
  missing.reserve(rows.size());
  for (std::size_t row = 0; row < rows.size(); ++row) {
    missing.push_back(schema.rights[static_cast<std::size_t>(rows.int64(row, 0)) - 1]);
  }
  return missing;
}

/// All in one transaction, one process at a time: catalogue rows cannot be changed side by side.
std::string grant_script(const Schema& schema, const Login& login,
                         const std::vector<Right>& missing) {
  const std::string role = kServiceRole;
  std::string script =
      "BEGIN; SELECT pg_advisory_xact_lock(hashtextextended('weir role " + role + "', 0));";
  if (!login.role_exists) {
    script += "DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '" + role +
              "') THEN CREATE ROLE " + role + " NOLOGIN; END IF; END $$;";
  }
  if (!login.is_member && login.may_make_role) script += "GRANT " + role + " TO CURRENT_USER;";
  if (!missing.empty()) script += "GRANT USAGE ON SCHEMA " + schema.name + " TO " + role + ";";
  for (const Right& right : missing) {
    script += "GRANT " + std::string(right.privilege) + " ON " +
              (right.privilege == "USAGE" ? "SEQUENCE " : "") + schema.name + "." +
              std::string(right.object) + " TO " + role + ";";
  }
  return script + "COMMIT;";
}

Result<void> run_grants(Connection& connection, const std::string& script) {
  auto granted = connection.execute_script(script);
  if (granted.ok()) return {};
  if (connection.usable() && connection.in_transaction()) WEIR_CHECK(connection.rollback());
  return granted;
}

/// Makes the role and gives it what it lacks. True if this login can work as it.
Result<bool> prepare_role(Connection& connection, const Schema& schema, Login login,
                          std::vector<std::string>& notes) {
  const std::string role = kServiceRole;
  if (!login.role_exists && !login.may_make_role) {
    notes.push_back("there is no role " + role + ", and this login may not make it");
    return false;
  }
  std::vector<Right> missing(schema.rights.begin(), schema.rights.end());
  if (login.role_exists) {
    WEIR_TRY(missing, missing_rights(connection, schema));
  }
  if (!login.is_member && !login.may_make_role) {
    notes.push_back("this login may not take on role " + role + ", it works with its own rights");
  }
  const bool can_serve = login.is_member || login.may_make_role;
  if (missing.empty() && (login.is_member || !can_serve)) return can_serve;
  // Who made the role meanwhile, in another database, has also taken its name.
  for (int attempt = 0; attempt < kGrantTriesMax; ++attempt) {
    const auto granted = run_grants(connection, grant_script(schema, login, missing));
    if (granted.ok()) return can_serve;
    if (!connection.usable()) return granted.error();
    if (attempt + 1 == kGrantTriesMax) {
      notes.push_back("role " + role +
                      " could not be given its rights: " + granted.error().message());
    }
    WEIR_TRY(login, read_login(connection));
  }
  return false;
}

/// Who makes the schema at the same moment may be seen too late: then it is there the second time.
Result<postgres::MigrateReport> migrate(Connection& connection, const Schema& schema) {
  const postgres::MigrateOptions options{.schema = schema.name};
  auto migrated = postgres::migrate(connection, schema.steps, options);
  if (migrated.ok() || migrated.error().reason() != postgres::kUniqueViolation) return migrated;
  return postgres::migrate(connection, schema.steps, options);
}

Result<SchemaReport> prepare(Connection& connection, const Schema& schema) {
  WEIR_TRY(const auto migrated, migrate(connection, schema));
  SchemaReport report{migrated.major, migrated.minor, migrated.applied, false, {}};
  WEIR_TRY(const Login login, read_login(connection));
  WEIR_TRY(report.service_role, prepare_role(connection, schema, login, report.notes));
  if (login.unlimited) {
    report.notes.emplace_back("this login is a superuser or bypasses row level security");
  }
  if (!login.durability.empty()) {
    report.notes.push_back("commits may be lost in a crash: " + login.durability);
  }
  return report;
}

}  // namespace

Result<SchemaReport> prepare_graph_schema(Connection& connection) {
  return prepare(connection, {"weir_dagmanager", embedded_sql::dagmanager(), kGraphRights});
}

Result<SchemaReport> prepare_topic_schema(Connection& connection) {
  return prepare(connection, {"weir_topics", embedded_sql::topics(), kTopicRights});
}

postgres::ConnectOptions store_connect_options(std::string dsn, bool service_role) {
  postgres::ConnectOptions options;
  options.dsn = std::move(dsn);
  options.application_name = "weir-dagmanager";
  options.settings = {
      {"synchronous_commit", "on"},
      {"statement_timeout", std::to_string(kStoreStatementTimeout.count())},
      {"lock_timeout", std::to_string(kStoreLockTimeout.count())},
      {"idle_in_transaction_session_timeout", std::to_string(kStoreIdleTimeout.count())},
      // Every statement goes by its keys, whatever the statistics say: one plan, made once.
      {"plan_cache_mode", "force_generic_plan"},
      {"enable_seqscan", "off"},
      {"enable_hashjoin", "off"},
      {"enable_mergejoin", "off"},
      {"jit", "off"},
  };
  if (service_role) options.settings.emplace_back("role", kServiceRole);
  return options;
}

}  // namespace weir::dagmanager
