// SPDX-License-Identifier: Apache-2.0
#include "drivers/postgres/service_role.h"

#include <cstddef>
#include <vector>

#include "drivers/postgres/connection.h"
#include "drivers/postgres/limits.h"

namespace weir::postgres {
namespace {

/// How a login finds a role.
struct Standing {
  bool role_exists = false;
  bool may_make_roles = false;
  bool is_member = false;
};

Result<Standing> read_standing(Connection& connection, const std::string& role) {
  Params params;
  params.text(role);
  WEIR_TRY(const Rows rows,
           connection.execute("SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = $1),"
                              " r.rolsuper OR r.rolcreaterole"
                              " FROM pg_roles r WHERE r.rolname = current_user",
                              params));
  Standing standing;
  if (rows.empty()) return standing;
  standing.role_exists = rows.boolean(0, 0);
  standing.may_make_roles = rows.boolean(0, 1);
  if (!standing.role_exists) return standing;
  WEIR_TRY(const Rows member,
           connection.execute("SELECT pg_has_role(current_user, $1, 'MEMBER')", params));
  standing.is_member = member.boolean(0, 0);
  return standing;
}

/// Rights that the role lacks.
Result<std::vector<Right>> missing_rights(Connection& connection, const ServiceRole& role) {
  Params params;
  params.text(role.name)
      .text(role.schema)
      .text_array(role.rights, &Right::object)
      .text_array(role.rights, &Right::privilege);
  WEIR_TRY(const Rows rows,
           connection.execute(
               "SELECT place FROM unnest($3::text[], $4::text[]) WITH ORDINALITY"
               " AS u (object, privilege, place) WHERE NOT CASE u.privilege"
               " WHEN 'USAGE' THEN has_sequence_privilege($1, $2 || '.' || u.object, u.privilege)"
               " WHEN 'EXECUTE' THEN has_function_privilege($1, $2 || '.' || u.object, u.privilege)"
               " ELSE has_table_privilege($1, $2 || '.' || u.object, u.privilege) END"
               " OR NOT has_schema_privilege($1, $2, 'USAGE')",
               params));
  std::vector<Right> missing;
  missing.reserve(rows.size());
  for (std::size_t row = 0; row < rows.size(); ++row) {
    missing.push_back(role.rights[static_cast<std::size_t>(rows.int64(row, 0)) - 1]);
  }
  return missing;
}

std::string grant_sql(const ServiceRole& role, const Right& right) {
  const std::string_view kind = right.privilege == "USAGE"     ? "SEQUENCE "
                                : right.privilege == "EXECUTE" ? "FUNCTION "
                                                               : "";
  return "GRANT " + std::string(right.privilege) + " ON " + std::string(kind) + role.schema + "." +
         std::string(right.object) + " TO " + role.name;
}

/// All in one transaction, one process at a time: catalogue rows cannot be changed side by side,
/// and those of a schema's tables hold the rights of all roles.
std::string grant_script(const ServiceRole& role, const Standing& standing,
                         const std::vector<Right>& missing) {
  std::string script =
      "BEGIN; SELECT pg_advisory_xact_lock(hashtextextended('weir rights " + role.schema +
      "', 0)); SELECT pg_advisory_xact_lock(hashtextextended('weir role " + role.name + "', 0));";
  if (!standing.role_exists) {
    script += "DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '" + role.name +
              "') THEN CREATE ROLE " + role.name + " NOLOGIN;";
    for (const auto& [setting, value] : role.settings) {
      script += " ALTER ROLE " + role.name + " SET " + std::string(setting) + " = '" +
                std::string(value) + "';";
    }
    script += " END IF; END $$;";
  }
  if (!standing.is_member && standing.may_make_roles) {
    script += "GRANT " + role.name + " TO CURRENT_USER;";
  }
  if (!missing.empty()) {
    script += "GRANT USAGE ON SCHEMA " + role.schema + " TO " + role.name + ";";
  }
  for (const Right& right : missing) script += grant_sql(role, right) + ";";
  return script + "COMMIT;";
}

Result<void> run_grants(Connection& connection, const std::string& script) {
  auto granted = connection.execute_script(script);
  if (granted.ok()) return {};
  if (connection.usable() && connection.in_transaction()) WEIR_CHECK(connection.rollback());
  return granted;
}

}  // namespace

Result<LoginStanding> read_login_standing(Connection& connection) {
  WEIR_TRY(const Rows rows,
           connection.execute("SELECT r.rolsuper OR r.rolcreaterole, r.rolsuper OR r.rolbypassrls,"
                              " concat_ws(', ', CASE WHEN NOT current_setting('fsync')::boolean"
                              " THEN 'fsync is off' END, CASE WHEN"
                              " NOT current_setting('full_page_writes')::boolean THEN"
                              " 'full_page_writes is off' END, CASE WHEN"
                              " current_setting('synchronous_commit') = 'off' THEN"
                              " 'synchronous_commit is off' END)"
                              " FROM pg_roles r WHERE r.rolname = current_user"));
  LoginStanding login;
  if (rows.empty()) return login;
  login.may_make_roles = rows.boolean(0, 0);
  login.unlimited = rows.boolean(0, 1);
  login.durability = rows.text(0, 2);
  return login;
}

Result<RoleReport> prepare_service_role(Connection& connection, const ServiceRole& role) {
  RoleReport report;
  // Who makes the role meanwhile, in another database, has also taken its name. What the last try
  // did is looked at too.
  for (int attempt = 0; attempt <= kGrantTriesMax; ++attempt) {
    WEIR_TRY(const Standing standing, read_standing(connection, role.name));
    report.exists = standing.role_exists;
    report.may_take_on = standing.is_member;
    std::vector<Right> missing(role.rights.begin(), role.rights.end());
    if (standing.role_exists) {
      WEIR_TRY(missing, missing_rights(connection, role));
    }
    report.complete = standing.role_exists && missing.empty();
    const bool can_be_made = standing.role_exists || standing.may_make_roles;
    const bool can_join = !standing.is_member && standing.may_make_roles;
    const bool has_tried = attempt > 0 && report.failure.empty();
    const bool is_last = attempt == kGrantTriesMax;
    if (!can_be_made || (report.complete && !can_join) || has_tried || is_last) return report;
    const auto granted = run_grants(connection, grant_script(role, standing, missing));
    if (!granted.ok() && !connection.usable()) return granted.error();
    report.failure = granted.ok() ? "" : granted.error().message();
  }
  return report;
}

}  // namespace weir::postgres
