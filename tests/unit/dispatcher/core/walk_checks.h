// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "dispatcher/core/limits.h"
#include "tests/unit/dispatcher/core/task_rows.h"

/// The rows of a random walk, and what must hold of them after every step: the invariants of
/// section 5.7 that one build's tasks can break, in words of their own.
namespace weir::dispatcher {

inline constexpr std::size_t kWalkTasks = 4;

class WalkChecks {
 protected:
  struct Task {
    TaskView view;
    std::vector<AttemptRecord> attempts;  // all rows, oldest first
    std::vector<Fence> grants;            // what claims returned
    int extended_in_cancel = 0;
  };

  void expect(bool holds, const char* what) {
    if (!holds && fault_.empty()) fault_ = what;
  }

  bool order_blocked(const Task& task) const {
    return std::ranges::any_of(tasks_, [&](const Task& other) {
      return task.view.task.order_seq && other.view.task.order_seq < task.view.task.order_seq &&
             !is_terminal(other.view.task.life.state);
    });
  }

  std::int64_t running() const {
    return std::ranges::count_if(
        tasks_, [](const Task& task) { return task.view.task.life.state == TaskState::Running; });
  }

  /// The gate of section 5.1.1 for a task of class live.
  bool gate_open(const Task& task) const {
    return build_.dispatch == Dispatch::Open && !build_.paused &&
           (!build_.max_concurrency || running() < *build_.max_concurrency) && !order_blocked(task);
  }

  /// Counters, meter and outbox.
  void book(const Change& change) {
    for (const OutboxRecord& row : change.outbox) {
      expect(bells_.insert(row.outbox_id).second, "a wake-up's id was used twice");
    }
    counts_ += change.counts;
    outstanding_ += change.meter.outstanding;
    owed_ = owed_ || change.meter.owed || change.next_in_order || change.slot_freed;
    apply(build_, change);
  }

  void check_step(const TaskView& before, const TaskView& after, const Change& change) {
    const TaskLife& was = before.task.life;
    const TaskLife& is = after.task.life;
    expect(is.attempt == was.attempt || is.attempt == was.attempt + 1, "I5: attempts jumped");
    expect(is.attempt <= *is.max_attempts, "I5: attempts passed their bound");
    if (before.lease && after.lease) {
      expect(after.lease->expires_at >= before.lease->expires_at, "I16: a lease fell");
    }
    if (was.state == is.state) return;
    const bool revived =
        change.transition == Transition::T12Reopened || change.transition == Transition::T13Retried;
    expect(was.state != TaskState::Completed, "I6: completed is not final");
    expect(!is_terminal(was.state) || revived, "a final state was left");
    if (change.transition == Transition::T12Reopened) {
      expect(was.cancel_reason == CancelReason::Superseded, "a user's cancel was undone");
    }
  }

  void check_row(const Task& task) {
    const TaskView& view = task.view;
    const TaskLife& life = view.task.life;
    const bool runs = life.state == TaskState::Running;
    expect(runs == view.lease.has_value(), "I1: running without a lease, or leased at rest");
    const auto active = std::ranges::count(task.attempts, AttemptState::Active,
                                           [](const AttemptRecord& row) { return row.state; });
    expect(active == (runs ? 1 : 0), "I2: not the one active attempt of what runs");
    if (runs && view.lease && view.attempt) {
      expect(view.lease->attempt == life.attempt, "I2: the lease is of another attempt");
      expect(view.attempt->state == AttemptState::Active, "I2: the current attempt is over");
      expect(view.lease->expires_at <= *life.deadline_at + kLeasePastDeadline,
             "a lease reached past its deadline");
    }
    expect((life.state == TaskState::RetryWait) == life.next_retry_at.has_value(),
           "next_retry_at without waiting, or the reverse");
    expect(is_terminal(life.state) == life.finished_at.has_value(),
           "finished_at without an end, or the reverse");
    expect(!life.woken_at || life.state == TaskState::Queued, "woken_at of what is not queued");
    const bool gate = gate_open(task);
    expect(life.state != TaskState::Queued || !gate || life.woken_at || owed_,
           "I24: a claimable task has no wake-up, and nobody owes one");
  }

  void check_whole() {
    CountDelta counts;
    int woken = 0;
    for (const Task& task : tasks_) {
      check_row(task);
      counts += CountDelta::of(std::nullopt, task.view.task.life.state);
      woken += task.view.task.life.woken_at ? 1 : 0;
    }
    expect(counts == counts_, "I43: the counters are not the rows");
    expect(woken == outstanding_, "I42: the meter is not the wake-ups out");
    expect(build_.running == running(), "the build's running tasks are miscounted");
  }

  BuildFacts build_;
  std::array<Task, kWalkTasks> tasks_;
  std::string fault_;
  bool owed_ = false;

 private:
  std::set<OutboxId> bells_;
  CountDelta counts_;
  int outstanding_ = 0;
};

}  // namespace weir::dispatcher
