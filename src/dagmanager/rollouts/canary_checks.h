// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "dagmanager/core/rollout_plan.h"
#include "dagmanager/ports/rollouts/metric_reader.h"

/// What figures say of a rollout (contract section 3.22).
namespace weir::dagmanager {

inline constexpr std::size_t kCanaryChecksMax = 20;

/// One figure that must lie within its bounds, both included.
struct CanaryCheck {
  std::string name;
  std::string query;  ///< with $sentinel_id, $version, $world
  double min = -std::numeric_limits<double>::infinity();
  double max = std::numeric_limits<double>::infinity();

  friend bool operator==(const CanaryCheck&, const CanaryCheck&) = default;
};

/// The query for a rollout's candidate. What is filled in stands for itself inside quotes of either
/// kind: quotes, backslashes and control characters become escapes.
std::string fill_query(const std::string& query, const RolloutRecord& rollout);

/// How far back the gateway's figures are looked at: over five minutes, but not from before the
/// step, nor from its first moments, when traffic is on its way. Nothing: it has just begun.
std::optional<Duration> gateway_window(const Rollout& rollout, Duration interval, Instant now);

/// The gateway's share and skew, each for the window.
std::vector<CanaryCheck> gateway_checks(const RolloutRecord& rollout, Duration window);

/// Reads one check. Where nobody answers, `is_silent` becomes true; where it is true, nobody is
/// asked any more.
CheckResult read_check(MetricReader& reader, const CanaryCheck& check, const RolloutRecord& rollout,
                       bool& is_silent);

}  // namespace weir::dagmanager
