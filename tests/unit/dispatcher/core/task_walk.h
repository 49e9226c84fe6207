// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/random.h"
#include "tests/unit/dispatcher/core/task_rows.h"
#include "tests/unit/dispatcher/core/walk_checks.h"
#include "tests/unit/dispatcher/core/walk_rules.h"

/// A random walk over four tasks of one build: workers that claim, beat, report, repeat themselves
/// and come back late; loops that reap and retry; users and switches. After every step it compares
/// what the rules did with what section 5.7 allows, in words of its own.
namespace weir::dispatcher {

inline constexpr int kWalkSteps = 60;

class TaskWalk : private WalkChecks {
 public:
  TaskWalk(std::uint64_t seed, Rules& rules) : random_(seed), rules_(rules), now_(kNow) {
    build_ = open_build();
    build_.heartbeat_timeout = std::chrono::seconds(30);
    build_.timeout = std::chrono::seconds(120);
    build_.max_attempts = 2;
    if (random_.chance(50)) build_.max_concurrency = 2;
    pace_ = random_.chance(50) ? 12 : 45;
    const bool ordered = random_.chance(50);
    for (std::size_t at = 0; at < kWalkTasks; ++at) {
      CreateCommand command;
      command.task_id = task_id(static_cast<std::uint8_t>(at + 1));
      command.may_ring = random_.chance(50);
      if (ordered) command.order_seq = static_cast<std::int64_t>(at);
      tasks_[at].view.presence = Presence::Unknown;
      record(tasks_[at], decide(build_, command, now_).change);
      tasks_[at].view.presence = Presence::Live;
    }
  }

  /// Nothing, or the first violation.
  std::string run() {
    for (int step = 0; step < kWalkSteps && fault_.empty(); ++step) {
      now_ += std::chrono::seconds(random_.below(pace_));
      Task& task = tasks_[random_.below(kWalkTasks)];
      const std::uint64_t act = random_.below(100);
      if (act < 30)
        claim(task);
      else if (act < 45)
        beat(task);
      else if (act < 62)
        report(task);
      else if (act < 80)
        loops(task);
      else if (act < 86)
        users(task);
      else if (act < 92)
        switches();
      else
        ring_owed();
      check_whole();
    }
    return fault_;
  }

  const std::map<std::string, int>& seen() const { return seen_; }

 private:
  /// The row as the service would load it for a command with this token.
  TaskView load(const Task& task, const std::optional<LeaseToken>& presented) {
    TaskView view = task.view;
    view.may_ring = random_.chance(60);
    view.order_blocked = order_blocked(task);
    for (const AttemptRecord& row : task.attempts) {
      if (presented && row.lease_token == *presented && row.attempt != view.task.life.attempt) {
        view.earlier = row;
      }
    }
    return view;
  }

  void claim(Task& task) {
    ClaimCommand command = claim_by(static_cast<std::uint8_t>(++tokens_));
    command.draw = random_.next();
    const TaskLife before = task.view.task.life;
    const bool gate = gate_open(task);
    const auto decision = rules_.claim(load(task, {}), build_, command, now_);
    record(task, decision.change);
    if (decision.refused || !fault_.empty()) return;
    expect(before.state == TaskState::Queued, "a task was claimed that was not queued");
    expect(before.available_at <= now_, "a task was claimed before it was available");
    expect(gate, "a claim passed a closed gate");
    for (const Fence& grant : task.grants) {
      expect(grant.attempt != decision.reply.attempt, "I3: an attempt was granted twice");
    }
    task.grants.push_back({decision.reply.attempt, decision.reply.lease_token});
    if (random_.chance(30)) {
      const auto again = rules_.claim(load(task, {}), build_, command, now_);
      expect(!again.refused && again.reply.duplicate && again.change.empty(),
             "a repeated claim did not return its lease");
    }
  }

  /// Mostly the newest grant, sometimes an older one or somebody else's.
  std::optional<Fence> some_fence(const Task& task) {
    if (task.grants.empty()) return std::nullopt;
    Fence fence = task.grants.back();
    if (random_.chance(25)) fence = task.grants[random_.below(task.grants.size())];
    if (random_.chance(8)) fence.lease_token = token(255);
    return fence;
  }

  /// Whether the fence is the newest grant, and its attempt has not been replaced or ended.
  static bool holds(const Task& task, const Fence& fence) {
    const Fence& newest = task.grants.back();
    return fence.attempt == newest.attempt && fence.lease_token == newest.lease_token &&
           task.view.task.life.attempt == newest.attempt &&
           task.view.attempt->state != AttemptState::Closed;
  }

  void beat(Task& task) {
    const auto fence = some_fence(task);
    if (!fence) return;
    const bool held = holds(task, *fence);
    const bool leased = task.view.lease.has_value();
    const TaskView view = load(task, fence->lease_token);
    const auto decision = rules_.heartbeat(view, build_, {*fence}, now_);
    if (decision.refused) {
      expect(decision.change.empty(), "I4: a refused heartbeat changed something");
      return;
    }
    expect(held, "I4: a heartbeat of a fallen fence was accepted");
    expect(leased, "a heartbeat was accepted after reaping");
    if (!leased) return;
    const Instant was = task.view.lease->expires_at;
    const bool asked = task.view.task.life.cancel_requested_at.has_value();
    record(task, decision.change);
    if (!asked) task.extended_in_cancel = 0;
    if (decision.reply.status == TaskState::Canceled && task.view.lease->expires_at > was) {
      expect(++task.extended_in_cancel <= 1, "a canceled task's lease was extended twice");
    }
  }

  void report(Task& task) {
    const auto fence = some_fence(task);
    if (!fence) return;
    constexpr std::array kOutcomes = {Outcome::Success,    Outcome::RetryableError,
                                      Outcome::FatalError, Outcome::Canceled,
                                      Outcome::Released,   Outcome::RetryableError};
    CompleteCommand command;
    command.fence = *fence;
    command.outcome = kOutcomes[random_.below(kOutcomes.size())];
    command.draw = random_.next();
    const bool held = holds(task, *fence);
    const TaskLife before = task.view.task.life;
    const auto decision = rules_.complete(load(task, fence->lease_token), build_, command, now_);
    if (decision.refused || decision.reply.duplicate) {
      expect(decision.change.empty(), "I4: a refused or repeated report changed something");
      return;
    }
    expect(held, "I4: a report of a fallen fence was accepted");
    const bool stopped = build_.dispatch == Dispatch::Stopped ||
                         (before.cancel_reason && *before.cancel_reason != CancelReason::Timeout);
    record(task, decision.change);
    const TaskLife& after = task.view.task.life;
    expect(!stopped || after.state == TaskState::Canceled, "a canceled task did not end canceled");
    if (decision.change.transition == Transition::T14Released) {
      expect(*after.max_attempts - after.attempt == *before.max_attempts - before.attempt,
             "a release was charged");
    }
    const auto again = rules_.complete(load(task, fence->lease_token), build_, command, now_);
    expect(!again.refused && again.reply.duplicate && again.change.empty(),
           "a repeated report was not recognised");
  }

  void loops(Task& task) {
    const TaskView before = task.view;
    const std::uint64_t which = random_.below(3);
    if (which == 0) {
      record(task,
             rules_.expire(load(task, {}), build_, ExpireCommand{random_.next()}, now_).change);
      const bool reaped = before.lease && !task.view.lease;
      expect(!reaped || before.lease->expires_at <= now_, "a lease was reaped before it expired");
    } else if (which == 1) {
      record(task, rules_.retry_due(load(task, {}), build_, now_).change);
      const bool queued_now = task.view.task.life.state == TaskState::Queued &&
                              before.task.life.state == TaskState::RetryWait;
      expect(!queued_now || *before.task.life.next_retry_at <= now_, "a retry came too early");
    } else {
      record(task, decide(load(task, {}), build_, DeadlineCommand{}, now_).change);
    }
  }

  void users(Task& task) {
    if (random_.chance(50)) {
      record(task, decide(load(task, {}), build_, CancelCommand{}, now_).change);
    } else {
      record(task, rules_.retry(load(task, {}), build_, now_).change);
    }
  }

  /// Pauses and resumes, stops and sweeps, reopens and revives. What opens a gate owes (6.4).
  void switches() {
    if (random_.chance(40)) {
      build_.paused = !build_.paused;
      owed_ = owed_ || !build_.paused;
      return;
    }
    const bool stops = build_.dispatch == Dispatch::Open;
    build_.dispatch = stops ? Dispatch::Stopped : Dispatch::Open;
    owed_ = owed_ || !stops;
    const CancelCommand sweep{CancelCause::BuildStopped, CancelReason::Superseded};
    for (Task& task : tasks_) {
      if (random_.chance(20)) continue;  // the sweeper has not come to it yet
      const TaskView view = load(task, {});
      record(task, stops ? decide(view, build_, sweep, now_).change
                         : rules_.reopen(view, build_, now_).change);
    }
  }

  void ring_owed() {
    if (!std::exchange(owed_, false)) return;
    for (Task& task : tasks_) {
      TaskView view = load(task, {});
      view.may_ring = true;
      record(task, decide(view, build_, RingCommand{}, now_).change);
    }
  }

  /// Writes the change, and looks at the row before and after.
  void record(Task& task, const Change& change) {
    const TaskView before = task.view;
    apply(task.view, change);
    if (change.opened) {
      task.attempts.push_back(*change.opened);
      task.extended_in_cancel = 0;
    }
    for (AttemptRecord& row : task.attempts) {
      if (!change.ended || row.attempt != change.ended->attempt) continue;
      row.state = change.ended->state;
      row.outcome = change.ended->outcome;
      row.ended_at = change.ended->ended_at;
    }
    book(change);
    ++seen_[std::string(word(change.transition))];
    if (!change.created) check_step(before, task.view, change);
  }

  base::SeededRandom random_;
  Rules& rules_;
  Instant now_;
  std::map<std::string, int> seen_;
  std::uint64_t pace_ = 12;  // seconds between steps, at most
  int tokens_ = 0;
};

}  // namespace weir::dispatcher
