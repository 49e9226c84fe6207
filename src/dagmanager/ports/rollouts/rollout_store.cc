// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/ports/rollouts/rollout_store.h"

#include <array>

#include "dagmanager/core/monitors/alert_catalog.h"

namespace weir::dagmanager {

Error sides_moved() { return {Code::Aborted, "graph_moved", "a side was deployed anew meanwhile"}; }

bool same_deploys(const RolloutSides& sides, const RolloutBegin& command) {
  if (sides.candidate.deploy_key != command.deploy) return false;
  if (!command.baseline_deploy) return true;
  return *command.baseline_deploy == (sides.baseline ? sides.baseline->deploy_key : std::string());
}

RolloutChange order_change(const RolloutOrder& order, bool hit_open) {
  return {.action = order.action,
          .expect = order.expect,
          .hit_open = hit_open,
          .actor = order.actor,
          .at = order.at};
}

std::string order_words(const RolloutOrder& order, const Rollout& after) {
  constexpr std::array<const char*, 4> kDone = {"paused", "resumed", "advanced", "aborted"};
  return std::string(kDone.at(static_cast<std::size_t>(order.action))) + ", " +
         rollout_words(after);
}

std::string judgement_words(const Rollout& before, const RolloutMove& move) {
  const bool moved = before.state != move.next.state || before.step != move.next.step;
  return moved ? rollout_words(move.next) : std::string();
}

std::vector<Condition> conditions_of(const RolloutOutcome& outcome, Instant at) {
  const RolloutRecord& record = outcome.record;
  std::string subject = record.candidate.sentinel.text() + "@" + record.candidate.version.text();
  if (!record.world.empty()) subject += " in " + record.world.text();
  const std::string detail = "rollout " + record.id + ": " + record.rollout.reason;
  std::vector<Condition> conditions;
  if (outcome.rolled_back) {
    conditions.push_back(make_condition(kRolloutRolledBack, subject, detail, at));
  }
  if (outcome.undecided) {
    conditions.push_back(make_condition(kRolloutUndecided, subject, detail, at));
  }
  return conditions;
}

bool still_fits(const Rollout& rollout, const RolloutJudgement& judgement) {
  return rollout.state == RolloutState::Running && rollout.step == judgement.step;
}

}  // namespace weir::dagmanager
