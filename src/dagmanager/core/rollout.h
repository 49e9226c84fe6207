// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "graph/ids.h"

/// A rollout moves a candidate sentinel up and its baseline down, step by step, and judges after
/// each (contract section 3.22): pure.
///
///     running --> running (next step) | done | rolled_back | paused
///     paused  --> running | rolled_back
///
/// `done` and `rolled_back` stay. The weights of a step are w and 1 - w; they change only with the
/// step or at the end, so between two decisions they are a pair. Held time is counted from
/// judgement to judgement and stored with each: whoever judges next, after whatever crash, goes on
/// from there, and what nobody watched is not held.
namespace weir::dagmanager {

inline constexpr std::size_t kRolloutStepsMax = 20;
inline constexpr Duration kRolloutHoldMax = std::chrono::hours(24 * 30);
/// How long a rollout without a verdict goes before that is told.
inline constexpr Duration kRolloutUndecidedAfter = std::chrono::hours(1);

enum class RolloutState : std::uint8_t { Running, Paused, Done, RolledBack };
std::string_view rollout_state_text(RolloutState state);
std::optional<RolloutState> rollout_state_of(std::string_view text);

enum class Verdict : std::uint8_t { Pass, Fail, Unknown };
std::string_view verdict_text(Verdict verdict);

struct RolloutStep {
  double weight = 0;
  Duration hold{};

  friend bool operator==(const RolloutStep&, const RolloutStep&) = default;
};

/// The specification's: a tenth for a day, half for `half_hold`, all.
std::vector<RolloutStep> default_steps(Duration half_hold);

/// INVALID_ARGUMENT `steps_invalid`: 1 to 20 steps, weights rising in (0, 1], the last 1, holds of
/// at most 30 days.
Result<void> check_steps(std::span<const RolloutStep> steps);

struct Rollout {
  RolloutState state = RolloutState::Running;
  std::vector<RolloutStep> steps;
  std::size_t step = 0;  ///< whose weight is set
  Duration held{};       ///< of the step, all checks holding
  Instant step_since{};  ///< when its weight was set
  Instant judged_at{};   ///< the last judgement, or when the step began or went on
  std::optional<Verdict> verdict = {};
  std::string reason;                         ///< what the last judgement found, or who ended it
  std::map<std::string, int> failures;        ///< judgements running that a check was false in
  std::optional<Instant> unknown_since = {};  ///< set while the verdict is `unknown`
  bool undecided_told = false;                ///< since then
  double baseline_before = 1;                 ///< the baseline's weight before the rollout
  std::optional<Instant> ended_at = {};

  bool ended() const { return state == RolloutState::Done || state == RolloutState::RolledBack; }

  friend bool operator==(const Rollout&, const Rollout&) = default;
};

/// What one check said: nothing where it could not say.
struct CheckResult {
  std::string name;
  std::optional<bool> holds;
  std::string text;  ///< what it saw
};

struct RolloutPolicy {
  int failure_limit = 3;
  Duration interval = std::chrono::seconds(30);  ///< between two judgements
};

/// The weights of both sides at some moment.
struct WeightPair {
  double candidate = 0;
  double baseline = 0;

  friend bool operator==(const WeightPair&, const WeightPair&) = default;
};
WeightPair weights_of(const Rollout& rollout);

/// What comes of a judgement or of a word of an operator's.
struct RolloutMove {
  Rollout next;
  bool weights_change = false;  ///< to weights_of(next)
  bool rolled_back = false;     ///< alert RolloutRolledBack
  bool undecided = false;       ///< alert RolloutUndecided
};

/// Judges a running rollout; one that does not run stays as it is. `hit_open`: a cross-context hit
/// waits, so no weight may rise, neither side's: the verdict is `unknown` whatever the checks say.
RolloutMove judge(const Rollout& rollout, std::span<const CheckResult> checks, bool hit_open,
                  Instant now, const RolloutPolicy& policy);

enum class RolloutAction : std::uint8_t { Pause, Resume, Advance, Abort };
std::optional<RolloutAction> rollout_action_of(std::string_view text);

/// FAILED_PRECONDITION `state_changed` where the action does not fit the state, or the state is not
/// `expect`; `cross_context_hit_open` for `advance`.
struct RolloutChange {
  RolloutAction action = RolloutAction::Pause;
  std::optional<RolloutState> expect = {};
  bool hit_open = false;
  std::string actor;
  Instant at{};
};
Result<RolloutMove> change_rollout(const Rollout& rollout, const RolloutChange& change);

}  // namespace weir::dagmanager
