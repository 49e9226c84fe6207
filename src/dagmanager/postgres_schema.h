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

/// Role that is granted what the stores do and no more: it owns nothing, and what is only ever added
/// it cannot change. A login made a member of it serves; one that owns the schemas migrates.
inline constexpr const char* kServiceRole = "weir_dagmanager";

struct SchemaReport {
  int major = 0;
  int minor = 0;
  int applied = 0;  ///< steps carried out by this call
  /// What an operator should know, a line each: no role could be made, the login may do more than it
  /// needs, commits are not durable.
  std::vector<std::string> notes;
};

/// Brings the schema up to this build and grants the service role its rights. Any number of processes
/// may call it at once. Without the rights to make the role or to grant, that is noted and left.
/// Fails as postgres::migrate.
Result<SchemaReport> prepare_graph_schema(postgres::Connection& connection);
Result<SchemaReport> prepare_topic_schema(postgres::Connection& connection);

/// How the stores connect: bounds on statements, locks and idle transactions, durable commits, and
/// plans that neither statistics nor parameters can turn.
postgres::ConnectOptions store_connect_options(std::string dsn);

}  // namespace weir::dagmanager
