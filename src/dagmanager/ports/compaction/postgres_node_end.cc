// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <iterator>
#include <utility>

#include "base/crash_point.h"
#include "dagmanager/ports/compaction/postgres_compaction_rows.h"
#include "dagmanager/ports/compaction/postgres_compaction_store.h"
#include "dagmanager/ports/loops/postgres_loop_leases.h"
#include "dagmanager/ports/postgres_graph_rows.h"
#include "dagmanager/ports/postgres_graph_sql.h"
#include "dagmanager/ports/postgres_graph_store.h"
#include "dagmanager/ports/postgres_limits.h"
#include "dagmanager/ports/queues/postgres_deploy_rows.h"
#include "drivers/postgres/connection.h"
#include "drivers/postgres/pipeline.h"
#include "drivers/postgres/pool.h"

// The end of nodes in PostgreSQL.
namespace weir::dagmanager {
namespace {

using postgres::Params;
using postgres::Pipeline;
using postgres::Rows;
using postgres::Statement;

/// Nodes of queues in whatever state: a copy of the graph has no queues that leave.
constexpr Statement kReadQueued = {
    "dag_read_queued",
    "SELECT DISTINCT node_seq FROM weir_dagmanager.queue WHERE node_seq = ANY ($1)"};

constexpr Statement kDeleteNodes = {
    "dag_delete_nodes", "DELETE FROM weir_dagmanager.compute_node WHERE node_seq = ANY ($1)"};

/// What the nodes used; each checksum once.
constexpr Statement kDeleteUses = {
    "dag_delete_uses",
    "WITH gone AS (DELETE FROM weir_dagmanager.used_by WHERE node_seq = ANY ($1)"
    " RETURNING checksum) SELECT DISTINCT checksum FROM gone"};

/// Those that nobody stores a node with right now.
constexpr Statement kHoldFreeArtifacts = {
    "dag_hold_free_artifacts",
    "SELECT checksum FROM weir_dagmanager.artifact a WHERE NOT EXISTS"
    " (SELECT FROM weir_dagmanager.used_by b WHERE b.checksum = a.checksum)"
    " ORDER BY checksum FOR UPDATE SKIP LOCKED"};

/// Looked at anew: who used one meanwhile has committed by now.
constexpr Statement kDeleteArtifacts = {
    "dag_delete_artifacts",
    "DELETE FROM weir_dagmanager.artifact a WHERE a.checksum = ANY ($1) AND NOT EXISTS"
    " (SELECT FROM weir_dagmanager.used_by b WHERE b.checksum = a.checksum)"};

constexpr Statement kInsertTombstones = {
    "dag_insert_tombstones",
    "INSERT INTO weir_dagmanager.graph_change (epoch, stamp, diff_id, node_seqs, queue_ids,"
    " gone_nodes, at) VALUES ($1, $2, $3, $4::text::int8multirange, '{}',"
    " $4::text::int8multirange, $5)"};

/// What the transaction has read once everybody else is kept out.
struct Locked {
  GraphPosition position;
  std::int64_t event_seq = 0;
  std::vector<std::string> referring;  ///< deploys that are held still
  NodeRows kept;
};

Result<Locked> lock_graph(postgres::Connection& connection, const CompactionFence& fence,
                          const NodeRemoval& removal) {
  Pipeline pipeline(connection);
  pipeline.begin();
  const LockPlaces places = add_locks(pipeline, fence, removal.referring, false);
  const std::size_t queued_at = pipeline.add(kReadQueued, rows_params(removal.nodes));
  WEIR_TRY(const auto read, pipeline.run());
  WEIR_CHECK(judge_locks(read, places, fence));
  const Rows& epoch = read[places.epoch];
  Locked locked{.position = {epoch.int64(0, 0), epoch.int64(0, 1)},
                .event_seq = epoch.int64(0, 2),
                .referring = own_deploys(read, places),
                .kept = {}};
  const Rows& queued = read[queued_at];
  for (std::size_t row = 0; row < queued.size(); ++row) locked.kept.insert(queued.int64(row, 0));
  const std::vector<DeployStanding> deploys = standings(read, places);
  const std::vector<bool> keeping = keeping_deploys(deploys, {}, removal.deploys_kept, removal.at);
  std::vector<std::string> wanted = removal.seen->changed(deploys, keeping);
  std::ranges::set_difference(removal.referring, locked.referring, std::back_inserter(wanted));
  WEIR_TRY(const auto bindings, read_bindings(connection, wanted));
  for (const DeployBindings& deploy : bindings) {
    locked.kept.insert(deploy.nodes.begin(), deploy.nodes.end());
  }
  return locked;
}

/// The artifacts that no node uses any more, gone; how many of them.
Result<std::size_t> delete_artifacts(postgres::Connection& connection) {
  WEIR_TRY(const Rows free, connection.execute(kHoldFreeArtifacts));
  if (free.empty()) return std::size_t{0};
  std::vector<std::string> checksums;
  checksums.reserve(free.size());
  for (std::size_t row = 0; row < free.size(); ++row) checksums.emplace_back(free.text(row, 0));
  Params params;
  params.text_array(checksums);
  WEIR_TRY(const Rows gone, connection.execute(kDeleteArtifacts, params));
  return static_cast<std::size_t>(gone.affected());
}

/// All that remains to be written, and COMMIT.
void add_end(Pipeline& pipeline, const NodeRemoval& removal, const Locked& locked,
             const std::vector<RowId>& rows, Random& random) {
  add_end_of_deploys(pipeline, locked.referring, removal.at);
  const Epoch raised = locked.position.epoch + 1;
  const auto stamp = static_cast<std::int64_t>(random.next());
  Params change;
  change.int64(raised).int64(stamp).text(removal.cause).text(ranges_text(rows)).instant(removal.at);
  pipeline.add(kInsertTombstones, std::move(change));
  Params epoch;
  epoch.int64(raised).int64(stamp).int64(locked.event_seq);
  pipeline.add(sql::kRaiseEpoch, std::move(epoch));
  Params last;
  last.int64(raised);
  pipeline.add(sql::kRaiseRemoval, std::move(last));
}

}  // namespace

/// One transaction; one that is left open is rolled back with its lease.
Result<RemovedNodes> PostgresCompactionStore::write_nodes(const CompactionFence& fence,
                                                          const NodeRemoval& removal) {
  WEIR_TRY(const auto connection, pool_.acquire(kStoreConnectionWait));
  WEIR_TRY(const Locked locked, lock_graph(*connection, fence, removal));
  RemovedNodes removed;
  std::vector<RowId> rows;
  {
    WEIR_TRY(const GraphView view, store_.view_inside(*connection, locked.position));
    rows = removable_nodes(view.index(), locked.kept, removal.nodes);
    for (const RowId row : rows) removed.nodes.push_back(view.index().node(row).id());
  }
  if (rows.empty()) return removed;
  Pipeline deleting(*connection);
  deleting.add(kDeleteNodes, rows_params(rows));
  deleting.add(kDeleteUses, rows_params(rows));
  WEIR_CHECK(deleting.run());
  WEIR_TRY(removed.artifacts, delete_artifacts(*connection));
  Pipeline ending(*connection);
  add_end(ending, removal, locked, rows, random_);
  add_log_row(ending, removal_row(removal, removed));
  ending.commit();
  WEIR_CRASH_POINT("compact.before_nodes");
  WEIR_CHECK(ending.run());
  WEIR_CRASH_POINT("compact.after_nodes");
  return removed;
}

Result<RemovedNodes> PostgresCompactionStore::remove_nodes(const CompactionFence& fence,
                                                           const NodeRemoval& removal) {
  auto removed = write_nodes(fence, removal);
  if (!removed.ok()) return loop_error(std::move(removed).error());
  return removed;
}

}  // namespace weir::dagmanager
