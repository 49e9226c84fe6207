// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "base/result.h"

namespace weir::postgres {
class Connection;
struct ConnectOptions;
}  // namespace weir::postgres

/// The schemas `weir_dagmanager` (the graph) and `weir_topics` (the topic registry), and the role
/// that works on them. Steps are only ever added, so a build runs on every schema of its major
/// version (contract section 3.18).
namespace weir::dagmanager {

/// Role that is granted what the stores do and no more: it owns nothing, and cannot change what is
/// only ever added (nodes, the topic log). Sessions of whoever may take it on run as it.
inline constexpr const char* kServiceRole = "weir_dagmanager";

struct SchemaReport {
  int major = 0;
  int minor = 0;
  int applied = 0;  ///< steps carried out by this call
  /// The role is there, has its rights, and this login may take it on.
  bool service_role = false;
  /// What an operator should know, a line each: there is no role, the login may do more than the
  /// service needs, commits are not durable.
  std::vector<std::string> notes;
};

/// Brings the schema up to this build, makes the service role and grants it its rights. Any number
/// of processes may call it at once; on a schema that is up to date it only reads. Lacking the
/// rights to make the role or to grant is noted, not a failure. Fails as postgres::migrate.
Result<SchemaReport> prepare_graph_schema(postgres::Connection& connection);
Result<SchemaReport> prepare_topic_schema(postgres::Connection& connection);

/// How the stores' pools connect: bounds on statements, locks and idle transactions, durable
/// commits, plans that neither statistics nor parameters can turn; as the service role if the
/// report says so.
postgres::ConnectOptions store_connect_options(std::string dsn, bool service_role);

}  // namespace weir::dagmanager
