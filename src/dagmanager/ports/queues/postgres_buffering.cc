// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/ports/queues/postgres_buffering.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "base/crash_point.h"
#include "dagmanager/ports/loops/postgres_loop_leases.h"
#include "dagmanager/ports/postgres_change_rows.h"
#include "dagmanager/ports/postgres_graph_rows.h"
#include "dagmanager/ports/postgres_graph_sql.h"
#include "dagmanager/ports/postgres_limits.h"
#include "dagmanager/ports/queues/postgres_lifecycle_rows.h"
#include "drivers/postgres/connection.h"
#include "drivers/postgres/pipeline.h"
#include "drivers/postgres/pool.h"

namespace weir::dagmanager {
namespace {

using postgres::Params;
using postgres::Pipeline;
using postgres::Rows;
using postgres::Statement;

/// Held still until the commit. What a diff has in hands is passed over: it may mark the queue.
constexpr Statement kLockBuffering = {
    "dag_lock_buffering",
    "SELECT q.queue_id, q.node_seq, q.topic, q.type, n.interval_seconds, c.world_id,"
    " c.execution_domain, c.namespace FROM weir_dagmanager.queue q"
    " JOIN weir_dagmanager.binding_context c ON c.context_key = q.context_key"
    " LEFT JOIN weir_dagmanager.compute_node n ON n.node_seq = q.node_seq"
    " WHERE q.state = 'active' AND q.buffering_since < $1 AND q.queue_id > $2"
    " ORDER BY q.queue_id LIMIT $3 FOR UPDATE OF q SKIP LOCKED"};

constexpr Statement kRecompute = {
    "dag_recompute",
    "UPDATE weir_dagmanager.queue SET schema_hash = coalesce(nullif(pending_schema_hash, ''),"
    " schema_hash), pending_schema_hash = '', buffering_since = NULL, recompute_due = true"
    " WHERE queue_id = ANY ($1)"};

/// What is known of a queue that is due, as far as it is told of, and its node's interval.
struct DueQueue {
  QueueRecord queue;
  std::optional<std::int64_t> interval;
};

DueQueue read_due(const Rows& rows, std::size_t row) {
  DueQueue due;
  due.queue.row = rows.int64(row, 0);
  due.queue.node = rows.int64_if(row, 1).value_or(0);
  due.queue.topic = graph::TopicName(rows.text(row, 2));
  due.queue.type =
      graph::topic_type_from_name(rows.text(row, 3)).value_or(graph::TopicType::Indicator);
  due.interval = rows.int64_if(row, 4);
  graph::ComputeContext context;
  context.world_id = rows.text(row, 5);
  context.execution_domain = rows.text(row, 6);
  due.queue.binding = std::make_shared<const BindingContext>(
      std::move(context), graph::Namespace(rows.text(row, 7)), graph::StrategyId());
  return due;
}

/// What a batch writes, and the counters before it.
struct Batch {
  std::vector<RowId> queues;
  std::vector<RowId> nodes;
  std::vector<LifecycleUpdate> told;
  Epoch epoch = 0;
  std::int64_t event_seq = 0;
};

Batch read_batch(const Rows& due, const Rows& epoch) {
  Batch batch;
  batch.epoch = epoch.int64(0, 0);
  batch.event_seq = epoch.int64(0, 2);
  for (std::size_t row = 0; row < due.size(); ++row) {
    const DueQueue one = read_due(due, row);
    batch.queues.push_back(one.queue.row);
    if (one.queue.node != 0) batch.nodes.push_back(one.queue.node);
    batch.told.push_back(recompute_told(one.queue, one.interval));
  }
  std::ranges::sort(batch.nodes);
  batch.nodes.erase(std::ranges::unique(batch.nodes).begin(), batch.nodes.end());
  return batch;
}

/// All of a batch, and COMMIT.
void add_batch(Pipeline& pipeline, const Batch& batch, Random& random, Instant at) {
  pipeline.add(kRecompute, rows_params(batch.queues));
  add_lifecycles(pipeline, batch.told, random, batch.event_seq, at);
  add_loop_change(pipeline,
                  {.cause = "loop:recompute",
                   .nodes = batch.nodes,
                   .queues = batch.queues,
                   .before = batch.epoch,
                   .event_seq = batch.event_seq + static_cast<std::int64_t>(batch.told.size()),
                   .at = at},
                  random);
  pipeline.commit();
}

/// Two exchanges in one transaction; one that is left open is rolled back with its lease.
Result<std::vector<RowId>> write_recompute(postgres::Pool& pool, Random& random,
                                           const LoopFence& fence, const RecomputeOrder& order) {
  WEIR_TRY(const auto connection, pool.acquire(kStoreConnectionWait));
  Pipeline reading(*connection);
  reading.begin();
  const std::size_t fence_at = add_fence(reading, fence);
  Params due;
  due.instant(order.before).int64(order.after).int64(static_cast<std::int64_t>(order.limit));
  const std::size_t due_at = reading.add(kLockBuffering, std::move(due));
  WEIR_TRY(const auto read, reading.run());
  WEIR_CHECK(judge_fence(read[fence_at], fence));
  if (read[due_at].empty()) return std::vector<RowId>();
  Pipeline locking(*connection);
  const std::size_t epoch_at = locking.add(sql::kLockEpoch);
  WEIR_TRY(const auto locked, locking.run());
  Batch batch = read_batch(read[due_at], locked[epoch_at]);
  Pipeline writing(*connection);
  add_batch(writing, batch, random, order.at);
  WEIR_CRASH_POINT("recompute.before_commit");
  WEIR_CHECK(writing.run());
  WEIR_CRASH_POINT("recompute.after_commit");
  return std::move(batch.queues);
}

}  // namespace

Result<std::vector<RowId>> PostgresBuffering::recompute(const LoopFence& fence,
                                                        const RecomputeOrder& order) {
  return with_loop_error(write_recompute(pool_, random_, fence, order));
}

}  // namespace weir::dagmanager
