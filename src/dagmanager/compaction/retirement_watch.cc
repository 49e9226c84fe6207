// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/compaction/retirement_watch.h"

namespace weir::dagmanager {

/// Sentinels are listed before the deploys are read: whoever is under one of them is among these.
Result<RetirementMarks> RetirementWatch::run_once(const LoopFence& gc) {
  WEIR_TRY(const auto sentinels, parts_.compaction.sentinels());
  if (sentinels.empty()) return RetirementMarks{};
  WEIR_TRY(const auto deploys, parts_.life.deploys());
  RetirementMarks marks = plan_retirement(deploys, sentinels, deploys_kept_, parts_.clock.now());
  if (!marks.empty()) WEIR_CHECK(parts_.compaction.mark(gc, marks));
  return marks;
}

}  // namespace weir::dagmanager
