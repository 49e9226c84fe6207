// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>

#include "dispatcher/core/transitions.h"

/// The machine as the random walk calls it, and the machine with one guard removed: each mistake
/// hides from `decide` what the guard reads, or loses of the change what the guard wrote.
namespace weir::dispatcher {

class Rules {
 public:
  virtual ~Rules() = default;
  virtual Decision<ClaimReply> claim(const TaskView& view, const BuildFacts& build,
                                     const ClaimCommand& command, Instant now) {
    return decide(view, build, command, now);
  }
  virtual Decision<HeartbeatReply> heartbeat(const TaskView& view, const BuildFacts& build,
                                             const HeartbeatCommand& command, Instant now) {
    return decide(view, build, command, now);
  }
  virtual Decision<CompleteReply> complete(const TaskView& view, const BuildFacts& build,
                                           const CompleteCommand& command, Instant now) {
    return decide(view, build, command, now);
  }
  virtual Decision<StateReply> expire(const TaskView& view, const BuildFacts& build,
                                      const ExpireCommand& command, Instant now) {
    return decide(view, build, command, now);
  }
  virtual Decision<StateReply> retry_due(const TaskView& view, const BuildFacts& build,
                                         Instant now) {
    return decide(view, build, RetryDueCommand{}, now);
  }
  virtual Decision<StateReply> reopen(const TaskView& view, const BuildFacts& build, Instant now) {
    return decide(view, build, ReopenCommand{}, now);
  }
  virtual Decision<StateReply> retry(const TaskView& view, const BuildFacts& build, Instant now) {
    return decide(view, build, RetryCommand{}, now);
  }
};

enum class Mistake : std::uint8_t {
  ClaimsWhatRuns,
  ClaimsOfAStoppedBuild,
  ClaimsOfAPausedBuild,
  ClaimsPastTheConcurrency,
  ClaimsOutOfOrder,
  QueuesInSilence,
  IgnoresTheToken,
  HeedsOldAttempts,
  HeedsTheReaped,
  ShortensLeases,
  ExtendsForEver,
  KeepsTheLease,
  ForgetsReports,
  CompletesTheCanceled,
  ChargesReleases,
  ReapsTooEarly,
  RetriesForEver,
  RetriesTooEarly,
  DoesNotCountAttempts,
  RevivesTheUsersCancel,
  RetriesTheCompleted,
};

class MistakenRules final : public Rules {
 public:
  explicit MistakenRules(Mistake mistake) : mistake_(mistake) {}

  Decision<ClaimReply> claim(const TaskView& given, const BuildFacts& facts,
                             const ClaimCommand& command, Instant now) override {
    TaskView view = given;
    BuildFacts build = facts;
    if (is(Mistake::ClaimsWhatRuns) && view.lease && view.lease->expires_at > now) {
      view.task.life.state = TaskState::Queued;
    }
    if (is(Mistake::ClaimsOfAStoppedBuild)) build.dispatch = Dispatch::Open;
    if (is(Mistake::ClaimsOfAPausedBuild)) build.paused = false;
    if (is(Mistake::ClaimsPastTheConcurrency)) build.max_concurrency.reset();
    if (is(Mistake::ClaimsOutOfOrder)) view.order_blocked = false;
    return decide(view, build, command, now);
  }

  Decision<HeartbeatReply> heartbeat(const TaskView& given, const BuildFacts& build,
                                     const HeartbeatCommand& given_command, Instant now) override {
    TaskView view = given;
    HeartbeatCommand command = given_command;
    if (is(Mistake::HeedsOldAttempts) && view.attempt && view.lease) {
      command.fence = {view.attempt->attempt, view.attempt->lease_token};
    }
    if (is(Mistake::HeedsTheReaped) && view.attempt && !view.lease &&
        view.attempt->state == AttemptState::Expired) {
      view.task.life.state = TaskState::Running;
      view.lease = LeaseRecord{view.task.task_id, view.attempt->attempt, "", now, now};
    }
    if (is(Mistake::ExtendsForEver) && view.lease) view.lease->last_heartbeat_at = {};
    auto decision = decide(view, build, command, now);
    if (is(Mistake::ShortensLeases) && decision.change.lease) {
      decision.change.lease->expires_at = now + std::chrono::seconds(5);
    }
    return decision;
  }

  Decision<CompleteReply> complete(const TaskView& given, const BuildFacts& facts,
                                   const CompleteCommand& given_command, Instant now) override {
    TaskView view = given;
    BuildFacts build = facts;
    CompleteCommand command = given_command;
    if (is(Mistake::IgnoresTheToken) && view.attempt) {
      command.fence.lease_token = view.attempt->lease_token;
    }
    if (is(Mistake::ForgetsReports)) {
      if (view.attempt) view.attempt->outcome.reset();
      view.earlier.reset();
    }
    if (is(Mistake::CompletesTheCanceled)) {
      view.task.life.cancel_reason.reset();
      build.dispatch = Dispatch::Open;
    }
    auto decision = decide(view, build, command, now);
    if (is(Mistake::KeepsTheLease)) decision.change.lease_change = LeaseChange::Kept;
    const bool released = decision.change.transition == Transition::T14Released;
    if (is(Mistake::ChargesReleases) && released) --*decision.change.life->max_attempts;
    return decision;
  }

  Decision<StateReply> expire(const TaskView& given, const BuildFacts& build,
                              const ExpireCommand& command, Instant now) override {
    TaskView view = given;
    if (is(Mistake::RetriesForEver)) *view.task.life.max_attempts += 1000;
    if (is(Mistake::ReapsTooEarly)) now += std::chrono::seconds(10);
    auto decision = decide(view, build, command, now);
    if (is(Mistake::RetriesForEver) && decision.change.life) {
      *decision.change.life->max_attempts -= 1000;
    }
    return decision;
  }

  Decision<StateReply> retry_due(const TaskView& view, const BuildFacts& build,
                                 Instant now) override {
    if (is(Mistake::RetriesTooEarly)) now += std::chrono::hours(1);
    auto decision = decide(view, build, RetryDueCommand{}, now);
    if (is(Mistake::DoesNotCountAttempts) && decision.change.life) {
      --decision.change.life->attempt;
    }
    if (is(Mistake::QueuesInSilence) && decision.change.life) {
      decision.change.life->woken_at.reset();
      decision.change.outbox.clear();
      decision.change.meter = {};
    }
    return decision;
  }

  Decision<StateReply> reopen(const TaskView& given, const BuildFacts& build,
                              Instant now) override {
    TaskView view = given;
    if (is(Mistake::RevivesTheUsersCancel) && view.task.life.cancel_reason) {
      view.task.life.cancel_reason = CancelReason::Superseded;
    }
    return decide(view, build, ReopenCommand{}, now);
  }

  Decision<StateReply> retry(const TaskView& given, const BuildFacts& build, Instant now) override {
    TaskView view = given;
    if (is(Mistake::RetriesTheCompleted) && view.task.life.state == TaskState::Completed) {
      view.task.life.state = TaskState::Failed;
    }
    return decide(view, build, RetryCommand{}, now);
  }

 private:
  bool is(Mistake mistake) const { return mistake_ == mistake; }

  Mistake mistake_;
};

}  // namespace weir::dispatcher
