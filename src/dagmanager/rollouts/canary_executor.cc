// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/rollouts/canary_executor.h"

#include "base/crash_point.h"
#include "server/log.h"

namespace weir::dagmanager {
namespace {

/// How long a pass asks for figures. What it does not come to is first in the next one.
constexpr Duration kPassMax = std::chrono::seconds(25);

}  // namespace

Result<CanaryExecutor::Pass> CanaryExecutor::run_once(const LoopFence& fence) {
  WEIR_TRY(const auto unfinished, parts_.rollouts.unfinished());
  Pass pass;
  for (const RolloutRecord& rollout : unfinished) {
    if (rollout.rollout.state == RolloutState::Running) ++pass.running;
  }
  if (pass.running == 0) return pass;
  Shared shared{look_for_gaps(), false, parts_.clock.monotonic() + kPassMax};
  std::optional<Error> first;
  for (const RolloutRecord& rollout : unfinished) {
    if (rollout.rollout.state != RolloutState::Running) continue;
    if (parts_.clock.monotonic() >= shared.until) break;
    const auto judged = judge_one(fence, rollout, shared);
    if (judged.ok()) {
      if (*judged) ++pass.judged;
      continue;
    }
    if (judged.error().reason() == kLoopLost) return judged.error();
    if (!first) first = judged.error();
  }
  if (first) return *first;
  return pass;
}

Result<bool> CanaryExecutor::judge_one(const LoopFence& fence, const RolloutRecord& rollout,
                                       Shared& shared) {
  std::vector<CheckResult> checks = ask(rollout, shared);
  if (parts_.holds && !parts_.holds(fence)) return loop_lost(fence);
  WEIR_CRASH_POINT("canary.checked");
  WEIR_TRY(const RolloutOutcome outcome, parts_.rollouts.judge(fence, {.id = rollout.id,
                                                                       .step = rollout.rollout.step,
                                                                       .checks = std::move(checks),
                                                                       .policy = config_.policy,
                                                                       .at = parts_.clock.now()}));
  if (!outcome.judged) return false;
  tell(outcome);
  return true;
}

std::vector<CheckResult> CanaryExecutor::ask(const RolloutRecord& rollout, Shared& shared) const {
  std::vector<CheckResult> checks = {shared.gap};
  if (parts_.lags) {
    if (auto lag = parts_.lags(rollout)) checks.push_back(*std::move(lag));
  }
  if (parts_.metrics == nullptr) return checks;
  const auto window = gateway_window(rollout.rollout, config_.policy.interval, parts_.clock.now());
  if (window) {
    for (const CanaryCheck& check : gateway_checks(rollout, *window)) {
      checks.push_back(read_check(*parts_.metrics, check, rollout, shared.is_silent));
    }
  } else {
    checks.push_back({"traffic_ratio", std::nullopt, "the step has just begun"});
  }
  for (const CanaryCheck& check : config_.checks) {
    checks.push_back(read_check(*parts_.metrics, check, rollout, shared.is_silent));
  }
  return checks;
}

CheckResult CanaryExecutor::look_for_gaps() const {
  const auto gaps = parts_.rollouts.sentinel_gaps();
  if (!gaps.ok()) return {"sentinel_gap", std::nullopt, gaps.error().message()};
  return {"sentinel_gap", *gaps == 0, std::to_string(*gaps) + " deploys lack their sentinel"};
}

void CanaryExecutor::tell(const RolloutOutcome& outcome) const {
  const RolloutRecord& record = outcome.record;
  const Rollout& rollout = record.rollout;
  if (rollout.verdict) parts_.observer.judged(*rollout.verdict);
  if (!outcome.weights.empty() || rollout.ended()) {
    server::log().info("rollout moved", {{"rollout", record.id},
                                         {"sentinel", record.candidate.sentinel},
                                         {"version", record.candidate.version},
                                         {"now", rollout_words(rollout)}});
  }
  if (outcome.rolled_back) parts_.observer.rolled_back(record);
  if (outcome.undecided) parts_.observer.undecided(record);
}

}  // namespace weir::dagmanager
