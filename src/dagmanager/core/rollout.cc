// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/core/rollout.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "base/enum_words.h"

namespace weir::dagmanager {
namespace {

constexpr std::array<std::string_view, 4> kRolloutStates = {"running", "paused", "done",
                                                            "rolled_back"};
constexpr std::array<std::string_view, 3> kVerdicts = {"pass", "fail", "unknown"};
constexpr std::array<std::string_view, 4> kRolloutActions = {"pause", "resume", "advance", "abort"};

constexpr double kTenth = 0.1;
constexpr double kHalf = 0.5;
constexpr Duration kDay = std::chrono::hours(24);

/// A judgement that comes later than this many intervals says nothing of the time before it.
constexpr int kWatchedIntervals = 2;

Error steps_invalid(const std::string& what) {
  return base::invalid_argument("steps_invalid", "steps: " + what);
}

void end(RolloutMove& move, RolloutState state, Instant now) {
  move.next.state = state;
  move.next.ended_at = now;
  move.next.unknown_since.reset();
}

void roll_back(RolloutMove& move, std::string reason, Instant now) {
  end(move, RolloutState::RolledBack, now);
  move.next.reason = std::move(reason);
  move.weights_change = true;
  move.rolled_back = true;
}

/// To the next step, or to the end after the last.
void go_on(RolloutMove& move, Instant now) {
  if (move.next.step + 1 == move.next.steps.size()) {
    end(move, RolloutState::Done, now);
    return;  // the last step's weights are those of the end
  }
  ++move.next.step;
  move.next.held = Duration::zero();
  move.next.step_since = now;
  move.next.judged_at = now;
  move.next.failures.clear();
  move.weights_change = true;
}

/// Counts judgements running; gives the check that was false in as many as the limit, if any.
const CheckResult* count_failures(std::map<std::string, int>& failures,
                                  std::span<const CheckResult> checks, int limit) {
  const CheckResult* worst = nullptr;
  for (const CheckResult& check : checks) {
    if (!check.holds) continue;  // it could not say: it neither fails nor holds
    if (*check.holds) {
      failures.erase(check.name);
    } else if (++failures[check.name] >= limit && worst == nullptr) {
      worst = &check;
    }
  }
  return worst;
}

/// The first check of which `fits` is true, as text; empty: none.
template <class Fits>
std::string first_text(std::span<const CheckResult> checks, Fits fits) {
  const auto found = std::ranges::find_if(checks, fits);
  return found == checks.end() ? std::string() : found->name + ": " + found->text;
}

void count_unknown(RolloutMove& move, std::string why, Instant now) {
  Rollout& next = move.next;
  next.verdict = Verdict::Unknown;
  next.reason = std::move(why);
  if (!next.unknown_since) next.unknown_since = now;
  if (next.undecided_told || now - *next.unknown_since < kRolloutUndecidedAfter) return;
  next.undecided_told = true;
  move.undecided = true;
}

void decided(Rollout& next, Verdict verdict, std::string reason) {
  next.verdict = verdict;
  next.reason = std::move(reason);
  next.unknown_since.reset();
  next.undecided_told = false;
}

}  // namespace

std::string_view rollout_state_text(RolloutState state) {
  return base::word_of(std::span(kRolloutStates), state);
}

std::optional<RolloutState> rollout_state_of(std::string_view text) {
  return base::enum_of<RolloutState>(std::span(kRolloutStates), text);
}

std::string_view verdict_text(Verdict verdict) {
  return base::word_of(std::span(kVerdicts), verdict);
}

std::optional<RolloutAction> rollout_action_of(std::string_view text) {
  return base::enum_of<RolloutAction>(std::span(kRolloutActions), text);
}

std::vector<RolloutStep> default_steps(Duration half_hold) {
  return {{kTenth, kDay}, {kHalf, half_hold}, {1, Duration::zero()}};
}

Result<void> check_steps(std::span<const RolloutStep> steps) {
  if (steps.empty() || steps.size() > kRolloutStepsMax) {
    return steps_invalid("1 to " + std::to_string(kRolloutStepsMax) + " of them");
  }
  double before = 0;
  for (const RolloutStep& step : steps) {
    if (!std::isfinite(step.weight) || step.weight <= before || step.weight > 1) {
      return steps_invalid("weights rise, above 0 and up to 1");
    }
    if (step.hold < Duration::zero() || step.hold > kRolloutHoldMax) {
      return steps_invalid("a step is held for at most 30 days");
    }
    before = step.weight;
  }
  if (before < 1) return steps_invalid("the last one is 1");
  return {};
}

WeightPair weights_of(const Rollout& rollout) {
  if (rollout.state == RolloutState::RolledBack) return {0, rollout.baseline_before};
  const double weight = rollout.steps.at(rollout.step).weight;
  return {weight, 1 - weight};
}

RolloutMove judge(const Rollout& rollout, std::span<const CheckResult> checks, bool hit_open,
                  Instant now, const RolloutPolicy& policy) {
  RolloutMove move{.next = rollout};
  if (rollout.state != RolloutState::Running) return move;
  Rollout& next = move.next;
  const Duration watched =
      std::clamp(now - rollout.judged_at, Duration::zero(), kWatchedIntervals * policy.interval);
  next.judged_at = std::max(now, rollout.judged_at);
  if (hit_open) {
    count_unknown(move, "a cross-context hit is open", now);
    return move;
  }
  const CheckResult* worst = count_failures(next.failures, checks, policy.failure_limit);
  if (worst != nullptr) {
    decided(next, Verdict::Fail, {});
    roll_back(move, worst->name + ": " + worst->text, now);
    return move;
  }
  const auto fails = [](const CheckResult& check) { return check.holds && !*check.holds; };
  if (std::string failing = first_text(checks, fails); !failing.empty()) {
    decided(next, Verdict::Fail, std::move(failing));
    return move;
  }
  const auto silent = [](const CheckResult& check) { return !check.holds; };
  if (std::string why = first_text(checks, silent); !why.empty()) {
    count_unknown(move, std::move(why), now);
    return move;
  }
  // What was not known, or failed, before this judgement was not held.
  const bool held_since = !rollout.verdict || *rollout.verdict == Verdict::Pass;
  decided(next, Verdict::Pass, {});
  if (held_since) next.held += watched;
  if (next.held >= next.steps.at(next.step).hold) go_on(move, now);
  return move;
}

Result<RolloutMove> change_rollout(const Rollout& rollout, const RolloutChange& change) {
  const bool paused = rollout.state == RolloutState::Paused;
  const bool running = rollout.state == RolloutState::Running;
  const bool fits = change.action == RolloutAction::Resume  ? paused
                    : change.action == RolloutAction::Abort ? running || paused
                                                            : running;
  if (!fits || (change.expect && *change.expect != rollout.state)) {
    return base::failed_precondition(
        "state_changed",
        "the rollout is " + std::string(rollout_state_text(rollout.state)) + " by now; look again");
  }
  RolloutMove move{.next = rollout};
  switch (change.action) {
    case RolloutAction::Pause:
      move.next.state = RolloutState::Paused;
      break;
    case RolloutAction::Resume:  // the time between is not held, and what was seen is old
      move.next.state = RolloutState::Running;
      move.next.judged_at = change.at;
      move.next.verdict.reset();
      move.next.failures.clear();
      move.next.unknown_since.reset();
      move.next.undecided_told = false;
      break;
    case RolloutAction::Advance:
      if (change.hit_open) {
        return base::failed_precondition("cross_context_hit_open",
                                         "no share of traffic rises while a cross-context hit is "
                                         "open; mend its cause and acknowledge it");
      }
      move.next.reason = "advanced by " + change.actor;
      go_on(move, change.at);
      break;
    case RolloutAction::Abort:
      roll_back(move, "aborted by " + change.actor, change.at);
      move.rolled_back = false;  // nobody need be told of what somebody did by hand
      break;
  }
  return move;
}

}  // namespace weir::dagmanager
