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
#include "dagmanager/ports/rollouts/postgres_history.h"
#include "dagmanager/ports/rollouts/postgres_rollout_rows.h"
#include "drivers/postgres/connection.h"
#include "drivers/postgres/pipeline.h"
#include "drivers/postgres/pool.h"

namespace weir::dagmanager {
namespace {

using postgres::Params;
using postgres::Pipeline;
using postgres::Rows;
using postgres::Statement;

constexpr Statement kReadDeploy = {
    "dag_read_deploy",
    "SELECT strategy_id, world_id, execution_domain, as_of, partition, dataset_fingerprint,"
    " safe_mode, downgrade, version, node_set, node_seqs, names, introduced::integer[],"
    " sentinel_due, request_hash, answer_hash, first_seen, last_seen, ended_at,"
    " taken_back_at, baseline_key, buckets FROM weir_dagmanager.deploy WHERE deploy_key = $1"};

constexpr Statement kPointSentinel = {"dag_point_sentinel",
                                      "UPDATE weir_dagmanager.sentinel SET deploy_key = $4"
                                      " WHERE sentinel_id = $1 AND world_id = $2 AND version = $3"};

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
  const std::size_t queues_at = add_queue_count(reading, command.queues);
  const std::size_t unfinished_at = add_unfinished(reading);
  WEIR_TRY(const auto read, reading.run());
  WEIR_TRY(const SentinelHistory history,
           in_world(take_history(read, places, command.sentinel), command.world));
  WEIR_TRY(const RollbackPlan plan, decide_take_back(history, command.taken, command.predecessor));
  if (plan.taken.taken_back) return TakenBack{};
  if (static_cast<std::size_t>(read[queues_at].int64(0, 0)) != command.queues.size()) {
    return queue_collected(plan.predecessor.version);
  }
  const StepCause cause = cause_of(plan, command.actor, command.at);
  WEIR_TRY(const RollbackMoves moves,
           rollback_moves(plan, history, take_rollouts(read[unfinished_at]), cause));
  Pipeline writing(*connection);
  for (const std::string& key : moves.taken_back) mark_taken_back(writing, key, command.at);
  if (moves.returns) {
    Params returns;
    returns.text(moves.returns->id.view())
        .text(moves.returns->world.view())
        .text(moves.returns->version.view())
        .text(moves.returns->deploy_key);
    writing.add(kPointSentinel, std::move(returns));
  }
  add_audit(writing, audit_of(plan, cause));
  if (moves.ended) store_rollout(writing, *moves.ended);
  TakenBack done{.changed = true, .weights = {}};
  std::int64_t event_seq = read[epoch_at].int64(0, 2);
  for (const WeightStep& step : moves.weights) {
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
