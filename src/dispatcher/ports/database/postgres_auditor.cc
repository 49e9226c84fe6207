// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/ports/database/postgres_auditor.h"

#include <string>
#include <utility>

#include "dispatcher/ports/database/audit_queries.h"
#include "dispatcher/ports/database/postgres_limits.h"
#include "dispatcher/ports/database/postgres_schema.h"
#include "drivers/postgres/pipeline.h"

namespace weir::dispatcher {
namespace {

using postgres::Connection;
using postgres::Params;
using postgres::Pipeline;
using postgres::Rows;

/// The one query that reads both schemas.
constexpr std::string_view kAcrossSchemas = "I21";

/// Committed publishes by id, from above $1; on another server than their markers.
constexpr const char* kCommittedSql =
    "SELECT publish_id::text FROM state.buffered_publishes WHERE state = 'committed'"
    " AND publish_id > $1::uuid ORDER BY publish_id LIMIT $2";
constexpr const char* kUnmarkedSql =
    "SELECT count(*) FROM unnest($1::text[]) AS c (id) WHERE NOT EXISTS"
    " (SELECT FROM data.applied_publishes a WHERE a.publish_id = c.id::uuid)";

/// Every query reads its tables as a whole. Row-level security hides from the planner how many rows
/// that are: it takes them for a handful, and a loop over them all for each of them all for cheap.
constexpr const char* kWholeTablesSql = "SELECT set_config('enable_nestloop', 'off', true)";

/// One statement in a transaction of its own, over all organisations.
Result<Rows> read_all_orgs(Connection& connection, std::string sql, Params params = {}) {
  Pipeline pipeline(connection);
  pipeline.begin();
  pipeline.add(kSetOrgSql, Params().text(kAllOrgs));
  pipeline.add("SELECT set_config('statement_timeout', $1, true)",
               Params().text(std::to_string(kAuditStatementTimeout.count())));
  pipeline.add(kWholeTablesSql);
  const std::size_t asked = pipeline.add(std::move(sql), std::move(params));
  pipeline.commit();
  WEIR_TRY(auto results, pipeline.run());
  return std::move(results[asked]);
}

/// A publish is committed after its marker was, so reading the markers last finds each.
Result<std::int64_t> count_unmarked(Connection& state, Connection& data) {
  std::int64_t unmarked = 0;
  std::string last = "00000000-0000-0000-0000-000000000000";
  while (true) {
    WEIR_TRY(const Rows page,
             read_all_orgs(state, kCommittedSql, Params().text(last).int64(kAuditPageRows)));
    if (page.empty()) return unmarked;
    std::vector<std::string_view> ids;
    ids.reserve(page.size());
    for (std::size_t row = 0; row < page.size(); ++row) ids.push_back(page.text(row, 0));
    WEIR_TRY(const Rows missing, data.execute(kUnmarkedSql, Params().text_array(ids)));
    unmarked += missing.int64(0, 0);
    last = ids.back();
  }
}

Result<std::int64_t> count(Connection& state, Connection* data, const AuditQuery& query) {
  if (data != nullptr && query.id == kAcrossSchemas) return count_unmarked(state, *data);
  WEIR_TRY(const Rows rows, read_all_orgs(state, query.sql));
  return rows.int64(0, 0);
}

}  // namespace

Result<std::vector<AuditCount>> run_audit(Connection& state, Connection* data) {
  std::vector<AuditCount> counts;
  for (const AuditQuery& query : audit_queries()) {
    auto violations = count(state, data, query);
    if (!violations.ok()) {
      return std::move(violations).error().prepend("audit " + std::string(query.id));
    }
    counts.push_back({query.id, query.statement, *violations});
  }
  return counts;
}

}  // namespace weir::dispatcher
