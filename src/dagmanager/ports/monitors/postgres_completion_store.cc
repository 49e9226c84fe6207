// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/ports/monitors/postgres_completion_store.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/crash_point.h"
#include "dagmanager/ports/loops/postgres_loop_leases.h"
#include "dagmanager/ports/postgres_change_rows.h"
#include "dagmanager/ports/postgres_graph_rows.h"
#include "dagmanager/ports/postgres_graph_sql.h"
#include "dagmanager/ports/postgres_graph_store.h"
#include "dagmanager/ports/postgres_limits.h"
#include "drivers/postgres/connection.h"
#include "drivers/postgres/pipeline.h"
#include "drivers/postgres/pool.h"

namespace weir::dagmanager {
namespace {

using postgres::Params;
using postgres::Pipeline;
using postgres::Rows;
using postgres::Statement;
using std::chrono::milliseconds;

constexpr Statement kReadSilences = {
    "dag_read_silences",
    "SELECT queue_id, size, lasted_ms FROM weir_dagmanager.silent_queue ORDER BY queue_id"};

constexpr Statement kPutSilences = {
    "dag_put_silences",
    "INSERT INTO weir_dagmanager.silent_queue AS s (queue_id, size, lasted_ms)"
    " SELECT unnest($1::bigint[]), unnest($2::bigint[]), unnest($3::bigint[])"
    " ON CONFLICT (queue_id) DO UPDATE SET size = excluded.size, lasted_ms = excluded.lasted_ms"};

constexpr Statement kForgetSilences = {
    "dag_forget_silences", "DELETE FROM weir_dagmanager.silent_queue WHERE queue_id = ANY ($1)"};

/// Held still until the commit; what a diff has in hands at this moment is left to it.
constexpr Statement kLockSilent = {
    "dag_lock_silent",
    "SELECT queue_id FROM weir_dagmanager.queue WHERE queue_id = ANY ($1) AND state = 'active'"
    " ORDER BY queue_id FOR UPDATE SKIP LOCKED"};

constexpr Statement kSetCompleted = {
    "dag_set_completed",
    "UPDATE weir_dagmanager.queue SET completed = $2 WHERE queue_id = ANY ($1)"};

void put_silences(Pipeline& pipeline, const std::vector<QueueSilence>& silences) {
  if (silences.empty()) return;
  const auto lasted = [](const QueueSilence& one) {
    return std::chrono::duration_cast<milliseconds>(one.lasted).count();
  };
  Params params;
  params.int64_array(silences, &QueueSilence::queue)
      .int64_array(silences, &QueueSilence::size)
      .int64_array(silences, lasted);
  pipeline.add(kPutSilences, std::move(params));
}

void set_completed(Pipeline& pipeline, const std::vector<RowId>& rows, bool completed) {
  if (rows.empty()) return;
  Params params = rows_params(rows);
  params.boolean(completed);
  pipeline.add(kSetCompleted, std::move(params));
}

/// What is read while everybody else is kept out.
struct LockedSilence {
  GraphPosition position;
  std::int64_t event_seq = 0;
  CompletionChange change;  // of what nobody else has in hands
};

/// What of a change is among these rows, which rise.
CompletionChange only(CompletionChange change, const std::vector<RowId>& free) {
  const auto is_taken = [&](RowId row) { return !std::ranges::binary_search(free, row); };
  std::erase_if(change.completed, [&](const QueueSilence& one) { return is_taken(one.queue); });
  std::erase_if(change.resumed, is_taken);
  return change;
}

Result<LockedSilence> lock_silent(postgres::Connection& connection, const LoopFence& fence,
                                  const CompletionChange& change) {
  std::vector<RowId> wanted = rows_of(change.completed);
  wanted.insert(wanted.end(), change.resumed.begin(), change.resumed.end());
  Pipeline pipeline(connection);
  pipeline.begin();
  const std::size_t fence_at = add_fence(pipeline, fence);
  const std::size_t epoch_at = pipeline.add(sql::kLockEpoch);
  const std::size_t queues_at = pipeline.add(kLockSilent, rows_params(wanted));
  WEIR_TRY(const auto read, pipeline.run());
  WEIR_CHECK(judge_fence(read[fence_at], fence));
  const Rows& epoch = read[epoch_at];
  return LockedSilence{.position = {epoch.int64(0, 0), epoch.int64(0, 1)},
                       .event_seq = epoch.int64(0, 2),
                       .change = only(change, read_row_ids(read[queues_at]))};
}

/// All that an outcome writes, and COMMIT.
void add_outcome(Pipeline& pipeline, const CompletionOutcome& outcome, const LockedSilence& locked,
                 Random& random) {
  const Instant at = locked.change.at;
  set_completed(pipeline, rows_of(outcome.completed), true);
  set_completed(pipeline, outcome.resumed, false);
  put_silences(pipeline, outcome.completed);
  if (!outcome.resumed.empty()) pipeline.add(kForgetSilences, rows_params(outcome.resumed));
  tell_queue_updates(pipeline, outcome.updates,
                     {.random = &random, .event_seq = locked.event_seq, .at = at});
  add_loop_change(
      pipeline,
      {.cause = "loop:completion",
       .nodes = outcome.nodes,
       .queues = outcome.queues(),
       .before = locked.position.epoch,
       .event_seq = locked.event_seq + static_cast<std::int64_t>(outcome.updates.size()),
       .at = at},
      random);
  pipeline.commit();
}

Result<std::vector<QueueSilence>> read_silences(postgres::Pool& pool, const LoopFence& fence) {
  WEIR_TRY(const auto connection, pool.acquire(kStoreConnectionWait));
  Pipeline pipeline(*connection);
  pipeline.begin();
  const std::size_t fence_at = add_fence(pipeline, fence);
  const std::size_t rows_at = pipeline.add(kReadSilences);
  pipeline.commit();
  WEIR_TRY(const auto read, pipeline.run());
  WEIR_CHECK(judge_fence(read[fence_at], fence));
  const Rows& rows = read[rows_at];
  std::vector<QueueSilence> silences;
  silences.reserve(rows.size());
  for (std::size_t row = 0; row < rows.size(); ++row) {
    silences.push_back({.queue = rows.int64(row, 0),
                        .size = rows.int64(row, 1),
                        .lasted = milliseconds(rows.int64(row, 2))});
  }
  return silences;
}

/// Two exchanges in one transaction; one that is left open is rolled back with its lease.
Result<void> write_notes(postgres::Pool& pool, const LoopFence& fence, const SilenceNotes& notes) {
  WEIR_TRY(const auto connection, pool.acquire(kStoreConnectionWait));
  Pipeline reading(*connection);
  reading.begin();
  const std::size_t fence_at = add_fence(reading, fence);
  WEIR_TRY(const auto read, reading.run());
  WEIR_CHECK(judge_fence(read[fence_at], fence));
  Pipeline writing(*connection);
  put_silences(writing, notes.put);
  if (!notes.forgotten.empty()) writing.add(kForgetSilences, rows_params(notes.forgotten));
  writing.commit();
  WEIR_CHECK(writing.run());
  return {};
}

}  // namespace

/// Three exchanges in one transaction, as above.
Result<std::vector<RowId>> PostgresCompletionStore::write_change(const LoopFence& fence,
                                                                 const CompletionChange& change) {
  WEIR_TRY(const auto connection, pool_.acquire(kStoreConnectionWait));
  WEIR_TRY(const LockedSilence locked, lock_silent(*connection, fence, change));
  CompletionOutcome outcome;
  {
    WEIR_TRY(const GraphView view, store_.view_inside(*connection, locked.position));
    outcome = plan_completion(view.index(), locked.change);
  }
  if (outcome.empty()) return std::vector<RowId>();
  Pipeline pipeline(*connection);
  add_outcome(pipeline, outcome, locked, random_);
  WEIR_CRASH_POINT("completion.before_commit");
  WEIR_CHECK(pipeline.run());
  WEIR_CRASH_POINT("completion.after_commit");
  return outcome.queues();
}

Result<std::vector<QueueSilence>> PostgresCompletionStore::silences(const LoopFence& fence) {
  return with_loop_error(read_silences(pool_, fence));
}

Result<std::vector<RowId>> PostgresCompletionStore::change(const LoopFence& fence,
                                                           const CompletionChange& change) {
  return with_loop_error(write_change(fence, change));
}

Result<void> PostgresCompletionStore::note(const LoopFence& fence, const SilenceNotes& notes) {
  return with_loop_error(write_notes(pool_, fence, notes));
}

}  // namespace weir::dagmanager
