// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <vector>

#include "base/clock.h"
#include "dagmanager/diff_executor.h"
#include "dagmanager/ports/monitors/alert_store.h"
#include "dagmanager/rollouts/hit_service.h"
#include "dagmanager/topics/topic_alerts.h"

namespace weir::dagmanager {

/// Counts what diffs do, and puts on record what they are refused for.
class DiffWitness final : public DiffObserver {
 public:
  DiffWitness(DiffObserver& metrics, HitService& hits, AlertStore& alerts, const Clock& clock)
      : metrics_(metrics), hits_(hits), alerts_(alerts), clock_(clock) {}

  void topics_wanted(std::size_t ok, std::size_t failed) override {
    metrics_.topics_wanted(ok, failed);
  }
  Result<void> cross_context(const std::vector<CrossContextViolation>& violations) override {
    WEIR_CHECK(metrics_.cross_context(violations));
    return hits_.record(violations);
  }
  Result<void> topics_mismatched(const std::vector<TopicLogRow>& left_alone) override {
    WEIR_CHECK(metrics_.topics_mismatched(left_alone));
    return alerts_.raise(mismatch_conditions(left_alone, clock_.now()));
  }
  void decided_anew() override { metrics_.decided_anew(); }
  void waited_for_topics(Duration wait) override { metrics_.waited_for_topics(wait); }

 private:
  DiffObserver& metrics_;
  HitService& hits_;
  AlertStore& alerts_;
  const Clock& clock_;
};

}  // namespace weir::dagmanager
