// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/ports/postgres_traffic_store.h"

#include <algorithm>
#include <optional>

#include "base/crash_point.h"
#include "dagmanager/ports/postgres_graph_rows.h"
#include "dagmanager/ports/postgres_graph_sql.h"
#include "dagmanager/ports/postgres_limits.h"
#include "drivers/postgres/connection.h"
#include "drivers/postgres/pipeline.h"
#include "drivers/postgres/pool.h"

namespace weir::dagmanager {
namespace {

using postgres::Params;
using postgres::Rows;
using postgres::Statement;

constexpr Statement kReadSentinels = {
    "dag_read_sentinels",
    "SELECT sentinel_id, world_id, version, commit_hash, release_tag, traffic_weight, deploy_key,"
    " created_at FROM weir_dagmanager.sentinel WHERE sentinel_id = $1 ORDER BY seq DESC LIMIT $2"};

constexpr Statement kSetWeight = {"dag_set_weight",
                                  "UPDATE weir_dagmanager.sentinel SET traffic_weight = $4"
                                  " WHERE sentinel_id = $1 AND world_id = $2 AND version = $3"};

constexpr Statement kAddAudit = {
    "dag_add_audit",
    "INSERT INTO weir_dagmanager.audit (at, actor, action, world_id, sentinel_id, version,"
    " from_weight, to_weight) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)"};

constexpr Statement kReadAudit = {
    "dag_read_audit",
    "SELECT seq, at, actor, action, world_id, sentinel_id, version, from_weight, to_weight"
    " FROM weir_dagmanager.audit WHERE seq > $1 ORDER BY seq LIMIT $2"};

Params audit_params(const AuditRow& row) {
  Params params;
  params.instant(row.at)
      .text(row.actor)
      .text(row.action)
      .text(row.world.view())
      .text(row.sentinel.view())
      .text(row.version.view());
  if (row.from) {
    params.number(*row.from);
  } else {
    params.null(postgres::Type::Float8);
  }
  params.number(row.to);
  return params;
}

Result<std::vector<std::pair<RowId, AuditRow>>> read_audit(postgres::Pool& pool, RowId after,
                                                           std::size_t limit) {
  WEIR_TRY(const auto connection, pool.acquire(kStoreConnectionWait));
  Params params;
  params.int64(after).int64(static_cast<std::int64_t>(limit));
  WEIR_TRY(const Rows rows, connection->execute(kReadAudit, params));
  std::vector<std::pair<RowId, AuditRow>> audit;
  audit.reserve(rows.size());
  for (std::size_t row = 0; row < rows.size(); ++row) {
    AuditRow entry{.at = rows.instant(row, 1),
                   .actor = std::string(rows.text(row, 2)),
                   .action = std::string(rows.text(row, 3)),
                   .world = graph::WorldId(rows.text(row, 4)),
                   .sentinel = graph::SentinelId(rows.text(row, 5)),
                   .version = graph::VersionLabel(rows.text(row, 6)),
                   .from = std::nullopt,
                   .to = rows.number(row, 8)};
    if (!rows.is_null(row, 7)) entry.from = rows.number(row, 7);
    audit.emplace_back(rows.int64(row, 0), std::move(entry));
  }
  return audit;
}

}  // namespace

/// Two exchanges in one transaction; one that is left open is rolled back with its lease.
Result<WeightOutcome> PostgresTrafficStore::write_weight(const WeightChange& change) {
  WEIR_TRY(const auto connection, pool_.acquire(kStoreConnectionWait));
  postgres::Pipeline reading(*connection);
  reading.begin();
  const std::size_t epoch_at = reading.add(sql::kLockEpoch);
  Params which;
  which.text(change.request.sentinel.view()).int64(kSentinelVersionsMax);
  const std::size_t sentinels_at = reading.add(kReadSentinels, std::move(which));
  WEIR_TRY(const auto read, reading.run());
  const Rows& rows = read[sentinels_at];
  std::vector<SentinelRecord> stored;
  stored.reserve(rows.size());
  for (std::size_t row = 0; row < rows.size(); ++row) stored.push_back(read_sentinel(rows, row));
  std::ranges::reverse(stored);
  WEIR_TRY(WeightOutcome outcome, decide_weight(stored, change.request));
  if (!outcome.changed) return outcome;
  const SentinelRecord& sentinel = outcome.sentinel;
  const auto before = std::ranges::find_if(stored, [&](const SentinelRecord& one) {
    return one.world == sentinel.world && one.version == sentinel.version;
  });
  const std::int64_t event_seq = read[epoch_at].int64(0, 2) + 1;
  postgres::Pipeline writing(*connection);
  Params weight;
  weight.text(sentinel.id.view())
      .text(sentinel.world.view())
      .text(sentinel.version.view())
      .number(*sentinel.traffic_weight);
  writing.add(kSetWeight, std::move(weight));
  writing.add(kAddAudit, audit_params(audit_of(outcome, before->traffic_weight, change)));
  Params event;
  event.int64(event_seq)
      .text(base::uuid_v4(random_))
      .text(sentinel.world.view())
      .text(sentinel.id.view())
      .text(sentinel.version.view())
      .number(*sentinel.traffic_weight)
      .instant(change.at);
  writing.add(sql::kInsertWeightEvent, std::move(event));
  Params epoch;
  epoch.int64(read[epoch_at].int64(0, 0)).int64(read[epoch_at].int64(0, 1)).int64(event_seq);
  writing.add(sql::kRaiseEpoch, std::move(epoch));
  WEIR_CRASH_POINT("weight.before_commit");
  writing.commit();
  WEIR_CHECK(writing.run());
  WEIR_CRASH_POINT("weight.after_commit");
  return outcome;
}

Result<WeightOutcome> PostgresTrafficStore::set_weight(const WeightChange& change) {
  WEIR_CHECK(check_weight(change.request));
  return with_graph_error(write_weight(change));
}

Result<std::vector<std::pair<RowId, AuditRow>>> PostgresTrafficStore::audit(RowId after,
                                                                            std::size_t limit) {
  return with_graph_error(read_audit(pool_, after, limit));
}

}  // namespace weir::dagmanager
