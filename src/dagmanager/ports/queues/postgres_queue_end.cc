// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <limits>
#include <string_view>
#include <utility>

#include "base/crash_point.h"
#include "dagmanager/ports/loops/postgres_loop_leases.h"
#include "dagmanager/ports/postgres_change_rows.h"
#include "dagmanager/ports/postgres_graph_rows.h"
#include "dagmanager/ports/postgres_graph_sql.h"
#include "dagmanager/ports/postgres_graph_store.h"
#include "dagmanager/ports/postgres_limits.h"
#include "dagmanager/ports/postgres_weight_rows.h"
#include "dagmanager/ports/queues/postgres_deploy_rows.h"
#include "dagmanager/ports/queues/postgres_lifecycle_rows.h"
#include "dagmanager/ports/queues/postgres_queue_life.h"
#include "drivers/postgres/connection.h"
#include "drivers/postgres/pipeline.h"
#include "drivers/postgres/pool.h"

// The end of queues in PostgreSQL.
namespace weir::dagmanager {
namespace {

using postgres::Params;
using postgres::Pipeline;
using postgres::Rows;
using postgres::Statement;

/// What a diff has in hands at this moment (a mark, a name that it asks for) is left to it: it took
/// its locks in another order.
constexpr Statement kLockQueues = {
    "dag_lock_queues",
    "SELECT queue_id FROM weir_dagmanager.queue WHERE queue_id = ANY ($1) AND state = 'active'"
    " ORDER BY queue_id FOR UPDATE SKIP LOCKED"};

/// The binding is free at once, the name is not.
constexpr Statement kCollectQueues = {
    "dag_collect_queues",
    "UPDATE weir_dagmanager.queue SET state = 'collecting',"
    " binding_hash = decode(md5('collecting ' || queue_id), 'hex')"
    " WHERE queue_id = ANY ($1) AND state = 'active'"};

constexpr Statement kDropMarks = {
    "dag_drop_marks", "DELETE FROM weir_dagmanager.orphan_queue WHERE queue_id = ANY ($1)"};

constexpr Statement kInsertRemoval = {
    "dag_insert_removal",
    "INSERT INTO weir_dagmanager.graph_change (epoch, stamp, diff_id, node_seqs, queue_ids,"
    " gone_ids, at) VALUES ($1, $2, $3, $4::text::int8multirange, '{}', $5::text::int8multirange,"
    " $6)"};

constexpr Statement kReadLeaving = {"dag_read_leaving",
                                    "SELECT queue_id, topic FROM weir_dagmanager.queue"
                                    " WHERE state = 'collecting' ORDER BY queue_id"};

/// What is to be forgotten, held still until the commit.
constexpr Statement kLockLeaving = {
    "dag_lock_leaving",
    "SELECT q.queue_id, q.topic, q.type, q.partitions, q.replication, q.retention_ms, q.cleanup,"
    " q.binding_key, coalesce(n.node_id, ''), coalesce(n.global, false)"
    " FROM weir_dagmanager.queue q LEFT JOIN weir_dagmanager.compute_node n"
    " ON n.node_seq = q.node_seq WHERE q.queue_id = ANY ($1) AND q.state = 'collecting'"
    " ORDER BY q.queue_id FOR UPDATE OF q"};

constexpr Statement kDeleteQueues = {"dag_delete_queues",
                                     "DELETE FROM weir_dagmanager.queue WHERE queue_id = ANY ($1)"};

/// What they were called, for the events up to $4.
constexpr Statement kRememberNames = {
    "dag_remember_names",
    "INSERT INTO weir_dagmanager.gone_queue (queue_id, topic, global, event_seq)"
    " SELECT unnest($1::bigint[]), unnest($2::text[]), unnest($3::boolean[]), $4"
    " WHERE EXISTS (SELECT FROM weir_dagmanager.outbox)"};

constexpr Statement kLockDeploys = {
    "dag_lock_deploys",
    "SELECT deploy_key, strategy_id, world_id, version, sentinel_due, ended_at IS NOT NULL"
    " FROM weir_dagmanager.deploy WHERE strategy_id = ANY ($1) OR version = $2"
    " ORDER BY deploy_key FOR UPDATE"};

constexpr Statement kEndDeploys = {
    "dag_end_deploys",
    "UPDATE weir_dagmanager.deploy SET ended_at = $2 WHERE deploy_key = ANY ($1)"};

/// What is read while everybody else is kept out.
struct Locked {
  GraphPosition position;
  std::int64_t event_seq = 0;
  std::vector<DeployStanding> deploys;
  Collection collection;  // of what nobody else has in hands
};

Result<Locked> lock_graph(postgres::Connection& connection, const LoopFence& fence,
                          const Collection& collection) {
  Pipeline pipeline(connection);
  pipeline.begin();
  const std::size_t fence_at = add_fence(pipeline, fence);
  const std::size_t epoch_at = pipeline.add(sql::kLockEpoch);
  pipeline.add(sql::kLockRemoval);
  Params wanted;
  wanted.int64_array(collection.queues, &QueueEnd::queue);
  const std::size_t queues_at = pipeline.add(kLockQueues, std::move(wanted));
  Params all;
  all.text("").int64(std::numeric_limits<std::int64_t>::max());
  const std::size_t deploys_at = pipeline.add(kReadStandings, std::move(all));
  WEIR_TRY(const auto read, pipeline.run());
  WEIR_CHECK(judge_fence(read[fence_at], fence));
  const Rows& epoch = read[epoch_at];
  Locked locked{.position = {epoch.int64(0, 0), epoch.int64(0, 1)},
                .event_seq = epoch.int64(0, 2),
                .deploys = {},
                .collection = collection};
  const std::vector<RowId> free = read_row_ids(read[queues_at]);
  std::erase_if(locked.collection.queues,
                [&](const QueueEnd& end) { return !std::ranges::binary_search(free, end.queue); });
  const Rows& deploys = read[deploys_at];
  locked.deploys.reserve(deploys.size());
  for (std::size_t row = 0; row < deploys.size(); ++row) {
    locked.deploys.push_back(read_standing(deploys, row));
  }
  return locked;
}

void add_log(Pipeline& pipeline, const std::vector<TopicLogRow>& log) {
  for (const auto batch : log_batches(log)) pipeline.add(sql::kInsertLog, log_params(batch));
}

/// All that a plan writes, and COMMIT.
void add_plan(Pipeline& pipeline, const CollectionPlan& plan, const Locked& locked,
              Random& random) {
  const Collection& collection = locked.collection;
  pipeline.add(kCollectQueues, rows_params(plan.queues));
  pipeline.add(kDropMarks, rows_params(plan.queues));
  std::int64_t event_seq = locked.event_seq;
  add_lifecycles(pipeline, plan.lifecycles, random, event_seq, collection.at);
  event_seq += static_cast<std::int64_t>(plan.lifecycles.size());
  tell_queue_updates(pipeline, plan.updates,
                     {.random = &random, .event_seq = event_seq, .at = collection.at});
  event_seq += static_cast<std::int64_t>(plan.updates.size());
  add_log(pipeline, plan.log);
  const Epoch raised = locked.position.epoch + 1;
  const auto stamp = static_cast<std::int64_t>(random.next());
  Params change;
  change.int64(raised)
      .int64(stamp)
      .text(collection.cause)
      .text(ranges_text(plan.nodes))
      .text(ranges_text(plan.queues))
      .instant(collection.at);
  pipeline.add(kInsertRemoval, std::move(change));
  Params epoch;
  epoch.int64(raised).int64(stamp).int64(event_seq);
  pipeline.add(sql::kRaiseEpoch, std::move(epoch));
  Params removal;
  removal.int64(raised);
  pipeline.add(sql::kRaiseRemoval, std::move(removal));
  pipeline.commit();
}

Result<std::vector<LeavingQueue>> read_leaving(postgres::Pool& pool, const LoopFence& fence) {
  WEIR_TRY(const auto connection, pool.acquire(kStoreConnectionWait));
  Pipeline pipeline(*connection);
  pipeline.begin();
  const std::size_t fence_at = add_fence(pipeline, fence);
  const std::size_t rows_at = pipeline.add(kReadLeaving);
  pipeline.commit();
  WEIR_TRY(const auto read, pipeline.run());
  WEIR_CHECK(judge_fence(read[fence_at], fence));
  std::vector<LeavingQueue> queues;
  const Rows& rows = read[rows_at];
  queues.reserve(rows.size());
  for (std::size_t row = 0; row < rows.size(); ++row) {
    queues.push_back({rows.int64(row, 0), graph::TopicName(rows.text(row, 1))});
  }
  return queues;
}

/// What kLockLeaving gave, as it is written down.
struct Forgotten {
  std::vector<RowId> queues;
  std::vector<std::string> topics;
  std::vector<bool> global;
  std::vector<TopicLogRow> log;
};

Forgotten read_forgotten(const Rows& rows, const Forgetting& forgetting) {
  Forgotten gone;
  for (std::size_t row = 0; row < rows.size(); ++row) {
    QueueRecord queue;
    queue.topic = graph::TopicName(rows.text(row, 1));
    queue.type =
        graph::topic_type_from_name(rows.text(row, 2)).value_or(graph::TopicType::Indicator);
    queue.shape = {.partitions = static_cast<int>(rows.int64(row, 3)),
                   .replication = static_cast<int>(rows.int64(row, 4)),
                   .retention_ms = rows.int64(row, 5),
                   .cleanup = std::string(rows.text(row, 6))};
    queue.binding_key = graph::BindingKey(rows.text(row, 7));
    gone.queues.push_back(rows.int64(row, 0));
    gone.topics.push_back(queue.topic.text());
    gone.global.push_back(rows.boolean(row, 9));
    gone.log.push_back(deleted_row(queue, std::string(rows.text(row, 8)), forgetting));
  }
  return gone;
}

/// Two exchanges in one transaction; one that is left open is rolled back with its lease.
Result<void> write_forgetting(postgres::Pool& pool, const LoopFence& fence,
                              const Forgetting& forgetting) {
  WEIR_TRY(const auto connection, pool.acquire(kStoreConnectionWait));
  Pipeline reading(*connection);
  reading.begin();
  const std::size_t fence_at = add_fence(reading, fence);
  const std::size_t queues_at = reading.add(kLockLeaving, rows_params(forgetting.queues));
  const std::size_t epoch_at = reading.add(sql::kLockEpoch);
  WEIR_TRY(const auto read, reading.run());
  WEIR_CHECK(judge_fence(read[fence_at], fence));
  const Forgotten gone = read_forgotten(read[queues_at], forgetting);
  if (gone.queues.empty()) return {};
  Pipeline writing(*connection);
  Params names;
  names.int64_array(gone.queues)
      .text_array(gone.topics)
      .boolean_array(gone.global)
      .int64(read[epoch_at].int64(0, 2));
  writing.add(kRememberNames, std::move(names));
  writing.add(kDeleteQueues, rows_params(gone.queues));
  add_log(writing, gone.log);
  WEIR_CRASH_POINT("gc.before_forget");
  writing.commit();
  WEIR_CHECK(writing.run());
  WEIR_CRASH_POINT("gc.after_forget");
  return {};
}

Result<std::size_t> write_cleanup(postgres::Pool& pool, const Cleanup& cleanup) {
  WEIR_TRY(const auto connection, pool.acquire(kStoreConnectionWait));
  Pipeline reading(*connection);
  reading.begin();
  Params meant;
  meant.text_array(strategies_meant(cleanup.id), &graph::StrategyId::view).text(cleanup.id);
  const std::size_t rows_at = reading.add(kLockDeploys, std::move(meant));
  WEIR_TRY(const auto read, reading.run());
  const Rows& rows = read[rows_at];
  std::vector<CleanupRow> found;
  found.reserve(rows.size());
  for (std::size_t row = 0; row < rows.size(); ++row) {
    found.push_back({.key = std::string(rows.text(row, 0)),
                     .strategy = graph::StrategyId(rows.text(row, 1)),
                     .world = graph::WorldId(rows.text(row, 2)),
                     .version = graph::VersionLabel(rows.text(row, 3)),
                     .sentinel_due = rows.boolean(row, 4),
                     .ended = rows.boolean(row, 5)});
  }
  WEIR_TRY(const auto keys, decide_cleanup(found, cleanup.id));
  Pipeline writing(*connection);
  Params ended;
  ended.text_array(keys).instant(cleanup.at);
  writing.add(kEndDeploys, std::move(ended));
  add_audit(writing, audit_of(cleanup, keys.size()));
  WEIR_CRASH_POINT("cleanup.before_commit");
  writing.commit();
  WEIR_CHECK(writing.run());
  WEIR_CRASH_POINT("cleanup.after_commit");
  return keys.size();
}

}  // namespace

/// Three exchanges in one transaction; one that is left open is rolled back with its lease.
Result<std::vector<RowId>> PostgresQueueLife::write_collection(const LoopFence& fence,
                                                               const Collection& collection) {
  WEIR_TRY(const auto connection, pool_.acquire(kStoreConnectionWait));
  WEIR_TRY(const Locked locked, lock_graph(*connection, fence, collection));
  WEIR_TRY(const auto deploys,
           read_bindings(*connection, newly_held(locked.deploys, locked.collection)));
  CollectionPlan plan;
  {
    WEIR_TRY(const GraphView view, store_.view_inside(*connection, locked.position));
    QueueReferences references;
    for (const DeployBindings& deploy : deploys) {
      references.add(view.index(), deploy, true, false);
    }
    plan = plan_collection(view.index(), locked.collection, references);
  }
  if (plan.empty()) return plan.queues;
  Pipeline pipeline(*connection);
  add_plan(pipeline, plan, locked, random_);
  WEIR_CRASH_POINT("gc.before_collect");
  WEIR_CHECK(pipeline.run());
  WEIR_CRASH_POINT("gc.after_collect");
  return plan.queues;
}

Result<std::vector<RowId>> PostgresQueueLife::collect(const LoopFence& fence,
                                                      const Collection& collection) {
  return with_loop_error(write_collection(fence, collection));
}

Result<std::vector<LeavingQueue>> PostgresQueueLife::leaving(const LoopFence& fence) {
  return with_loop_error(read_leaving(pool_, fence));
}

Result<void> PostgresQueueLife::forget(const LoopFence& fence, const Forgetting& forgetting) {
  return with_loop_error(write_forgetting(pool_, fence, forgetting));
}

Result<std::size_t> PostgresQueueLife::end_deploys(const Cleanup& cleanup) {
  return with_graph_error(write_cleanup(pool_, cleanup));
}

}  // namespace weir::dagmanager
