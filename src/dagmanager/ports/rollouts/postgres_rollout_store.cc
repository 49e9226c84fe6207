// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/ports/rollouts/postgres_rollout_store.h"

#include <functional>
#include <utility>

#include "base/crash_point.h"
#include "dagmanager/ports/loops/postgres_loop_leases.h"
#include "dagmanager/ports/monitors/postgres_alert_store.h"
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

/// Writes the weights that a rollout's state asks for, raises the epoch's count of events by those
/// that are told, and commits: the end of every change.
struct WeightWriter {
  Random& random;
  const Rows& epoch;
  const StepCause& cause;

  std::vector<SentinelRecord> write(Pipeline& pipeline, const RolloutRecord& record,
                                    std::span<const SentinelRecord> sides) const {
    std::vector<SentinelRecord> moved;
    const std::int64_t before = epoch.int64(0, 2);
    std::int64_t event_seq = before;
    for (const WeightStep& step : rollout_weights(record, sides)) {
      set_weights(pipeline, step.sentinel);
      add_audit(pipeline, audit_of(step, cause));
      moved.push_back(step.sentinel);
      if (!step.told) continue;
      tell_weight(pipeline, {.sentinel = &moved.back(),
                             .event_seq = ++event_seq,
                             .id = base::uuid_v4(random),
                             .at = cause.at});
    }
    if (event_seq == before) return moved;
    Params raised;
    raised.int64(epoch.int64(0, 0)).int64(epoch.int64(0, 1)).int64(event_seq);
    pipeline.add(sql::kRaiseEpoch, std::move(raised));
    return moved;
  }
};

std::vector<SentinelRecord> read_sides(const Rows& rows) {
  std::vector<SentinelRecord> sides;
  sides.reserve(rows.size());
  for (std::size_t row = 0; row < rows.size(); ++row) sides.push_back(read_sentinel(rows, row));
  return sides;
}

}  // namespace

/// One change of a stored rollout: two exchanges in one transaction; one that is left open is
/// rolled back with its lease.
class PostgresRolloutStore::Change {
 public:
  /// What becomes of the rollout, and what is kept of it; nothing: it stays as it is.
  struct Step {
    RolloutMove move;
    StepCause cause;
  };
  using Decide =
      std::function<Result<std::optional<Step>>(const RolloutRecord& record, bool hit_open)>;

  Change(postgres::Pool& pool, Random& random) : pool_(pool), random_(random) {}

  Result<RolloutOutcome> run(const std::string& rollout, const LoopFence* fence,
                             const Decide& decide) const {
    const auto id = base::Uuid::parse(rollout);
    if (!id) return unknown_rollout(rollout);
    WEIR_TRY(const auto connection, pool_.acquire(kStoreConnectionWait));
    Pipeline reading(*connection);
    reading.begin();
    std::optional<std::size_t> fence_at;
    if (fence != nullptr) fence_at = add_fence(reading, *fence);
    const std::size_t epoch_at = reading.add(sql::kLockEpoch);
    const std::size_t rollout_at = add_rollout(reading, *id);
    const std::size_t sides_at = add_sides(reading, *id);
    const std::size_t open_at = add_weight_fence(reading, graph::SentinelId());
    WEIR_TRY(const auto read, reading.run());
    if (fence_at) WEIR_CHECK(judge_fence(read[*fence_at], *fence));
    std::vector<RolloutRecord> found = take_rollouts(read[rollout_at]);
    if (found.empty()) return unknown_rollout(rollout);
    RolloutOutcome outcome{.record = std::move(found.front())};
    WEIR_TRY(auto step, decide(outcome.record, read_weight_fence(read[open_at]).hit_open));
    if (!step) return outcome;
    outcome.record.rollout = std::move(step->move.next);
    outcome.rolled_back = step->move.rolled_back;
    outcome.undecided = step->move.undecided;
    outcome.judged = true;
    Pipeline writing(*connection);
    store_rollout(writing, outcome.record);
    if (!step->cause.note.empty()) {
      add_audit(writing, rollout_audit(outcome.record, step->cause));
    }
    for (const Condition& condition : conditions_of(outcome, step->cause.at)) {
      add_condition(writing, condition);
    }
    const std::vector<SentinelRecord> sides = read_sides(read[sides_at]);
    const std::string taken_back = taken_back_by(outcome.record, sides);
    if (!taken_back.empty()) mark_taken_back(writing, taken_back, step->cause.at);
    if (step->move.weights_change) {
      outcome.weights =
          WeightWriter{random_, read[epoch_at], step->cause}.write(writing, outcome.record, sides);
    }
    WEIR_CRASH_POINT("canary.before_commit");
    writing.commit();
    WEIR_CHECK(writing.run());
    WEIR_CRASH_POINT("canary.after_commit");
    return outcome;
  }

 private:
  postgres::Pool& pool_;
  Random& random_;
};

Result<RolloutOutcome> PostgresRolloutStore::write_begin(const RolloutBegin& command) {
  WEIR_TRY(const auto connection, pool_.acquire(kStoreConnectionWait));
  const graph::SentinelId& sentinel = command.wish.sentinel;
  Pipeline reading(*connection);
  reading.begin();
  const std::size_t epoch_at = reading.add(sql::kLockEpoch);
  const HistoryPlaces places = add_history(reading, sentinel);
  const std::size_t named_at = add_versions(reading, command.wish.baseline.sentinel);
  const std::size_t unfinished_at = add_unfinished(reading);
  const std::size_t open_at = add_weight_fence(reading, sentinel);
  const std::size_t queues_at = add_queue_count(reading, command.queues);
  WEIR_TRY(const auto read, reading.run());
  WEIR_TRY(const SentinelHistory history,
           in_world(take_history(read, places, sentinel), command.wish.world));
  const std::vector<SentinelRecord> named = take_versions(read[named_at]);
  WEIR_TRY(const RolloutSides sides, choose_sides(command.wish, history, named));
  if (!same_deploys(sides, command)) return sides_moved();
  const std::vector<RolloutRecord> unfinished = take_rollouts(read[unfinished_at]);
  RolloutOutcome outcome;
  WEIR_TRY(outcome.record,
           plan_rollout(command.wish, sides,
                        {unfinished, read_weight_fence(read[open_at]).hit_open, command.gate},
                        command.start));
  if (static_cast<std::size_t>(read[queues_at].int64(0, 0)) != command.queues.size()) {
    return queue_collected(sides.candidate.version);
  }
  Pipeline writing(*connection);
  insert_rollout(writing, outcome.record);
  std::vector<SentinelRecord> both = {sides.candidate};
  if (sides.baseline) {
    both.push_back(*sides.baseline);
    set_baseline(writing, command.deploy, sides.baseline->deploy_key);
  }
  const StepCause cause =
      rollout_cause(outcome.record, command.start.actor,
                    "started, " + rollout_words(outcome.record.rollout), command.start.at);
  add_audit(writing, rollout_audit(outcome.record, cause));
  outcome.weights =
      WeightWriter{random_, read[epoch_at], cause}.write(writing, outcome.record, both);
  WEIR_CRASH_POINT("rollout.before_commit");
  writing.commit();
  WEIR_CHECK(writing.run());
  WEIR_CRASH_POINT("rollout.after_commit");
  return outcome;
}

Result<RolloutOutcome> PostgresRolloutStore::begin(const RolloutBegin& command) {
  return with_graph_error(write_begin(command));
}

Result<RolloutOutcome> PostgresRolloutStore::change(const RolloutOrder& order) {
  return with_graph_error(
      Change(pool_, random_)
          .run(order.id, nullptr,
               [&](const RolloutRecord& record,
                   bool hit_open) -> Result<std::optional<Change::Step>> {
                 WEIR_TRY(RolloutMove move,
                          change_rollout(record.rollout, order_change(order, hit_open)));
                 StepCause cause =
                     rollout_cause(record, order.actor, order_words(order, move.next), order.at);
                 return std::optional(Change::Step{std::move(move), std::move(cause)});
               }));
}

Result<RolloutOutcome> PostgresRolloutStore::judge(const LoopFence& fence,
                                                   const RolloutJudgement& judgement) {
  return with_loop_error(
      Change(pool_, random_)
          .run(judgement.id, &fence,
               [&](const RolloutRecord& record,
                   bool hit_open) -> Result<std::optional<Change::Step>> {
                 if (!still_fits(record.rollout, judgement)) return std::optional<Change::Step>();
                 RolloutMove move = dagmanager::judge(record.rollout, judgement.checks, hit_open,
                                                      judgement.at, judgement.policy);
                 StepCause cause = rollout_cause(
                     record, kCanaryActor, judgement_words(record.rollout, move), judgement.at);
                 return std::optional(Change::Step{std::move(move), std::move(cause)});
               }));
}

namespace {

/// One reading statement of its own.
Result<Rows> ask(postgres::Pool& pool, const std::function<void(Pipeline&)>& add) {
  const auto connection = pool.acquire(kStoreConnectionWait);
  if (!connection.ok()) return graph_error(connection.error());
  Pipeline pipeline(**connection);
  add(pipeline);
  auto results = pipeline.run();
  if (!results.ok()) return graph_error(std::move(results).error());
  return std::move(results->front());
}

}  // namespace

Result<std::vector<RolloutRecord>> PostgresRolloutStore::list(const RolloutFilter& filter) {
  WEIR_TRY(const Rows rows, ask(pool_, [&](Pipeline& asked) { add_rollout_list(asked, filter); }));
  return take_rollouts(rows);
}

Result<std::vector<RolloutRecord>> PostgresRolloutStore::unfinished() {
  WEIR_TRY(const Rows rows, ask(pool_, [](Pipeline& asked) { add_unfinished(asked); }));
  return take_rollouts(rows);
}

Result<std::optional<RolloutRecord>> PostgresRolloutStore::find(const std::string& id) {
  const auto uuid = base::Uuid::parse(id);
  if (!uuid) return std::optional<RolloutRecord>();
  WEIR_TRY(const Rows rows, ask(pool_, [&](Pipeline& asked) { add_rollout(asked, *uuid); }));
  std::vector<RolloutRecord> found = take_rollouts(rows);
  return found.empty() ? std::optional<RolloutRecord>() : std::optional(std::move(found.front()));
}

Result<std::vector<SentinelRecord>> PostgresRolloutStore::versions(
    const graph::SentinelId& sentinel) {
  WEIR_TRY(const Rows rows, ask(pool_, [&](Pipeline& asked) { add_versions(asked, sentinel); }));
  return take_versions(rows);
}

Result<std::size_t> PostgresRolloutStore::sentinel_gaps() {
  WEIR_TRY(const Rows rows, ask(pool_, [](Pipeline& asked) { add_gap_count(asked); }));
  return static_cast<std::size_t>(rows.int64(0, 0));
}

}  // namespace weir::dagmanager
