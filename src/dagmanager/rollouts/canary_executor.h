// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "dagmanager/ports/rollouts/rollout_store.h"
#include "dagmanager/rollouts/canary_checks.h"

namespace weir::dagmanager {

/// What the loop tells of itself.
class CanaryObserver {
 public:
  virtual ~CanaryObserver() = default;
  virtual void judged(Verdict verdict) = 0;
  /// Alerts RolloutRolledBack, RolloutUndecided (contract section 1.6).
  virtual void rolled_back(const RolloutRecord& rollout) = 0;
  virtual void undecided(const RolloutRecord& rollout) = 0;
};

/// Judges the rollouts that run (contract section 3.22): asks the checks of each, then gives the
/// store what they said, which decides and writes in one transaction under the loop's fence. Killed
/// between two, the next holder goes on with the one that waits longest. One thread.
class CanaryExecutor {
 public:
  struct Config {
    RolloutPolicy policy;
    std::vector<CanaryCheck> checks;
  };
  /// All outlive the executor. `lags` gives what the queues of a candidate say of its lag.
  struct Parts {
    RolloutStore& rollouts;
    const Clock& clock;
    CanaryObserver& observer;
    MetricReader* metrics = nullptr;  ///< null: none is configured
    std::function<std::optional<CheckResult>(const RolloutRecord&)> lags = nullptr;
    /// Whether the loop is still held, by this instance's own clock: what was asked while it was
    /// given up says nothing. None: always.
    std::function<bool(const LoopFence&)> holds = nullptr;
  };
  struct Pass {
    std::size_t running = 0;
    std::size_t judged = 0;
  };

  CanaryExecutor(Config config, Parts parts)
      : config_(std::move(config)), parts_(std::move(parts)) {}

  /// One pass. The first fault of the store is given back once all were tried, `loop_lost` at once.
  Result<Pass> run_once(const LoopFence& fence);

 private:
  /// What is asked once a pass.
  struct Shared {
    CheckResult gap;
    bool is_silent = false;  ///< the source of figures
    Duration until{};        ///< monotonic: later nobody is asked any more
  };
  Result<bool> judge_one(const LoopFence& fence, const RolloutRecord& rollout, Shared& shared);
  std::vector<CheckResult> ask(const RolloutRecord& rollout, Shared& shared) const;
  void tell(const RolloutOutcome& outcome) const;
  CheckResult look_for_gaps() const;

  const Config config_;
  const Parts parts_;
};

}  // namespace weir::dagmanager
