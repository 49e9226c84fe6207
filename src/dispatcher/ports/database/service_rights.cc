// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/ports/database/service_rights.h"

#include <array>
#include <span>

namespace weir::dispatcher {
namespace {

using postgres::Right;

/// Rights on one object, a letter each: s SELECT, i INSERT, u UPDATE, d DELETE, x EXECUTE.
/// A row lock (FOR UPDATE, FOR SHARE) wants UPDATE.
struct Grant {
  std::string_view object;
  std::string_view letters;
};

constexpr std::array kDispatcherState = {
    Grant{"schema_version", "s"},
    Grant{"schema_migration", "s"},
    Grant{"orgs", "siu"},
    Grant{"users", "siu"},
    Grant{"org_roles", "siud"},
    Grant{"org_role_memberships", "sid"},
    Grant{"worker_tokens", "siu"},
    Grant{"signing_keys", "siu"},
    Grant{"bundles", "siu"},
    Grant{"dag_versions", "si"},
    Grant{"jobs", "si"},
    Grant{"edges", "si"},
    Grant{"builds", "siu"},
    Grant{"pointer_sets", "siu"},
    Grant{"dag_version_builds", "sid"},
    Grant{"dag_version_datasets", "sid"},
    Grant{"datasets", "si"},
    Grant{"dataset_versions", "siu"},
    Grant{"dag_current_versions", "siu"},
    Grant{"dataset_names", "siud"},
    Grant{"dataset_current", "s"},
    Grant{"deploys", "siu"},
    Grant{"deploy_checks", "siu"},
    Grant{"effect_handoffs", "si"},
    Grant{"bootstrap_runs", "si"},
    Grant{"events", "si"},
    Grant{"subscriptions", "siud"},
    Grant{"route_rejections", "si"},
    Grant{"tasks", "siud"},
    Grant{"attempts", "siud"},
    Grant{"leases", "siud"},
    Grant{"task_history", "si"},
    Grant{"task_counts", "siu"},
    Grant{"dataset_cursors", "siu"},
    Grant{"partition_versions", "siu"},
    Grant{"invalidations", "siu"},
    Grant{"invalidation_targets", "siu"},
    Grant{"operator_state", "siud"},
    Grant{"batch_manifests", "si"},
    Grant{"buffered_publishes", "siu"},
    Grant{"outbox", "siud"},
    Grant{"wakeup_meters", "siu"},
    Grant{"control_event_heads", "siu"},
    Grant{"control_events", "sid"},
    Grant{"queue_messages", "siud"},
    Grant{"queue_dead", "sid"},
    Grant{"source_state", "siud"},
    Grant{"pressure", "siud"},
    Grant{"pauses", "sid"},
    Grant{"deliveries", "siu"},
    Grant{"delivery_assertions", "siu"},
    Grant{"query_pins", "sd"},  // Lapsed ones only, says a policy.
    Grant{"audit_log", "si"},
    Grant{"idempotency_keys", "siud"},
    Grant{"make_history_partitions(timestamptz, integer)", "x"},
};

constexpr std::array kDispatcherData = {
    Grant{"schema_version", "s"},
    Grant{"schema_migration", "s"},
    Grant{"applied_publishes", "s"},
    Grant{"applied_scopes", "s"},
    Grant{"make_dataset_table(uuid, jsonb, text[], jsonb)", "x"},
    Grant{"drop_dataset_table(uuid)", "x"},
};

constexpr std::array kSinkData = {
    Grant{"schema_version", "s"},
    Grant{"schema_migration", "s"},
    Grant{"applied_publishes", "si"},
    Grant{"applied_scopes", "siu"},
};

constexpr std::array kQueryState = {
    Grant{"schema_version", "s"},      Grant{"schema_migration", "s"},
    Grant{"query_pins", "siud"},       Grant{"registry_datasets", "s"},
    Grant{"registry_partitions", "s"}, Grant{"registry_versions", "s"},
};

constexpr std::array kQueryData = {
    Grant{"schema_version", "s"},
    Grant{"schema_migration", "s"},
    Grant{"query_audit", "i"},
};

/// Only what row level security guards, and of that neither answers kept for repeats nor secrets.
constexpr std::array kReadonlyState = {
    Grant{"schema_version", "s"},
    Grant{"schema_migration", "s"},
    Grant{"audit_log", "s"},
    Grant{"buffered_publishes", "s"},
    Grant{"builds", "s"},
    Grant{"bundles", "s"},
    Grant{"control_event_heads", "s"},
    Grant{"control_events", "s"},
    Grant{"dag_current_versions", "s"},
    Grant{"dag_versions", "s"},
    Grant{"dataset_names", "s"},
    Grant{"datasets", "s"},
    Grant{"deliveries", "s"},
    Grant{"deploys", "s"},
    Grant{"events", "s"},
    Grant{"org_roles", "s"},
    Grant{"orgs", "s"},
    Grant{"query_pins", "s"},
    Grant{"registry_datasets", "s"},
    Grant{"registry_partitions", "s"},
    Grant{"registry_versions", "s"},
    Grant{"task_history", "s"},
    Grant{"tasks", "s"},
    Grant{"users", "s"},
};

constexpr std::array kReadonlyData = {
    Grant{"schema_version", "s"},
    Grant{"schema_migration", "s"},
    Grant{"query_audit", "s"},
};

std::span<const Grant> grants_of(ServiceRole role, bool is_state) {
  switch (role) {
    case ServiceRole::Dispatcher:
      if (is_state) return kDispatcherState;
      return kDispatcherData;
    case ServiceRole::Sink:
      if (is_state) return {};
      return kSinkData;
    case ServiceRole::Query:
      if (is_state) return kQueryState;
      return kQueryData;
    case ServiceRole::Readonly:
      if (is_state) return kReadonlyState;
      return kReadonlyData;
  }
  return {};
}

std::string_view privilege_of(char letter) {
  switch (letter) {
    case 's':
      return "SELECT";
    case 'i':
      return "INSERT";
    case 'u':
      return "UPDATE";
    case 'd':
      return "DELETE";
    default:
      return "EXECUTE";
  }
}

}  // namespace

std::vector<Right> rights_of(ServiceRole role, std::string_view schema) {
  std::vector<Right> rights;
  for (const Grant& grant : grants_of(role, schema == "state")) {
    for (const char letter : grant.letters) rights.push_back({grant.object, privilege_of(letter)});
  }
  return rights;
}

}  // namespace weir::dispatcher
