// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "dagmanager/core/rollout.h"
#include "tests/sim/sim_checks.h"

namespace weir::sim {

/// What a rollout must have come to, worked out from what was said of it (contract section 3.22)
/// without a look at how the product does it.
class CanaryOracle {
 public:
  using Check = dagmanager::CheckResult;
  using State = dagmanager::RolloutState;

  CanaryOracle(std::vector<dagmanager::RolloutStep> steps, double baseline_before, Instant now)
      : steps_(std::move(steps)), former_(baseline_before), watched_from_(now) {}

  /// A judgement that came about. While a hit is open nothing moves.
  void judged(std::span<const Check> checks, bool hit_open, Instant now, int failure_limit,
              Duration interval) {
    const Duration watched = std::min<Duration>(now - watched_from_, 2 * interval);
    watched_from_ = now;
    const bool passed_before = std::exchange(passing_, false);
    if (hit_open) return;
    bool any_false = false;
    bool any_silent = false;
    bool over = false;
    for (const Check& check : checks) {
      if (!check.holds) any_silent = true;
      if (check.holds && *check.holds) false_in_a_row_[check.name] = 0;
      if (check.holds && !*check.holds) {
        any_false = true;
        over = over || ++false_in_a_row_[check.name] >= failure_limit;
      }
    }
    if (over) state_ = State::RolledBack;
    if (any_false || any_silent) return;
    passing_ = true;
    if (passed_before) held_ += watched;
    if (held_ >= steps_[step_].hold) next_step(now);
  }

  void paused() { state_ = State::Paused; }
  void resumed(Instant now) {
    state_ = State::Running;
    watched_from_ = now;
    false_in_a_row_.clear();
    passing_ = true;
  }
  void advanced(Instant now) { next_step(now); }
  void went_back() { state_ = State::RolledBack; }

  State state() const { return state_; }
  std::size_t step() const { return step_; }
  double former() const { return former_; }
  bool ended() const { return state_ == State::Done || state_ == State::RolledBack; }
  double candidate() const { return state_ == State::RolledBack ? 0 : steps_[step_].weight; }
  double baseline() const {
    return state_ == State::RolledBack ? former_ : 1 - steps_[step_].weight;
  }

  Violation check(const dagmanager::Rollout& rollout) const {
    const auto word = [](State state) { return std::string(rollout_state_text(state)); };
    if (rollout.state != state_) {
      return "the rollout is " + word(rollout.state) + ", not " + word(state_);
    }
    if (ended()) return {};
    if (rollout.step != step_) return "the rollout stands at another step";
    return rollout.held == held_ ? "" : "another time is held";
  }

 private:
  void next_step(Instant now) {
    if (step_ + 1 == steps_.size()) {
      state_ = State::Done;
      return;
    }
    ++step_;
    held_ = {};
    watched_from_ = now;
    false_in_a_row_.clear();
  }

  std::vector<dagmanager::RolloutStep> steps_;
  double former_;
  Instant watched_from_;
  State state_ = State::Running;
  std::size_t step_ = 0;
  Duration held_{};
  bool passing_ = true;  // nothing was seen of the step but checks that held
  std::map<std::string, int> false_in_a_row_;
};

}  // namespace weir::sim
