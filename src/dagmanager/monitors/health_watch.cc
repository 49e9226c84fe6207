// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/monitors/health_watch.h"

#include <cmath>

#include "dagmanager/core/monitors/alert_catalog.h"
#include "dagmanager/monitors/limits.h"

namespace weir::dagmanager {
namespace {

bool is_gone(const server::Breaker* breaker) {
  return breaker != nullptr && breaker->state() != server::BreakerState::Closed;
}

std::string whole(double number) { return std::to_string(std::llround(number)); }

}  // namespace

Result<bool> HealthWatch::look() {
  const Instant now = parts_.clock.now();
  if (is_gone(parts_.graph)) {
    const Condition gone =
        make_condition(kGraphLeaderDown, "graph", "the graph store does not answer", now);
    WEIR_CHECK(parts_.own.raise({&gone, 1}));
  }
  const DiffFigures figures = parts_.figures();
  const std::vector<Condition> conditions = shared_conditions(figures, now);
  if (!conditions.empty()) WEIR_CHECK(parts_.shared.raise(conditions));
  seen_ = figures;
  return !conditions.empty();
}

std::vector<Condition> HealthWatch::shared_conditions(const DiffFigures& figures,
                                                      Instant now) const {
  std::vector<Condition> conditions;
  if (is_gone(parts_.broker)) {
    conditions.push_back(
        make_condition(kBrokerSessionLost, "broker", "the topic engine does not answer", now));
  }
  if (figures.ack_timeouts > seen_.ack_timeouts) {
    conditions.push_back(make_condition(kDiffStreamStalled, parts_.instance,
                                        std::to_string(figures.ack_timeouts - seen_.ack_timeouts) +
                                            " streams whose client stopped acknowledging",
                                        now));
  }
  if (figures.diffs > seen_.diffs && figures.p95_milliseconds > kDiffDurationAlertMs) {
    conditions.push_back(make_condition(kDiffDurationHigh, parts_.instance,
                                        "p95 of the last diffs is " +
                                            whole(figures.p95_milliseconds) + " ms, the bound " +
                                            whole(kDiffDurationAlertMs) + " ms",
                                        now));
  }
  return conditions;
}

}  // namespace weir::dagmanager
