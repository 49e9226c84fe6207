// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "dispatcher/core/transitions.h"

/// Rows in every state, for the tests of the machine. `kNow` is when everything is decided.
namespace weir::dispatcher {

inline constexpr Instant kNow{std::chrono::seconds(1'800'000'000)};
inline constexpr Duration kSecond = std::chrono::seconds(1);
/// Half: U is 1, so that a delay is its base.
inline constexpr std::uint64_t kMiddleDraw = std::uint64_t{1} << 63U;

inline Uuid numbered(std::uint8_t kind, std::uint8_t number) {
  Uuid uuid;
  uuid.bytes[0] = kind;
  uuid.bytes[15] = number;
  return uuid;
}
inline TaskId task_id(std::uint8_t number = 1) { return TaskId(numbered(1, number)); }
inline LeaseToken token(std::uint8_t number) { return LeaseToken(numbered(2, number)); }
inline ClaimId claim_id(std::uint8_t number) { return ClaimId(numbered(3, number)); }
inline EventId event_id(std::uint8_t number) { return EventId(numbered(4, number)); }
inline BuildId build_id() { return BuildId(numbered(5, 1)); }

inline BuildFacts open_build() {
  BuildFacts build;
  build.build_id = build_id();
  build.timeout = std::chrono::seconds(600);
  return build;
}

inline BuildFacts stopped_build(CancelReason reason = CancelReason::Superseded) {
  BuildFacts build = open_build();
  build.dispatch = Dispatch::Stopped;
  build.stop_reason = reason;
  return build;
}

/// Attempt `attempt` of at most three, never claimed, with its wake-up out.
inline TaskView queued(int attempt = 1) {
  TaskView view;
  view.task.task_id = task_id();
  view.task.build_id = build_id();
  view.task.trigger_event_id = event_id(1);
  view.task.root_event_id = event_id(1);
  view.task.input_index = 0;
  view.task.created_at = kNow - 100 * kSecond;
  TaskLife& life = view.task.life;
  life.effects = Effects::Fire;
  life.attempt = attempt;
  life.max_attempts = 3;
  life.scope.cursor_to = Cursor(std::int64_t{42});
  life.available_at = kNow - 50 * kSecond;
  life.rank_at = kNow - 350 * kSecond;
  life.woken_at = kNow - 10 * kSecond;
  life.wakeups = 1;
  return view;
}

/// Claimed 30 s ago with token(attempt), heard from 10 s ago, leased for 50 s more.
inline TaskView running(int attempt = 1) {
  TaskView view = queued(attempt);
  TaskLife& life = view.task.life;
  life.state = TaskState::Running;
  life.woken_at.reset();
  life.started_at = kNow - 30 * kSecond;
  life.deadline_at = kNow + 570 * kSecond;
  life.scope.frozen = true;
  AttemptRecord row;
  row.task_id = view.task.task_id;
  row.attempt = attempt;
  row.fence_no = 100 + attempt;
  row.lease_token = token(static_cast<std::uint8_t>(attempt));
  row.worker_id = "worker";
  row.claim_id = claim_id(static_cast<std::uint8_t>(attempt));
  row.started_at = kNow - 30 * kSecond;
  view.attempt = row;
  view.lease = LeaseRecord{.task_id = view.task.task_id,
                           .attempt = attempt,
                           .worker_id = "worker",
                           .expires_at = kNow + 50 * kSecond,
                           .last_heartbeat_at = kNow - 10 * kSecond};
  return view;
}

/// As running, but its lease expired 5 s ago and nobody has reaped it.
inline TaskView lapsed(int attempt = 1) {
  TaskView view = running(attempt);
  view.lease->expires_at = kNow - 5 * kSecond;
  return view;
}

/// As running, asked to stop 5 s ago.
inline TaskView canceling(CancelReason reason, int attempt = 1) {
  TaskView view = running(attempt);
  view.task.life.cancel_requested_at = kNow - 5 * kSecond;
  view.task.life.cancel_reason = reason;
  return view;
}

inline void end(TaskView& view, AttemptState state, Outcome outcome) {
  view.attempt->state = state;
  view.attempt->outcome = outcome;
  view.attempt->ended_at = kNow - 5 * kSecond;
  view.lease.reset();
  view.task.life.deadline_at.reset();
}

/// Its attempt reported a retryable error; the retry is due in 20 s.
inline TaskView waiting(int attempt = 1) {
  TaskView view = running(attempt);
  end(view, AttemptState::Closed, Outcome::RetryableError);
  view.task.life.state = TaskState::RetryWait;
  view.task.life.next_retry_at = kNow + 20 * kSecond;
  return view;
}

/// As waiting, but reaped: a late report counts.
inline TaskView late(int attempt = 1) {
  TaskView view = waiting(attempt);
  end(view, AttemptState::Expired, Outcome::LeaseExpired);
  return view;
}

inline TaskView completed(int attempt = 1) {
  TaskView view = running(attempt);
  end(view, AttemptState::Closed, Outcome::Success);
  view.task.life.state = TaskState::Completed;
  view.task.life.finished_at = kNow - 5 * kSecond;
  return view;
}

inline TaskView failed(int attempt = 3) {
  TaskView view = running(attempt);
  end(view, AttemptState::Closed, Outcome::FatalError);
  view.task.life.state = TaskState::Failed;
  view.task.life.finished_at = kNow - 5 * kSecond;
  return view;
}

/// Canceled while it ran.
inline TaskView canceled(CancelReason reason, int attempt = 1) {
  TaskView view = canceling(reason, attempt);
  end(view, AttemptState::Closed, Outcome::Canceled);
  view.task.life.state = TaskState::Canceled;
  view.task.life.finished_at = kNow - 5 * kSecond;
  return view;
}

inline Fence fence_of(const TaskView& view) {
  return {.attempt = view.attempt->attempt, .lease_token = view.attempt->lease_token};
}

inline ClaimCommand claim_by(std::uint8_t number) {
  ClaimCommand command;
  command.worker_id = "worker";
  command.claim_id = claim_id(number);
  command.lease_token = token(number);
  command.draw = kMiddleDraw;
  return command;
}

inline CompleteCommand report_of(const TaskView& view, Outcome outcome) {
  CompleteCommand command;
  command.fence = fence_of(view);
  command.outcome = outcome;
  command.event_accepted = true;
  command.draw = kMiddleDraw;
  return command;
}

inline TaskView after(TaskView view, const Change& change) {
  apply(view, change);
  return view;
}

}  // namespace weir::dispatcher
