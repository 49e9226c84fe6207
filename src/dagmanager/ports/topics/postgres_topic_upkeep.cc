// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/ports/topics/postgres_topic_upkeep.h"

#include <absl/container/flat_hash_set.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>

#include "base/crash_point.h"
#include "dagmanager/ports/loops/postgres_loop_leases.h"
#include "dagmanager/ports/postgres_graph_rows.h"
#include "dagmanager/ports/postgres_graph_sql.h"
#include "dagmanager/ports/postgres_limits.h"
#include "dagmanager/ports/topics/limits.h"
#include "drivers/postgres/connection.h"
#include "drivers/postgres/pipeline.h"
#include "drivers/postgres/pool.h"
#include "graph/dag_meta.h"

namespace weir::dagmanager {
namespace {

using postgres::Connection;
using postgres::Params;
using postgres::Pipeline;
using postgres::Rows;
using postgres::Statement;

#define WEIR_DAG_INTENT_COLUMNS                                                            \
  "SELECT queue_id, topic, type, partitions, replication, retention_ms, cleanup, node_id," \
  " binding_key, diff_id, state = 'dropping' FROM weir_dagmanager.queue"

constexpr Statement kReadIntents = {
    "dag_read_intents", WEIR_DAG_INTENT_COLUMNS
    " WHERE state = 'dropping' OR (state = 'intent' AND intent_at < $1) ORDER BY queue_id"
    " LIMIT $2"};

/// $2 stands for no binding: the intent's may be had by another queue from now on.
constexpr Statement kStartDropping = {
    "dag_start_dropping",
    "UPDATE weir_dagmanager.queue SET state = 'dropping', binding_hash = $2"
    " WHERE queue_id = $1 AND state = 'intent' AND intent_at < $3 RETURNING queue_id"};

constexpr Statement kHoldDropping = {"dag_hold_dropping", WEIR_DAG_INTENT_COLUMNS
                                     " WHERE queue_id = $1 AND state = 'dropping' FOR UPDATE"};

constexpr Statement kEndDropping = {"dag_end_dropping",
                                    "DELETE FROM weir_dagmanager.queue WHERE queue_id = $1"};

constexpr Statement kHoldActive = {"dag_hold_active",
                                   "SELECT queue_id FROM weir_dagmanager.queue"
                                   " WHERE queue_id = $1 AND state = 'active' FOR SHARE"};

constexpr Statement kReadNames = {
    "dag_read_names", "SELECT topic FROM weir_dagmanager.queue WHERE topic_key = ANY ($1)"};

/// A deploy's sentinel is named by its strategy.
constexpr Statement kReadSentinelGaps = {
    "dag_read_sentinel_gaps",
    "SELECT d.deploy_key, d.strategy_id, d.world_id, d.version, d.first_seen"
    " FROM weir_dagmanager.deploy d LEFT JOIN weir_dagmanager.sentinel_deploy h"
    " ON h.sentinel_id = CASE WHEN d.strategy_id LIKE '%-sentinel' THEN d.strategy_id"
    " ELSE d.strategy_id || '-sentinel' END AND h.world_id = d.world_id AND h.version = d.version"
    " AND h.deploy_key = d.deploy_key LEFT JOIN weir_dagmanager.sentinel s"
    " ON s.sentinel_id = h.sentinel_id AND s.world_id = h.world_id AND s.version = h.version"
    " WHERE d.sentinel_due AND d.ended_at IS NULL AND s.sentinel_id IS NULL ORDER BY d.seq LIMIT "
    "$1"};

constexpr Statement kMendSentinel = {
    "dag_mend_sentinel",
    "INSERT INTO weir_dagmanager.sentinel (world_id, sentinel_id, version, commit_hash,"
    " release_tag, deploy_key, created_at) VALUES ($1, $2, $3, '', '', $4, $5)"
    " ON CONFLICT DO NOTHING"};

#undef WEIR_DAG_INTENT_COLUMNS

Params row_params(RowId row) {
  Params params;
  params.int64(row);
  return params;
}

IntentRow read_intent(const Rows& rows, std::size_t row) {
  return {
      .queue = rows.int64(row, 0),
      .topic = graph::TopicName(rows.text(row, 1)),
      .type = graph::topic_type_from_name(rows.text(row, 2)).value_or(graph::TopicType::Indicator),
      .shape = {.partitions = static_cast<int>(rows.int64(row, 3)),
                .replication = static_cast<int>(rows.int64(row, 4)),
                .retention_ms = rows.int64(row, 5),
                .cleanup = std::string(rows.text(row, 6))},
      .node_id = rows.is_null(row, 7) ? std::string() : std::string(rows.text(row, 7)),
      .binding_key = std::string(rows.text(row, 8)),
      .diff_id = std::string(rows.text(row, 9)),
      .dropping = rows.boolean(row, 10)};
}

/// The lock under which the log is numbered, and the rows.
void add_rows(Pipeline& pipeline, std::span<const TopicLogRow> rows) {
  if (rows.empty()) return;
  pipeline.add(sql::kLockEpoch);
  for (const auto batch : log_batches(rows)) pipeline.add(sql::kInsertLog, log_params(batch));
}

/// A transaction of the loop, begun by one statement under the fence. One that is left open is
/// rolled back with its connection's lease.
Result<Rows> begin_fenced(Connection& connection, const LoopFence& fence,
                          const Statement& statement, Params params) {
  Pipeline pipeline(connection);
  pipeline.begin();
  const std::size_t fence_at = add_fence(pipeline, fence);
  const std::size_t rows_at = pipeline.add(statement, std::move(params));
  WEIR_TRY(auto results, pipeline.run());
  WEIR_CHECK(judge_fence(results[fence_at], fence));
  return std::move(results[rows_at]);
}

Result<void> commit(Connection& connection) {
  Pipeline pipeline(connection);
  pipeline.commit();
  WEIR_CHECK(pipeline.run());
  return {};
}

Result<bool> start(postgres::Pool& pool, const LoopFence& fence, RowId intent, Instant before) {
  WEIR_TRY(const auto connection, pool.acquire(kStoreConnectionWait));
  const std::string unbound = key_hash("dropping|" + std::to_string(intent));
  Params params;
  params.int64(intent).bytes(as_bytes(unbound)).instant(before);
  WEIR_TRY(const Rows started, begin_fenced(*connection, fence, kStartDropping, std::move(params)));
  WEIR_CHECK(commit(*connection));
  return !started.empty();
}

Result<bool> end(postgres::Pool& pool, const LoopFence& fence, RowId intent,
                 const TopicUpkeepStore::Remove& remove) {
  WEIR_TRY(const auto connection, pool.acquire(kStoreConnectionWait));
  WEIR_TRY(const Rows held, begin_fenced(*connection, fence, kHoldDropping, row_params(intent)));
  if (held.empty()) return false;
  WEIR_TRY(const auto row, remove(read_intent(held, 0)));
  if (!row) return false;
  WEIR_CRASH_POINT("reconciler.removed");
  Pipeline pipeline(*connection);
  pipeline.add(kEndDropping, row_params(intent));
  add_rows(pipeline, std::span(&*row, 1));
  pipeline.commit();
  WEIR_CHECK(pipeline.run());
  return true;
}

Result<bool> hold(postgres::Pool& pool, const LoopFence& fence, RowId queue,
                  const TopicUpkeepStore::Held& call) {
  WEIR_TRY(const auto connection, pool.acquire(kStoreConnectionWait));
  WEIR_TRY(const Rows active, begin_fenced(*connection, fence, kHoldActive, row_params(queue)));
  if (active.empty()) return false;
  WEIR_TRY(const auto rows, call());
  Pipeline pipeline(*connection);
  add_rows(pipeline, rows);
  pipeline.commit();
  WEIR_CHECK(pipeline.run());
  return true;
}

Result<void> mend(postgres::Pool& pool, const LoopFence& fence, const SentinelGap& gap,
                  const TopicLogRow& row) {
  WEIR_TRY(const auto connection, pool.acquire(kStoreConnectionWait));
  WEIR_CHECK(begin_fenced(*connection, fence, sql::kLockEpoch, {}));
  const SentinelRecord& sentinel = gap.sentinel;
  Pipeline pipeline(*connection);
  Params stored;
  stored.text(sentinel.world.view())
      .text(sentinel.id.view())
      .text(sentinel.version.view())
      .text(gap.deploy_key)
      .instant(sentinel.created_at);
  pipeline.add(kMendSentinel, std::move(stored));
  Params has;
  has.text(sentinel.world.view())
      .text(sentinel.id.view())
      .text(sentinel.version.view())
      .text(gap.deploy_key);
  pipeline.add(sql::kAddSentinelDeploy, std::move(has));
  add_rows(pipeline, std::span(&row, 1));
  WEIR_CHECK(pipeline.run());
  WEIR_CRASH_POINT("reconciler.sentinel");
  return commit(*connection);
}

Result<void> log(postgres::Pool& pool, const LoopFence& fence, std::span<const TopicLogRow> rows) {
  WEIR_TRY(const auto connection, pool.acquire(kStoreConnectionWait));
  WEIR_CHECK(begin_fenced(*connection, fence, sql::kLockEpoch, {}));
  Pipeline pipeline(*connection);
  add_rows(pipeline, rows);
  pipeline.commit();
  WEIR_CHECK(pipeline.run());
  return {};
}

/// What a loop's transaction came to, in the words of the port; what a callback failed with stays.
template <class T>
Result<T> told(Result<T> result) {
  if (result.ok()) return result;
  const std::string& reason = result.error().reason();
  if (reason == kLoopLost || reason == "broker_unavailable") return result;
  return graph_error(std::move(result).error());
}

}  // namespace

Result<std::vector<IntentRow>> PostgresTopicUpkeep::intents(Instant before, std::size_t limit) {
  const auto connection = pool_.acquire(kStoreConnectionWait);
  if (!connection.ok()) return graph_error(connection.error());
  Params params;
  params.instant(before).int64(static_cast<std::int64_t>(limit));
  const auto rows = (*connection)->execute(kReadIntents, params);
  if (!rows.ok()) return graph_error(rows.error());
  std::vector<IntentRow> intents;
  intents.reserve(rows->size());
  for (std::size_t row = 0; row < rows->size(); ++row) intents.push_back(read_intent(*rows, row));
  return intents;
}

Result<bool> PostgresTopicUpkeep::start_dropping(const LoopFence& fence, RowId intent,
                                                 Instant before) {
  WEIR_CRASH_POINT("reconciler.before_dropping");
  auto started = told(start(pool_, fence, intent, before));
  WEIR_CRASH_POINT("reconciler.dropping");
  return started;
}

Result<bool> PostgresTopicUpkeep::end_dropping(const LoopFence& fence, RowId intent,
                                               const Remove& remove) {
  auto ended = told(end(pool_, fence, intent, remove));
  WEIR_CRASH_POINT("reconciler.dropped");
  return ended;
}

Result<bool> PostgresTopicUpkeep::while_active(const LoopFence& fence, RowId queue,
                                               const Held& call) {
  return told(hold(pool_, fence, queue, call));
}

Result<std::vector<bool>> PostgresTopicUpkeep::known(std::span<const graph::TopicName> names) {
  const auto connection = pool_.acquire(kStoreConnectionWait);
  if (!connection.ok()) return graph_error(connection.error());
  std::vector<bool> known;
  known.reserve(names.size());
  for (std::size_t at = 0; at < names.size(); at += kKnownNamesPage) {
    const auto page = names.subspan(at, std::min(kKnownNamesPage, names.size() - at));
    std::vector<std::string> keys;
    keys.reserve(page.size());
    for (const graph::TopicName& name : page)
      keys.push_back(key_hash(graph::topic_key(name).view()));
    Params params;
    params.bytes_array(keys, as_bytes);
    const auto rows = (*connection)->execute(kReadNames, params);
    if (!rows.ok()) return graph_error(rows.error());
    absl::flat_hash_set<std::string_view> there;
    for (std::size_t row = 0; row < rows->size(); ++row) there.insert(rows->text(row, 0));
    for (const graph::TopicName& name : page) known.push_back(there.contains(name.view()));
  }
  return known;
}

Result<std::vector<SentinelGap>> PostgresTopicUpkeep::sentinel_gaps(std::size_t limit) {
  const auto connection = pool_.acquire(kStoreConnectionWait);
  if (!connection.ok()) return graph_error(connection.error());
  const auto rows =
      (*connection)->execute(kReadSentinelGaps, row_params(static_cast<std::int64_t>(limit)));
  if (!rows.ok()) return graph_error(rows.error());
  std::vector<SentinelGap> gaps;
  for (std::size_t row = 0; row < rows->size(); ++row) {
    SentinelGap gap;
    gap.deploy_key = rows->text(row, 0);
    gap.sentinel.id = graph::sentinel_id(graph::StrategyId(rows->text(row, 1)));
    gap.sentinel.world = graph::WorldId(rows->text(row, 2));
    gap.sentinel.version = graph::VersionLabel(rows->text(row, 3));
    gap.sentinel.deploy_key = gap.deploy_key;
    gap.sentinel.created_at = rows->instant(row, 4);
    gaps.push_back(std::move(gap));
  }
  return gaps;
}

Result<void> PostgresTopicUpkeep::mend_sentinel(const LoopFence& fence, const SentinelGap& gap,
                                                const TopicLogRow& row) {
  return told(mend(pool_, fence, gap, row));
}

Result<std::vector<std::shared_ptr<const BindingContext>>> PostgresTopicUpkeep::contexts() {
  const auto connection = pool_.acquire(kStoreConnectionWait);
  if (!connection.ok()) return graph_error(connection.error());
  const auto rows = (*connection)->execute(sql::kReadContexts);
  if (!rows.ok()) return graph_error(rows.error());
  BindingContexts known;
  read_contexts(*rows, known);
  std::vector<std::shared_ptr<const BindingContext>> contexts;
  for (const auto& [key, context] : known) contexts.push_back(context);
  return contexts;
}

Result<void> PostgresTopicUpkeep::add_log(const LoopFence& fence,
                                          std::span<const TopicLogRow> rows) {
  if (rows.empty()) return {};
  return told(log(pool_, fence, rows));
}

}  // namespace weir::dagmanager
