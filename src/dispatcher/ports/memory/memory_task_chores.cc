// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/ports/memory/memory_task_chores.h"

#include <algorithm>
#include <map>
#include <set>
#include <string>

#include "base/assert.h"
#include "dispatcher/core/derived_ids.h"
#include "dispatcher/core/source_run.h"
#include "dispatcher/dagfile/schedule.h"
#include "dispatcher/ports/task_limits.h"

namespace weir::dispatcher {
namespace {

using Rank = MemoryTaskState::Rank;

/// The tasks whose instants have come, at most one more than `limit`.
std::vector<TaskId> due_tasks(const std::set<Rank>& ranks, Instant until, std::size_t limit) {
  std::vector<TaskId> tasks;
  for (const auto& [at, task] : ranks) {
    if (at > until || tasks.size() > limit) break;
    tasks.push_back(task);
  }
  return tasks;
}

template <class MakeCommand>
ChorePage run_each(MemoryTransaction& transaction, std::vector<TaskId> tasks, std::size_t limit,
                   const MakeCommand& command) {
  ChorePage page;
  page.more = tasks.size() > limit;
  tasks.resize(std::min(tasks.size(), limit));
  for (const TaskId& task : tasks) {
    const auto decision = transaction.run(transaction.view(task), command());
    if (!decision.change.empty()) ++page.done;
  }
  return page;
}

std::optional<Instant> first_of(const std::set<Rank>& ranks) {
  if (ranks.empty()) return std::nullopt;
  return ranks.begin()->first;
}

std::int64_t seconds_of(Instant at) {
  return std::chrono::floor<std::chrono::seconds>(at.time_since_epoch()).count();
}

}  // namespace

ChorePage MemoryChores::run(Chore chore, std::size_t limit) {
  const Instant now = transaction_.now();
  switch (chore) {
    case Chore::ExpireLeases:
      return run_each(transaction_, due_tasks(state_.expiries, now, limit), limit,
                      [this] { return ExpireCommand{.draw = transaction_.draw()}; });
    case Chore::QueueRetries:
      return run_each(transaction_, due_tasks(state_.retries, now, limit), limit,
                      [] { return RetryDueCommand{}; });
    case Chore::TimeOut:
      return run_each(transaction_, due_tasks(state_.deadlines, now, limit), limit,
                      [] { return DeadlineCommand{}; });
    case Chore::SweepStopped:
      return sweep(limit);
    case Chore::RefillWakeups:
      return refill(limit);
    case Chore::RingLost:
      return run_each(transaction_, due_tasks(state_.woken, now - kWakeupLost, limit), limit,
                      [] { return RingCommand{}; });
    case Chore::FireSources:
      return fire_sources(limit);
  }
  return {};
}

bool MemoryChores::to_be_stopped(const TaskRecord& task) {
  if (outlives_its_build(task.kind)) return false;
  if (task.life.state != TaskState::Running) return true;
  return !task.life.cancel_reason || task.life.cancel_reason == CancelReason::Timeout;
}

std::map<TaskId, CancelReason> MemoryChores::stopped_work() {
  std::map<TaskId, CancelReason> found;
  for (const auto& [id, build] : state_.builds()) {
    if (build.row.dispatch != Dispatch::Stopped) continue;
    for (const TaskId& task : state_.unfinished[id]) {
      if (to_be_stopped(*state_.find_task(task))) found.emplace(task, build.stop_reason);
    }
  }
  return found;
}

ChorePage MemoryChores::sweep(std::size_t limit) {
  ChorePage page;
  for (const auto& [task, reason] : stopped_work()) {
    if (page.done == limit) {
      page.more = true;
      break;
    }
    transaction_.run(transaction_.view(task),
                     CancelCommand{.cause = CancelCause::BuildStopped, .reason = reason});
    ++page.done;
  }
  return page;
}

MemoryChores::Rung MemoryChores::ring(const QueueName& queue, std::size_t limit) {
  Rung rung;
  const std::set<Rank> ready = state_.ready[queue];
  for (const auto& [at, id] : ready) {
    const TaskRecord& task = *state_.find_task(id);
    if (task.life.woken_at || task.life.available_at > transaction_.now()) continue;
    if (!transaction_.gate_open(task)) continue;
    if (rung.count == limit) {
      rung.left = true;
      break;
    }
    TaskView view = transaction_.view(id);
    view.may_ring = true;  // the page's size has asked for the room
    transaction_.run(view, RingCommand{});
    ++rung.count;
  }
  return rung;
}

// A page of the first queue in alphabetical order that owes and has room. One that is pulled gets a
// single ring a call.
ChorePage MemoryChores::refill(std::size_t limit) {
  std::map<std::string, QueueName> owing;
  for (const auto& [queue, meter] : state_.tables.meters) {
    if (meter.owed && meter.outstanding < kRefillBelow) owing.emplace(queue.text(), queue);
  }
  ChorePage page;
  bool refilled = false;
  for (const auto& [text, queue] : owing) {
    MeterRow& meter = state_.tables.meters[queue];
    const bool pulled = meter.more_until && *meter.more_until > transaction_.now();
    if (!pulled && refilled) {
      page.more = true;
      continue;
    }
    const auto room = static_cast<std::size_t>(kWakeupsOutstandingMax - meter.outstanding);
    const std::size_t most =
        pulled ? 1 : std::min({limit, room, static_cast<std::size_t>(kWakeupsPageMax)});
    meter.owed = false;
    state_.refilled_at = transaction_.now();
    const Rung rung = ring(queue, most);
    meter.owed = meter.owed || rung.left;
    page.done += rung.count;
    refilled = refilled || !pulled;
    page.more = page.more || (!pulled && meter.owed && meter.outstanding < kRefillBelow);
  }
  return page;
}

bool MemoryChores::fire_cron(const SourceRecord& source, ChorePage& page) {
  const MemoryBuild& build = state_.build(source.build_id);
  const auto schedule = parse_schedule(build.job.schedule);
  WEIR_ASSERT(schedule.ok());
  const NextDue next = [&](Instant after) {
    return next_due(*schedule, after, build.row.opened_at);
  };
  const BuildFacts facts = state_.facts(source.build_id);
  const CronFiring firing = decide_cron(source, facts, next, transaction_.now());
  if (!firing.due) return false;
  state_.tables.sources[source.build_id] = firing.source;
  RunRequest run{.build_id = source.build_id,
                 .run_id = cron_run_id({build.org_id, build.dag_name, build.job.name},
                                       build.row.world, *firing.due),
                 .task_class = run_class(facts),
                 .event = {}};
  run.event.output = 0;
  run.event.cursor = seconds_of(*firing.due);
  transaction_.start_run(run);
  if (firing.skipped.empty()) return true;
  std::string note = build.dag_name + "/" + build.job.name + " skipped";
  for (const Instant& at : firing.skipped) note += " " + std::to_string(seconds_of(at));
  if (firing.skipped_more) note += " …";
  page.notes.push_back(std::move(note));
  return true;
}

bool MemoryChores::always_on_missing(const SourceRecord& source) {
  const BuildFacts facts = state_.facts(source.build_id);
  if (state_.build(source.build_id).source != SeedSource::AlwaysOn) return false;
  if (!always_on_due(source, facts, false)) return false;
  const TaskId run = always_on_run_id(source.build_id, source.run_epoch);
  return state_.find_task(run) == nullptr && !state_.tables.history.contains(run);
}

bool MemoryChores::start_always_on(const SourceRecord& source) {
  if (!always_on_missing(source)) return false;
  const MemoryBuild& build = state_.build(source.build_id);
  CreateCommand create;
  create.task_id = always_on_run_id(source.build_id, source.run_epoch);
  create.org_id = build.org_id;
  create.dag_version_id = build.row.dag_version_id;
  create.kind = TaskKind::SourceRun;
  create.runtime = build.job.runtime;
  create.level = build.job.priority;
  create.task_class = run_class(state_.facts(source.build_id));
  create.unlimited_attempts = true;
  transaction_.create_task(create, source.build_id);
  return true;
}

ChorePage MemoryChores::fire_sources(std::size_t limit) {
  std::set<std::pair<Instant, BuildId>> due;
  std::vector<SourceRecord> missing;
  for (const auto& [build, source] : state_.tables.sources) {
    const bool open = state_.build(build).row.dispatch == Dispatch::Open;
    const bool cron = state_.build(build).source == SeedSource::Cron;
    if (cron && open && source.enabled && source.next_fire_at &&
        *source.next_fire_at <= transaction_.now()) {
      due.emplace(*source.next_fire_at, build);
    }
    if (always_on_missing(source)) missing.push_back(source);
  }
  ChorePage page;
  page.more = due.size() + missing.size() > limit;
  for (const auto& [at, build] : due) {
    if (page.done == limit) return page;
    const SourceRecord source = state_.tables.sources.at(build);
    if (fire_cron(source, page)) ++page.done;
  }
  for (const SourceRecord& source : missing) {
    if (page.done == limit) return page;
    if (start_always_on(source)) ++page.done;
  }
  return page;
}

std::optional<Instant> MemoryChores::refill_due() {
  std::optional<Instant> first;
  for (const auto& [queue, meter] : state_.tables.meters) {
    if (!meter.owed || meter.outstanding >= kRefillBelow) continue;
    const bool pulled = meter.more_until && *meter.more_until > transaction_.now();
    Instant at = transaction_.now();
    if (pulled && state_.refilled_at) at = *state_.refilled_at + kPulledRing;
    first = first ? std::min(*first, at) : at;
  }
  return first;
}

std::optional<Instant> MemoryChores::sources_due() {
  std::optional<Instant> first;
  for (const auto& [build, source] : state_.tables.sources) {
    std::optional<Instant> at;
    if (always_on_missing(source)) at = transaction_.now();
    const bool open = state_.build(build).row.dispatch == Dispatch::Open;
    if (open && source.enabled && state_.build(build).source == SeedSource::Cron) {
      at = source.next_fire_at;
    }
    if (at) first = first ? std::min(*first, *at) : *at;
  }
  return first;
}

DueInstants MemoryChores::due() {
  DueInstants due;
  due.now = transaction_.now();
  const auto at = [&due](Chore chore) -> std::optional<Instant>& {
    return due.chores.at(static_cast<std::size_t>(chore));
  };
  at(Chore::ExpireLeases) = first_of(state_.expiries);
  at(Chore::QueueRetries) = first_of(state_.retries);
  at(Chore::TimeOut) = first_of(state_.deadlines);
  if (!stopped_work().empty()) at(Chore::SweepStopped) = due.now;
  at(Chore::RefillWakeups) = refill_due();
  if (const auto woken = first_of(state_.woken)) at(Chore::RingLost) = *woken + kWakeupLost;
  at(Chore::FireSources) = sources_due();
  for (const auto& [id, row] : state_.tables.outbox) {
    if (row.state != OutboxState::Pending && row.state != OutboxState::Sending) continue;
    due.outbox = due.outbox ? std::min(*due.outbox, row.available_at) : row.available_at;
  }
  return due;
}

}  // namespace weir::dispatcher
