// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace weir::postgres {
class Connection;
struct ConnectOptions;
}  // namespace weir::postgres

/// The task plane's database: schema `state` (definitions, events, tasks; migrations/dispatcher)
/// and schema `data` (markers and tables of datasets; migrations/dispatcher/data), which may be
/// another server. docs/architecture/data_model/orchestration.md tells what stands in them.
///
/// Who may do what. Role `weir_owner` owns everything and serves nobody: migrations run as it.
/// Services work as the roles of ServiceRole, each with the rights it needs and no more, and a
/// login takes its role on. Every table with an org_id shows the rows of one organisation: a
/// transaction names it first (kSetOrgSql). Only role `weir_dispatcher` may name all of them.
namespace weir::dispatcher {

enum class ServiceRole : std::uint8_t {
  Dispatcher,  ///< the role process, its loops and its inline executor
  Sink,        ///< the sink and the wrapper's direct writes: schema `data` alone
  Query,       ///< registry views, pins, rows of datasets
  Readonly,    ///< people and reports: tables that row level security guards
};
inline constexpr std::size_t kServiceRoles = 4;

/// "weir_dispatcher" and so on.
std::string_view role_name(ServiceRole role);

/// Something that a service must not start over, and how to mend it.
struct StartFault {
  std::string what;
  std::string mend;
};

struct SchemaReport {
  int major = 0;
  int minor = 0;
  int applied = 0;  ///< steps carried out by this call
  int partitions_made = 0;
  int server_version = 0;  ///< for example 150020
  /// By ServiceRole: the role is there, has its rights, and this login may take it on.
  std::array<bool, kServiceRoles> serves = {};
  /// What an operator should know, a line each.
  std::vector<std::string> notes = {};
  /// What this login may not do itself and must be done before a service can start.
  std::vector<StartFault> faults = {};

  bool can_serve(ServiceRole role) const { return serves[static_cast<std::size_t>(role)]; }
};

/// Brings the schema up to this build, makes the roles, their rights and the policy of
/// `weir_dispatcher`, and the partitions of the coming weeks; as far as this login may, and the
/// report tells what it may not. Any number of processes may call it at once; on a schema that is
/// up to date it only reads. Fails as postgres::migrate.
Result<SchemaReport> prepare_state_schema(postgres::Connection& connection);
Result<SchemaReport> prepare_data_schema(postgres::Connection& connection);

/// Looks at a session as a service is going to work with it. Faults: it is a superuser's, or one
/// that row level security does not bind, or owns tables of the schema, or has a role above it that
/// does; fsync, full_page_writes or synchronous_commit is off; a table with an org_id is without
/// its policies. Empty: the service may start. `schema` is "state" or "data".
Result<std::vector<StartFault>> check_service_session(postgres::Connection& session,
                                                      std::string_view schema);

/// How a service's pool connects: bounds on statements, locks and idle transactions, durable
/// commits; as the role if `report` says that the login may take it on.
postgres::ConnectOptions service_connect_options(std::string dsn, ServiceRole role,
                                                 const SchemaReport& report);

/// Partitions of task_history from the week of `since` to kHistoryWeeksAhead from now; gives how
/// many were made. For the mover, before a page.
Result<int> make_history_partitions(postgres::Connection& connection, Instant since);

/// What stands for all organisations in `weir.org`; role weir_dispatcher alone sees rows by it.
inline constexpr std::string_view kAllOrgs = "*";

/// First statement of a transaction: $1 is the organisation's id, or kAllOrgs. Ends with it.
inline constexpr const char* kSetOrgSql = "SELECT set_config('weir.org', $1, true)";

}  // namespace weir::dispatcher
