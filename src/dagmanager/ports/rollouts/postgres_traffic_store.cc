// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/ports/rollouts/postgres_traffic_store.h"

#include <algorithm>
#include <optional>

#include "base/crash_point.h"
#include "dagmanager/core/redo.h"
#include "dagmanager/ports/postgres_graph_rows.h"
#include "dagmanager/ports/postgres_graph_sql.h"
#include "dagmanager/ports/postgres_limits.h"
#include "dagmanager/ports/postgres_weight_rows.h"
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
    " created_at, live_weight, peak_weight FROM weir_dagmanager.sentinel WHERE sentinel_id = $1"
    " ORDER BY seq DESC LIMIT $2"};

constexpr Statement kReadVersionWeights = {
    "dag_read_version_weights",
    "SELECT version, max(traffic_weight) FROM weir_dagmanager.sentinel"
    " WHERE traffic_weight IS NOT NULL GROUP BY version ORDER BY 2 DESC, max(seq) DESC LIMIT $1"};

/// Nodes of a deploy that have no queue in its context any more.
constexpr Statement kCountBare = {
    "dag_count_bare",
    "SELECT count(*) FROM weir_dagmanager.deploy d CROSS JOIN LATERAL unnest(d.node_seqs) n"
    " (node_seq) WHERE d.deploy_key = $1 AND NOT EXISTS (SELECT FROM weir_dagmanager.queue q"
    " JOIN weir_dagmanager.binding_context c ON c.context_key = q.context_key"
    " WHERE q.node_seq = n.node_seq AND q.state = 'active' AND c.world_id = d.world_id"
    " AND c.execution_domain = d.execution_domain AND c.as_of = d.as_of"
    " AND c.partition = d.partition AND c.safe_mode = d.safe_mode"
    " AND (NOT d.safe_mode OR c.strategy_id = d.strategy_id))"};

/// A version that had no traffic must have all its queues to get some.
Result<void> check_queues(postgres::Connection& connection, const WeightOutcome& outcome) {
  const SentinelRecord& sentinel = outcome.sentinel;
  if (outcome.previous > 0 || sentinel.traffic_weight.value_or(0) <= 0) return {};
  Params deploy;
  deploy.text(sentinel.deploy_key);
  WEIR_TRY(const Rows bare, connection.execute(kCountBare, deploy));
  if (bare.int64(0, 0) > 0) return queue_collected(sentinel.version);
  return {};
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
  const std::size_t fence_at = add_weight_fence(reading, change.request.sentinel);
  WEIR_TRY(const auto read, reading.run());
  const Rows& rows = read[sentinels_at];
  std::vector<SentinelRecord> stored;
  stored.reserve(rows.size());
  for (std::size_t row = 0; row < rows.size(); ++row) stored.push_back(read_sentinel(rows, row));
  std::ranges::reverse(stored);
  WEIR_TRY(WeightOutcome outcome,
           decide_weight(stored, change.request, read_weight_fence(read[fence_at])));
  if (!outcome.changed) return outcome;
  WEIR_CHECK(check_queues(*connection, outcome));
  const SentinelRecord& sentinel = outcome.sentinel;
  const auto before = std::ranges::find_if(stored, [&](const SentinelRecord& one) {
    return one.world == sentinel.world && one.version == sentinel.version;
  });
  const std::int64_t event_seq = read[epoch_at].int64(0, 2) + 1;
  postgres::Pipeline writing(*connection);
  dagmanager::set_weight(writing, sentinel);
  add_audit(writing, audit_of(outcome, before->traffic_weight, change));
  tell_weight(writing, {.sentinel = &sentinel,
                        .event_seq = event_seq,
                        .id = base::uuid_v4(random_),
                        .at = change.at});
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

Result<std::vector<VersionWeight>> PostgresTrafficStore::version_weights(std::size_t limit) {
  const auto connection = pool_.acquire(kStoreConnectionWait);
  if (!connection.ok()) return graph_error(connection.error());
  Params most;
  most.int64(static_cast<std::int64_t>(limit));
  const auto rows = (*connection)->execute(kReadVersionWeights, most);
  if (!rows.ok()) return graph_error(rows.error());
  std::vector<VersionWeight> weights;
  weights.reserve(rows->size());
  for (std::size_t row = 0; row < rows->size(); ++row) {
    weights.push_back({graph::VersionLabel(rows->text(row, 0)), rows->number(row, 1)});
  }
  return weights;
}

Result<std::vector<std::pair<RowId, AuditRow>>> PostgresTrafficStore::audit(RowId after,
                                                                            std::size_t limit) {
  const auto connection = pool_.acquire(kStoreConnectionWait);
  if (!connection.ok()) return graph_error(connection.error());
  return with_graph_error(read_audit(**connection, after, limit));
}

}  // namespace weir::dagmanager
