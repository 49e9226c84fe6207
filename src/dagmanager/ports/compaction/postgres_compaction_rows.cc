// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/ports/compaction/postgres_compaction_rows.h"

#include <limits>
#include <span>
#include <utility>

#include "dagmanager/ports/loops/postgres_loop_leases.h"
#include "dagmanager/ports/postgres_graph_rows.h"
#include "dagmanager/ports/postgres_graph_sql.h"
#include "dagmanager/ports/queues/postgres_deploy_rows.h"

namespace weir::dagmanager {
namespace {

using postgres::Params;
using postgres::Pipeline;
using postgres::Rows;
using postgres::Statement;

constexpr Statement kReadSentinel = {
    "dag_read_sentinel",
    "SELECT sentinel_id, world_id, version, commit_hash, release_tag, traffic_weight, deploy_key,"
    " created_at, live_weight, peak_weight, retired_at FROM weir_dagmanager.sentinel"
    " WHERE sentinel_id = $1 AND world_id = $2 AND version = $3"};

constexpr Statement kHoldDeploys = {
    "dag_hold_deploys",
    "SELECT deploy_key FROM weir_dagmanager.deploy WHERE deploy_key = ANY ($1)"
    " ORDER BY deploy_key FOR UPDATE"};

/// A diff that waits for the epoch holds its own deploy: that one is left to it.
constexpr Statement kHoldFreeDeploys = {
    "dag_hold_free_deploys",
    "SELECT deploy_key FROM weir_dagmanager.deploy WHERE deploy_key = ANY ($1)"
    " ORDER BY deploy_key FOR UPDATE SKIP LOCKED"};

constexpr Statement kEndDeploys = {
    "dag_compact_deploys",
    "UPDATE weir_dagmanager.deploy SET ended_at = $2 WHERE deploy_key = ANY ($1)"
    " AND ended_at IS NULL"};

}  // namespace

ExportPlaces add_export(Pipeline& pipeline, const SentinelKey& sentinel,
                        const std::vector<std::string>& deploys) {
  Params key;
  key.text(sentinel.id.view()).text(sentinel.world.view()).text(sentinel.version.view());
  ExportPlaces places{};
  places.sentinel = pipeline.add(kReadSentinel, std::move(key));
  Params keys;
  keys.text_array(deploys);
  places.deploys = pipeline.add(sql::kReadDeploys, std::move(keys));
  return places;
}

std::optional<SentinelExport> read_export(const std::vector<Rows>& results,
                                          const ExportPlaces& places) {
  const Rows& row = results[places.sentinel];
  if (row.empty()) return std::nullopt;
  SentinelExport found{read_sentinel(row, 0), {}};
  found.sentinel.retired_at = row.instant_if(0, 10);
  const Rows& deploys = results[places.deploys];
  for (std::size_t at = 0; at < deploys.size(); ++at) {
    found.deploys.push_back(read_deploy(deploys, at));
  }
  return found;
}

LockPlaces add_locks(Pipeline& pipeline, const CompactionFence& fence,
                     const std::vector<std::string>& deploys, bool wait) {
  LockPlaces places{};
  places.gc = add_fence(pipeline, fence.gc);
  places.reconciler = add_fence(pipeline, fence.reconciler);
  Params keys;
  keys.text_array(deploys);
  places.own_deploys = pipeline.add(wait ? kHoldDeploys : kHoldFreeDeploys, std::move(keys));
  places.epoch = pipeline.add(sql::kLockEpoch);
  pipeline.add(sql::kLockRemoval);
  Params all;
  all.text("").int64(std::numeric_limits<std::int64_t>::max());
  places.standings = pipeline.add(kReadStandings, std::move(all));
  return places;
}

Result<void> judge_locks(const std::vector<Rows>& results, const LockPlaces& places,
                         const CompactionFence& fence) {
  WEIR_CHECK(judge_fence(results[places.gc], fence.gc));
  return judge_fence(results[places.reconciler], fence.reconciler);
}

std::vector<std::string> own_deploys(const std::vector<Rows>& results, const LockPlaces& places) {
  const Rows& rows = results[places.own_deploys];
  std::vector<std::string> keys;
  keys.reserve(rows.size());
  for (std::size_t row = 0; row < rows.size(); ++row) keys.emplace_back(rows.text(row, 0));
  return keys;
}

std::vector<DeployStanding> standings(const std::vector<Rows>& results, const LockPlaces& places) {
  const Rows& rows = results[places.standings];
  std::vector<DeployStanding> deploys;
  deploys.reserve(rows.size());
  for (std::size_t row = 0; row < rows.size(); ++row) deploys.push_back(read_standing(rows, row));
  return deploys;
}

void add_end_of_deploys(Pipeline& pipeline, const std::vector<std::string>& deploys, Instant at) {
  if (deploys.empty()) return;
  Params params;
  params.text_array(deploys).instant(at);
  pipeline.add(kEndDeploys, std::move(params));
}

void add_log_row(Pipeline& pipeline, const TopicLogRow& row) {
  for (const auto batch : log_batches(std::span(&row, 1))) {
    pipeline.add(sql::kInsertLog, log_params(batch));
  }
}

}  // namespace weir::dagmanager
