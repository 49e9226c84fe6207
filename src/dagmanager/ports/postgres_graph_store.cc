// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/ports/postgres_graph_store.h"

#include <string_view>

#include "dagmanager/ports/postgres_graph_rows.h"
#include "dagmanager/ports/postgres_graph_sql.h"
#include "dagmanager/ports/postgres_limits.h"
#include "drivers/postgres/connection.h"
#include "drivers/postgres/pool.h"

namespace weir::dagmanager {
namespace {

using postgres::Params;
using postgres::Rows;

constexpr postgres::Statement kReadLog = {
    "dag_read_log",
    "SELECT b.first_seq + e.place - 1, b.at, e.topic, e.action, e.type, e.partitions,"
    " e.replication, e.retention_ms, e.cleanup, e.node_id, e.binding_key, b.actor, b.cause,"
    " e.result FROM (SELECT * FROM weir_dagmanager.topic_log_batch WHERE last_seq > $1"
    " ORDER BY last_seq LIMIT $2) b CROSS JOIN LATERAL unnest(b.topics, b.actions, b.types,"
    " b.partitions, b.replications, b.retentions_ms, b.cleanups, b.node_ids, b.binding_keys,"
    " b.results) WITH ORDINALITY AS e (topic, action, type, partitions, replication, retention_ms,"
    " cleanup, node_id, binding_key, result, place) WHERE b.first_seq + e.place - 1 > $1"
    " ORDER BY 1 LIMIT $2"};

/// Columns of read_deploy.
#define WEIR_DAG_DEPLOY_COLUMNS                                                            \
  "SELECT strategy_id, world_id, execution_domain, as_of, partition, dataset_fingerprint," \
  " safe_mode, downgrade, version, node_set, node_seqs, names, introduced::integer[],"     \
  " sentinel_due, request_hash, answer_hash, first_seen, last_seen, ended_at,"             \
  " taken_back_at, baseline_key, buckets FROM weir_dagmanager.deploy"

constexpr postgres::Statement kNewestDeploy = {"dag_newest_deploy", WEIR_DAG_DEPLOY_COLUMNS
                                               " WHERE strategy_id = $1 ORDER BY seq DESC LIMIT 1"};

constexpr postgres::Statement kNewestDeployOfWorld = {
    "dag_newest_deploy_of_world",
    WEIR_DAG_DEPLOY_COLUMNS " WHERE strategy_id = $1 AND world_id = $2 ORDER BY seq DESC LIMIT 1"};

}  // namespace

namespace sql {

const postgres::Statement kReadDeploys = {
    "dag_read_deploys", WEIR_DAG_DEPLOY_COLUMNS " WHERE deploy_key = ANY ($1) ORDER BY deploy_key"};

}  // namespace sql

#undef WEIR_DAG_DEPLOY_COLUMNS

Result<Rows> PostgresGraphStore::ask_for(const postgres::Statement& statement,
                                         const Params& params) {
  auto connection = pool_.acquire(kStoreConnectionWait);
  if (!connection.ok()) return graph_error(std::move(connection).error());
  return with_graph_error((*connection)->execute(statement, params));
}

Result<PostgresGraphStore::Standing> PostgresGraphStore::ask(const DeployKey* deploy) {
  Params params;
  if (deploy != nullptr) {
    params.text(deploy->text());
  } else {
    params.null(postgres::Type::Text);
  }
  WEIR_TRY(const Rows rows, ask_for(sql::kRead, params));
  Standing standing;
  standing.position = {rows.int64(0, 0), rows.int64(0, 1)};
  if (!rows.is_null(0, 2)) {
    standing.deploy = DeploySeen{.last_seen = rows.instant(0, 2),
                                 .ended = rows.boolean(0, 3),
                                 .sentinel_due = rows.boolean(0, 4)};
  }
  return standing;
}

Result<GraphView> PostgresGraphStore::read(const DeployKey* deploy) {
  const GraphMirror::Standing before = mirror_.standing();
  WEIR_TRY(const Standing asked, ask(deploy));
  for (int attempt = 0; attempt < kRefreshTriesMax; ++attempt) {
    {
      auto lock = mirror_.share();
      const GraphPosition& at = mirror_.position();
      // Ahead of the answer is fine where we moved on meanwhile; where we were ahead before, the
      // database went back.
      const bool moved_on = at.epoch > asked.position.epoch &&
                            (before.position.epoch <= asked.position.epoch || attempt > 0);
      if (at == asked.position || moved_on) {
        return GraphView(std::move(lock), mirror_.index(), at.epoch, asked.deploy);
      }
    }
    const auto refreshed = refresh(asked.position);
    if (!refreshed.ok()) return graph_error(refreshed.error());
  }
  return base::unavailable("graph_unavailable", "the graph's history changes while it is read");
}

/// Other threads may move the mirror meanwhile, but nobody beyond `locked`.
Result<GraphView> PostgresGraphStore::view_inside(postgres::Connection& connection,
                                                  const GraphPosition& locked) {
  for (int attempt = 0; attempt < kRefreshTriesMax; ++attempt) {
    const GraphPosition from = mirror_.standing().position;
    if (from == locked) {
      auto lock = mirror_.share();
      if (mirror_.position() == locked) {
        return GraphView(std::move(lock), mirror_.index(), locked.epoch, std::nullopt);
      }
      continue;
    }
    WEIR_TRY(auto delta, fetch_delta_inside(connection, from, locked));
    if (!delta) break;
    mirror_.apply(*std::move(delta));
  }
  return Error(Code::Aborted, "graph_moved", "the graph changed too much since it was read");
}

/// Brings the mirror to the database's present epoch. Threads that come while one does so wait for
/// it and find their work done.
Result<void> PostgresGraphStore::refresh(const GraphPosition& wanted) {
  const std::uint64_t generation = mirror_.standing().generation;
  const std::scoped_lock turn(refresh_mutex_);
  const GraphMirror::Standing now = mirror_.standing();
  if (now.position == wanted) return {};
  if (now.generation != generation && now.position.epoch >= wanted.epoch) return {};
  WEIR_TRY(const auto connection, pool_.acquire(kStoreConnectionWait));
  if (now.position.epoch >= 0) {
    WEIR_TRY(auto delta, fetch_delta(*connection, now.position));
    // If the mirror is no longer where it was, a commit of our own moved it: further than we know.
    if (delta) {
      mirror_.apply(*std::move(delta));
      return {};
    }
  }
  WEIR_TRY(GraphCopy copy, copy_graph(*connection));
  mirror_.replace(std::move(copy));
  return {};
}

Result<std::optional<DeployRecord>> PostgresGraphStore::newest_deploy(
    const graph::StrategyId& strategy, const std::optional<graph::WorldId>& world) {
  Params params;
  params.text(strategy.view());
  if (world) params.text(world->view());
  WEIR_TRY(const Rows rows, ask_for(world ? kNewestDeployOfWorld : kNewestDeploy, params));
  if (rows.empty()) return std::optional<DeployRecord>();
  return std::optional(read_deploy(rows, 0));
}

Result<std::optional<SentinelRecord>> PostgresGraphStore::newest_sentinel(
    const graph::SentinelId& id, const graph::WorldId& world) {
  Params params;
  params.text(id.view()).text(world.view());
  WEIR_TRY(const Rows rows, ask_for(sql::kNewestSentinel, params));
  if (rows.empty()) return std::optional<SentinelRecord>();
  return std::optional(read_sentinel(rows, 0));
}

Result<std::vector<std::pair<RowId, TopicLogRow>>> PostgresGraphStore::topic_log(
    RowId after, std::size_t limit) {
  Params params;
  params.int64(after).int64(static_cast<std::int64_t>(limit));
  WEIR_TRY(const Rows rows, ask_for(kReadLog, params));
  std::vector<std::pair<RowId, TopicLogRow>> log;
  log.reserve(rows.size());
  for (std::size_t row = 0; row < rows.size(); ++row) {
    log.emplace_back(rows.int64(row, 0), read_log_row(rows, row));
  }
  return log;
}

Result<void> PostgresGraphStore::ping() {
  return with_graph_error(pool_.ping(kStoreConnectionWait));
}

}  // namespace weir::dagmanager
