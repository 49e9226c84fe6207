// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/ports/postgres_schema.h"

#include <array>
#include <span>
#include <utility>

#include <embedded_sql/dagmanager.h>
#include <embedded_sql/topics.h>
#include "dagmanager/ports/postgres_limits.h"
#include "drivers/postgres/connection.h"
#include "drivers/postgres/migrations.h"
#include "drivers/postgres/service_role.h"

namespace weir::dagmanager {
namespace {

using postgres::Connection;
using postgres::Right;

constexpr std::array kGraphRights = {
    Right{"schema_version", "SELECT"},
    Right{"schema_migration", "SELECT"},
    Right{"graph_epoch", "SELECT"},
    Right{"graph_epoch", "UPDATE"},
    Right{"graph_change", "SELECT"},
    Right{"graph_change", "INSERT"},
    Right{"compute_node", "SELECT"},
    Right{"compute_node", "INSERT"},
    Right{"binding_context", "SELECT"},
    Right{"binding_context", "INSERT"},
    Right{"queue", "SELECT"},
    Right{"queue", "INSERT"},
    Right{"queue", "UPDATE"},
    Right{"queue", "DELETE"},
    Right{"deploy", "SELECT"},
    Right{"deploy", "INSERT"},
    Right{"deploy", "UPDATE"},
    Right{"sentinel", "SELECT"},
    Right{"sentinel", "INSERT"},
    Right{"sentinel", "UPDATE"},
    Right{"sentinel_deploy", "SELECT"},
    Right{"sentinel_deploy", "INSERT"},
    Right{"sentinel_has", "SELECT"},
    Right{"artifact", "SELECT"},
    Right{"artifact", "INSERT"},
    Right{"used_by", "SELECT"},
    Right{"used_by", "INSERT"},
    Right{"topic_log", "SELECT"},
    Right{"topic_log_batch", "SELECT"},
    Right{"topic_log_batch", "INSERT"},
    Right{"topic_log_pruned", "SELECT"},
    Right{"query_set", "SELECT"},
    Right{"query_set", "INSERT"},
    Right{"query_set", "UPDATE"},
    Right{"outbox", "SELECT"},
    Right{"outbox", "INSERT"},
    Right{"outbox", "UPDATE"},
    Right{"outbox", "DELETE"},
    Right{"event_head", "SELECT"},
    Right{"event_head", "UPDATE"},
    Right{"audit", "SELECT"},
    Right{"audit", "INSERT"},
    Right{"cross_context_hit", "SELECT"},
    Right{"cross_context_hit", "INSERT"},
    Right{"cross_context_hit", "UPDATE"},
    Right{"compute_node_seq", "USAGE"},
    Right{"queue_seq", "USAGE"},
    Right{"deploy_order_seq", "USAGE"},
    Right{"rollout", "SELECT"},
    Right{"rollout", "INSERT"},
    Right{"rollout", "UPDATE"},
    Right{"loop_lease", "SELECT"},
    Right{"loop_lease", "INSERT"},
    Right{"loop_lease", "UPDATE"},
    Right{"orphan_queue", "SELECT"},
    Right{"orphan_queue", "INSERT"},
    Right{"orphan_queue", "UPDATE"},
    Right{"graph_removal", "SELECT"},
    Right{"graph_removal", "UPDATE"},
    Right{"gone_queue", "SELECT"},
    Right{"gone_queue", "INSERT"},
    Right{"gone_queue", "DELETE"},
    Right{"orphan_queue", "DELETE"},
    Right{"alert_condition", "SELECT"},
    Right{"alert_condition", "INSERT"},
    Right{"alert_condition", "UPDATE"},
    Right{"alert_condition", "DELETE"},
    Right{"alert", "SELECT"},
    Right{"alert", "INSERT"},
    Right{"alert", "UPDATE"},
    Right{"alert", "DELETE"},
    Right{"alert_notice", "SELECT"},
    Right{"alert_notice", "INSERT"},
    Right{"alert_notice", "UPDATE"},
    Right{"alert_notice", "DELETE"},
    Right{"artifact", "UPDATE"},
    Right{"artifact", "DELETE"},
    Right{"used_by", "DELETE"},
    Right{"compute_node", "DELETE"},
    Right{"sentinel", "DELETE"},
    Right{"sentinel_deploy", "DELETE"},
    Right{"topic_principal", "SELECT"},
    Right{"topic_principal", "INSERT"},
    Right{"topic_principal", "DELETE"},
    Right{"silent_queue", "SELECT"},
    Right{"silent_queue", "INSERT"},
    Right{"silent_queue", "UPDATE"},
    Right{"silent_queue", "DELETE"},
};

constexpr std::array kTopicRights = {
    Right{"schema_version", "SELECT"}, Right{"schema_migration", "SELECT"},
    Right{"topic_registry", "SELECT"}, Right{"topic_registry", "INSERT"},
    Right{"topic_registry", "DELETE"},
};

/// One of the two schemas.
struct Schema {
  std::string name;
  std::span<const postgres::Migration> steps;
  std::span<const Right> rights;
};

/// True if this login can work as the role.
Result<bool> prepare_role(Connection& connection, const Schema& schema,
                          std::vector<std::string>& notes) {
  const std::string name = kServiceRole;
  const postgres::ServiceRole role{name, schema.name, schema.rights};
  WEIR_TRY(const auto made, postgres::prepare_service_role(connection, role));
  if (!made.failure.empty()) {
    notes.push_back("role " + name + " could not be given its rights: " + made.failure);
  } else if (!made.exists) {
    notes.push_back("there is no role " + name + ", and this login may not make it");
  } else if (!made.may_take_on) {
    notes.push_back("this login may not take on role " + name + ", it works with its own rights");
  }
  return made.may_take_on && made.failure.empty();
}

Result<SchemaReport> prepare(Connection& connection, const Schema& schema) {
  WEIR_TRY(const auto migrated,
           postgres::migrate(connection, schema.steps, {.schema = schema.name}));
  SchemaReport report{migrated.major, migrated.minor, migrated.applied, false, {}};
  WEIR_TRY(const auto login, postgres::read_login_standing(connection));
  WEIR_TRY(report.service_role, prepare_role(connection, schema, report.notes));
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
