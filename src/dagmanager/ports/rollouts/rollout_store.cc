// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/ports/rollouts/rollout_store.h"

#include <array>

namespace weir::dagmanager {

Error sides_moved() {
  return {Code::Aborted, "graph_moved", "the candidate was deployed anew meanwhile"};
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

bool still_fits(const Rollout& rollout, const RolloutJudgement& judgement) {
  return rollout.state == RolloutState::Running && rollout.step == judgement.step;
}

}  // namespace weir::dagmanager
