// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/ports/rollouts/postgres_history.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>

#include "dagmanager/ports/postgres_graph_rows.h"
#include "graph/dag.h"

namespace weir::dagmanager {
namespace {

using postgres::Params;
using postgres::Pipeline;
using postgres::Rows;
using postgres::Statement;

#define WEIR_DAG_HEAD_COLUMNS                                                            \
  "SELECT d.deploy_key, d.strategy_id, d.world_id, d.version, d.node_set, d.first_seen," \
  " d.taken_back_at IS NOT NULL, d.baseline_key, d.seq FROM weir_dagmanager.deploy d"
#define WEIR_DAG_SENTINEL_COLUMNS                                               \
  "SELECT s.sentinel_id, s.world_id, s.version, s.commit_hash, s.release_tag,"  \
  " s.traffic_weight, s.deploy_key, s.created_at, s.live_weight, s.peak_weight" \
  " FROM weir_dagmanager.sentinel s"
/// Deploys of other strategies that those of $1 took over from.
#define WEIR_DAG_BASELINES                                                            \
  " IN (SELECT o.baseline_key FROM weir_dagmanager.deploy o WHERE o.strategy_id = $1" \
  " AND o.sentinel_due AND o.baseline_key <> '')"

/// $1: a strategy; newest first.
constexpr Statement kReadDeploys = {
    "dag_read_deploys", WEIR_DAG_HEAD_COLUMNS
    " WHERE d.strategy_id = $1 AND d.sentinel_due ORDER BY d.seq DESC LIMIT $2"};

constexpr Statement kReadBaselines = {"dag_read_baselines",
                                      WEIR_DAG_HEAD_COLUMNS " WHERE d.deploy_key" WEIR_DAG_BASELINES
                                                            " AND d.strategy_id <> $1 LIMIT $2"};

constexpr Statement kReadBaselineSentinels = {
    "dag_read_baseline_sentinels", WEIR_DAG_SENTINEL_COLUMNS
    " JOIN weir_dagmanager.sentinel_deploy x ON x.sentinel_id = s.sentinel_id"
    " AND x.world_id = s.world_id AND x.version = s.version"
    " WHERE x.deploy_key" WEIR_DAG_BASELINES " LIMIT $2"};

constexpr Statement kReadVersions = {"dag_read_versions", WEIR_DAG_SENTINEL_COLUMNS
                                     " WHERE s.sentinel_id = $1 ORDER BY s.seq DESC LIMIT $2"};

constexpr Statement kCountQueues = {
    "dag_count_queues",
    "SELECT count(*) FROM weir_dagmanager.queue WHERE queue_id = ANY ($1) AND state = 'active'"};

#undef WEIR_DAG_HEAD_COLUMNS
#undef WEIR_DAG_SENTINEL_COLUMNS
#undef WEIR_DAG_BASELINES

DeployHead read_head(const Rows& rows, std::size_t row) {
  return {.key = std::string(rows.text(row, 0)),
          .strategy = graph::StrategyId(rows.text(row, 1)),
          .world = graph::WorldId(rows.text(row, 2)),
          .version = graph::VersionLabel(rows.text(row, 3)),
          .node_set = std::string(rows.text(row, 4)),
          .first_seen = rows.instant(row, 5),
          .taken_back = rows.boolean(row, 6),
          .baseline = std::string(rows.text(row, 7))};
}

template <class Records>
bool has_sentinel(const Records& records, const SentinelRecord& like) {
  return std::ranges::any_of(records, [&](const SentinelRecord& one) {
    return one.id == like.id && one.world == like.world && one.version == like.version;
  });
}

Params page_of(std::string_view strategy, std::size_t limit) {
  Params params;
  params.text(strategy).int64(static_cast<std::int64_t>(limit));
  return params;
}

}  // namespace

HistoryPlaces add_history(Pipeline& pipeline, const graph::SentinelId& sentinel) {
  HistoryPlaces places;
  for (const graph::StrategyId& strategy : strategies_of(sentinel)) {
    const auto page = [&] { return page_of(strategy.view(), kSentinelDeploysMax); };
    places.deploys.push_back(pipeline.add(kReadDeploys, page()));
    places.baselines.push_back(pipeline.add(kReadBaselines, page()));
    places.baseline_sentinels.push_back(pipeline.add(kReadBaselineSentinels, page()));
  }
  places.versions = add_versions(pipeline, sentinel);
  return places;
}

SentinelHistory take_history(const std::vector<Rows>& results, const HistoryPlaces& places,
                             const graph::SentinelId& sentinel) {
  SentinelHistory history{.id = sentinel, .deploys = {}, .sentinels = {}};
  std::vector<std::pair<std::int64_t, DeployHead>> ordered;
  for (const std::size_t place : places.deploys) {
    const Rows& rows = results[place];
    for (std::size_t row = 0; row < rows.size(); ++row) {
      ordered.emplace_back(rows.int64(row, 8), read_head(rows, row));
    }
  }
  std::ranges::sort(ordered, {}, &std::pair<std::int64_t, DeployHead>::first);
  for (auto& [seq, head] : ordered) history.deploys.push_back(std::move(head));
  for (const std::size_t place : places.baselines) {
    const Rows& rows = results[place];
    for (std::size_t row = 0; row < rows.size(); ++row) {
      history.baselines.push_back(read_head(rows, row));
    }
  }
  // The sentinel's own deploys are in its history already.
  std::erase_if(history.baselines, [&](const DeployHead& head) {
    return graph::sentinel_id(head.strategy) == sentinel;
  });
  for (const std::size_t place : places.baseline_sentinels) {
    const Rows& rows = results[place];
    for (std::size_t row = 0; row < rows.size(); ++row) {
      SentinelRecord record = read_sentinel(rows, row);
      if (record.id == sentinel || has_sentinel(history.baseline_sentinels, record)) continue;
      history.baseline_sentinels.push_back(std::move(record));
    }
  }
  history.sentinels = take_versions(results[places.versions]);
  return history;
}

std::size_t add_versions(Pipeline& pipeline, const graph::SentinelId& sentinel) {
  return pipeline.add(kReadVersions, page_of(sentinel.view(), kSentinelVersionsMax));
}

std::vector<SentinelRecord> take_versions(const Rows& rows) {
  std::vector<SentinelRecord> versions;
  versions.reserve(rows.size());
  for (std::size_t row = rows.size(); row-- > 0;) versions.push_back(read_sentinel(rows, row));
  return versions;
}

std::size_t add_queue_count(Pipeline& pipeline, const std::vector<RowId>& queues) {
  Params params;
  params.int64_array(queues);
  return pipeline.add(kCountQueues, std::move(params));
}

}  // namespace weir::dagmanager
