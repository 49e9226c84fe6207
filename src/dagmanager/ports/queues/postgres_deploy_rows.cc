// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/ports/queues/postgres_deploy_rows.h"

#include <algorithm>

#include "dagmanager/ports/queues/limits.h"
#include "drivers/postgres/connection.h"
#include "drivers/postgres/params.h"
#include "drivers/postgres/rows.h"

namespace weir::dagmanager {
namespace {

using postgres::Params;
using postgres::Rows;
using postgres::Statement;

constexpr Statement kReadBindings = {
    "dag_read_bindings",
    "SELECT strategy_id, world_id, execution_domain, as_of, partition, dataset_fingerprint,"
    " safe_mode, node_seqs, deploy_key FROM weir_dagmanager.deploy WHERE deploy_key = ANY ($1)"};

DeployBindings read_deploy_bindings(const Rows& rows, std::size_t row) {
  DeployBindings bindings;
  bindings.strategy = graph::StrategyId(rows.text(row, 0));
  bindings.context.world_id = rows.text(row, 1);
  bindings.context.execution_domain = rows.text(row, 2);
  bindings.context.as_of = rows.text(row, 3);
  bindings.context.partition = rows.text(row, 4);
  bindings.context.dataset_fingerprint = rows.text(row, 5);
  bindings.context.safe_mode = rows.boolean(row, 6);
  bindings.key = rows.text(row, 8);
  bindings.nodes = rows.int64_array(row, 7);
  return bindings;
}

}  // namespace

/// A page: the deploys after $1. A deploy's sentinel is named by its strategy.
const Statement kReadStandings = {
    "dag_read_standings",
    "SELECT d.deploy_key, d.strategy_id, d.world_id, d.safe_mode,"
    " coalesce(s.traffic_weight > 0, false) OR EXISTS (SELECT FROM weir_dagmanager.rollout r"
    " WHERE r.ended_at IS NULL AND r.world_id = s.world_id"
    " AND ((r.sentinel_id = s.sentinel_id AND r.version = s.version)"
    " OR (r.baseline_id = s.sentinel_id AND r.baseline_version = s.version))),"
    " coalesce(s.peak_weight > 0, false),"
    " d.ended_at IS NOT NULL, d.last_seen, d.seq, d.version, s.sentinel_id IS NOT NULL"
    " FROM weir_dagmanager.deploy d"
    " LEFT JOIN weir_dagmanager.sentinel s ON d.sentinel_due AND s.sentinel_id = CASE"
    " WHEN d.strategy_id LIKE '%-sentinel' THEN d.strategy_id ELSE d.strategy_id || '-sentinel' END"
    " AND s.world_id = d.world_id AND s.version = d.version"
    " WHERE d.deploy_key > $1 ORDER BY d.deploy_key LIMIT $2"};

DeployStanding read_standing(const Rows& rows, std::size_t row) {
  return {.key = std::string(rows.text(row, 0)),
          .strategy = graph::StrategyId(rows.text(row, 1)),
          .world = graph::WorldId(rows.text(row, 2)),
          .safe_mode = rows.boolean(row, 3),
          .live = rows.boolean(row, 4),
          .was_live = rows.boolean(row, 5),
          .ended = rows.boolean(row, 6),
          .last_seen = rows.instant(row, 7),
          .order = rows.int64(row, 8),
          .version = graph::VersionLabel(rows.text(row, 9)),
          .has_sentinel = rows.boolean(row, 10)};
}

Result<std::vector<DeployBindings>> read_bindings(postgres::Connection& connection,
                                                  std::span<const std::string> keys) {
  std::vector<DeployBindings> found;
  for (std::size_t at = 0; at < keys.size(); at += kBindingsPage) {
    Params page;
    page.text_array(keys.subspan(at, std::min(kBindingsPage, keys.size() - at)));
    WEIR_TRY(const Rows rows, connection.execute(kReadBindings, page));
    for (std::size_t row = 0; row < rows.size(); ++row) {
      found.push_back(read_deploy_bindings(rows, row));
    }
  }
  return found;
}

}  // namespace weir::dagmanager
