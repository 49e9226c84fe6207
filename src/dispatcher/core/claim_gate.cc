// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/core/claim_gate.h"

#include <algorithm>

#include "dispatcher/core/limits.h"

namespace weir::dispatcher {

std::optional<NotClaimedReason> closed_gate(const TaskView& view, const BuildFacts& build) {
  if (outlives_its_build(view.task.kind)) return std::nullopt;
  const TaskClass task_class = view.task.life.task_class;
  const bool rebuilds = task_class == TaskClass::Backfill || task_class == TaskClass::Recompute;
  if (build.dispatch == Dispatch::Stopped) return NotClaimedReason::Stopped;
  if (build.dispatch == Dispatch::Building && !rebuilds) return NotClaimedReason::Held;
  if (build.paused) return NotClaimedReason::Paused;
  if (build.max_concurrency && build.running >= *build.max_concurrency) {
    return NotClaimedReason::Concurrency;
  }
  if (view.task.order_seq && view.order_blocked) return NotClaimedReason::Order;
  return std::nullopt;
}

bool may_be_claimed_at_once(const TaskRecord& created, const BuildFacts& build) {
  return !created.order_seq && !build.max_concurrency && created.life.effects;
}

LeaseTerms lease_terms(TaskKind kind, const BuildFacts& build) {
  if (kind == TaskKind::Sink) return {kSinkLease, kSinkTimeout};
  if (kind == TaskKind::Check) return {kCheckLease, kCheckTimeout};
  return {build.heartbeat_timeout, build.timeout};
}

int attempts_allowed(TaskKind kind, const BuildFacts& build) {
  if (kind == TaskKind::Sink) return kSinkAttemptsMax;
  if (kind == TaskKind::Check) return kCheckAttemptsMax;
  return build.max_attempts;
}

Instant lease_end(Instant wanted, std::optional<Instant> deadline) {
  return deadline ? std::min(wanted, *deadline + kLeasePastDeadline) : wanted;
}

std::optional<Effects> effects_at_creation(TaskClass task_class, std::optional<Effects> asked,
                                           const BuildFacts& build) {
  if (asked) return build.live_world ? *asked : Effects::Suppress;
  switch (task_class) {
    case TaskClass::Backfill:
    case TaskClass::Recompute:
      return Effects::Suppress;
    case TaskClass::Live:
    case TaskClass::Manual:
      if (build.live_world && build.dispatch == Dispatch::Open) return Effects::Fire;
      return std::nullopt;
    case TaskClass::Replay:
      return std::nullopt;
  }
  return std::nullopt;
}

Effects effects_at_claim(const TaskView& view, const BuildFacts& build) {
  return build.live_world && view.root_in_handoff ? Effects::Fire : Effects::Suppress;
}

}  // namespace weir::dispatcher
