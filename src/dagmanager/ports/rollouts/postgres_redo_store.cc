// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/ports/rollouts/postgres_redo_store.h"

#include <algorithm>
#include <string>
#include <utility>

#include "base/crash_point.h"
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
using postgres::Pipeline;
using postgres::Rows;
using postgres::Statement;

/// $1: a strategy; newest first.
constexpr Statement kReadDeploys = {
    "dag_read_deploys",
    "SELECT deploy_key, strategy_id, world_id, version, node_set, first_seen,"
    " taken_back_at IS NOT NULL, baseline_key, seq FROM weir_dagmanager.deploy"
    " WHERE strategy_id = $1 AND sentinel_due ORDER BY seq DESC LIMIT $2"};

constexpr Statement kReadVersions = {
    "dag_read_versions",
    "SELECT sentinel_id, world_id, version, commit_hash, release_tag, traffic_weight, deploy_key,"
    " created_at, live_weight, peak_weight FROM weir_dagmanager.sentinel WHERE sentinel_id = $1"
    " ORDER BY seq DESC LIMIT $2"};

constexpr Statement kReadDeploy = {
    "dag_read_deploy",
    "SELECT strategy_id, world_id, execution_domain, as_of, partition, dataset_fingerprint,"
    " safe_mode, downgrade, version, node_set, node_seqs, names, introduced::integer[],"
    " sentinel_due, request_hash, answer_hash, first_seen, last_seen, ended_at,"
    " taken_back_at, baseline_key, buckets FROM weir_dagmanager.deploy WHERE deploy_key = $1"};

constexpr Statement kCountQueues = {
    "dag_count_queues",
    "SELECT count(*) FROM weir_dagmanager.queue WHERE queue_id = ANY ($1) AND state = 'active'"};

constexpr Statement kMarkTakenBack = {
    "dag_mark_taken_back",
    "UPDATE weir_dagmanager.deploy SET taken_back_at = $2 WHERE deploy_key = $1"};

/// Where the history stands in an exchange.
struct HistoryPlaces {
  std::vector<std::size_t> deploys;
  std::size_t versions = 0;
};

HistoryPlaces add_history(Pipeline& pipeline, const graph::SentinelId& sentinel) {
  HistoryPlaces places;
  for (const graph::StrategyId& strategy : strategies_of(sentinel)) {
    Params params;
    params.text(strategy.view()).int64(kSentinelDeploysMax);
    places.deploys.push_back(pipeline.add(kReadDeploys, std::move(params)));
  }
  Params params;
  params.text(sentinel.view()).int64(kSentinelVersionsMax);
  places.versions = pipeline.add(kReadVersions, std::move(params));
  return places;
}

SentinelHistory take_history(const std::vector<Rows>& results, const HistoryPlaces& places,
                             const graph::SentinelId& sentinel) {
  SentinelHistory history{.id = sentinel, .deploys = {}, .sentinels = {}};
  std::vector<std::pair<std::int64_t, DeployHead>> ordered;
  for (const std::size_t place : places.deploys) {
    const Rows& rows = results[place];
    for (std::size_t row = 0; row < rows.size(); ++row) {
      ordered.emplace_back(rows.int64(row, 8),
                           DeployHead{.key = std::string(rows.text(row, 0)),
                                      .strategy = graph::StrategyId(rows.text(row, 1)),
                                      .world = graph::WorldId(rows.text(row, 2)),
                                      .version = graph::VersionLabel(rows.text(row, 3)),
                                      .node_set = std::string(rows.text(row, 4)),
                                      .first_seen = rows.instant(row, 5),
                                      .taken_back = rows.boolean(row, 6),
                                      .baseline = std::string(rows.text(row, 7))});
    }
  }
  std::ranges::sort(ordered, {}, &std::pair<std::int64_t, DeployHead>::first);
  for (auto& [seq, head] : ordered) history.deploys.push_back(std::move(head));
  const Rows& versions = results[places.versions];
  for (std::size_t row = versions.size(); row-- > 0;) {
    history.sentinels.push_back(read_sentinel(versions, row));
  }
  return history;
}

}  // namespace

Result<SentinelHistory> PostgresRedoStore::read_history(const graph::SentinelId& sentinel) {
  WEIR_TRY(const auto connection, pool_.acquire(kStoreConnectionWait));
  Pipeline pipeline(*connection);
  pipeline.begin();
  const HistoryPlaces places = add_history(pipeline, sentinel);
  pipeline.commit();
  WEIR_TRY(const auto results, pipeline.run());
  return take_history(results, places, sentinel);
}

Result<SentinelHistory> PostgresRedoStore::history(const graph::SentinelId& sentinel) {
  return with_graph_error(read_history(sentinel));
}

Result<std::optional<DeployRecord>> PostgresRedoStore::read_whole(const std::string& key) {
  WEIR_TRY(const auto connection, pool_.acquire(kStoreConnectionWait));
  WEIR_TRY(const Rows rows, connection->execute(kReadDeploy, Params().text(key)));
  if (rows.empty()) return std::optional<DeployRecord>();
  return std::optional(read_deploy(rows, 0));
}

Result<std::optional<DeployRecord>> PostgresRedoStore::deploy(const std::string& key) {
  return with_graph_error(read_whole(key));
}

/// Two exchanges in one transaction; one that is left open is rolled back with its lease.
Result<TakenBack> PostgresRedoStore::write(const TakeBack& command) {
  WEIR_TRY(const auto connection, pool_.acquire(kStoreConnectionWait));
  Pipeline reading(*connection);
  reading.begin();
  const std::size_t epoch_at = reading.add(sql::kLockEpoch);
  const HistoryPlaces places = add_history(reading, command.sentinel);
  Params queues;
  queues.int64_array(command.queues);
  const std::size_t queues_at = reading.add(kCountQueues, std::move(queues));
  WEIR_TRY(const auto read, reading.run());
  WEIR_TRY(const SentinelHistory history,
           in_world(take_history(read, places, command.sentinel), command.world));
  WEIR_TRY(const RollbackPlan plan, decide_take_back(history, command.taken, command.predecessor));
  if (plan.taken.taken_back) return TakenBack{};
  if (static_cast<std::size_t>(read[queues_at].int64(0, 0)) != command.queues.size()) {
    return queue_collected(plan.predecessor.version);
  }
  Pipeline writing(*connection);
  Params mark;
  mark.text(command.taken).instant(command.at);
  writing.add(kMarkTakenBack, std::move(mark));
  const StepCause cause = cause_of(plan, command.actor, command.at);
  add_audit(writing, audit_of(plan, cause));
  TakenBack done{.changed = true, .weights = {}};
  std::int64_t event_seq = read[epoch_at].int64(0, 2);
  for (const WeightStep& step : rollback_weights(plan, history.sentinels)) {
    set_weight(writing, step.sentinel);
    add_audit(writing, audit_of(step, cause));
    done.weights.push_back(step.sentinel);
    if (!step.told) continue;
    tell_weight(writing, {.sentinel = &step.sentinel,
                          .event_seq = ++event_seq,
                          .id = base::uuid_v4(random_),
                          .at = command.at});
  }
  Params epoch;
  epoch.int64(read[epoch_at].int64(0, 0)).int64(read[epoch_at].int64(0, 1)).int64(event_seq);
  writing.add(sql::kRaiseEpoch, std::move(epoch));
  WEIR_CRASH_POINT("rollback.before_commit");
  writing.commit();
  WEIR_CHECK(writing.run());
  WEIR_CRASH_POINT("rollback.after_commit");
  return done;
}

Result<TakenBack> PostgresRedoStore::take_back(const TakeBack& command) {
  return with_graph_error(write(command));
}

}  // namespace weir::dagmanager
