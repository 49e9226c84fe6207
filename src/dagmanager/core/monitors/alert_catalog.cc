// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/core/monitors/alert_catalog.h"

#include <algorithm>
#include <array>
#include <utility>

#include "dagmanager/core/monitors/limits.h"

namespace weir::dagmanager {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

/// What is looked at every few seconds lasts for some looks; what happens once, for an hour.
constexpr Duration kWatched = seconds(30);
constexpr Duration kHappened = hours(1);

constexpr std::array kCatalog = {
    AlertDescription{kGraphLeaderDown, "Neo4j leader down", true, AlertTarget::Pagerduty, kWatched},
    AlertDescription{kBrokerSessionLost, "Kafka session lost", false, AlertTarget::Slack, kWatched},
    AlertDescription{kDiffStreamStalled, "Diff stream stalled", false, AlertTarget::Opsgenie,
                     minutes(5)},
    AlertDescription{kQueueLagHigh, "Queue lag high", false, AlertTarget::Slack, minutes(2)},
    AlertDescription{kDiffDurationHigh, "Diff duration high", false, AlertTarget::Slack,
                     minutes(5)},
    AlertDescription{kTopicRecreated, "Topic recreated", true, AlertTarget::Pagerduty, kHappened},
    AlertDescription{kTopicMismatch, "Topic mismatch", false, AlertTarget::Slack, kHappened},
    AlertDescription{kRolloutRolledBack, "Rollout rolled back", false, AlertTarget::Slack,
                     kHappened},
    AlertDescription{kRolloutUndecided, "Rollout undecided", false, AlertTarget::Slack, kHappened},
};

}  // namespace

std::span<const AlertDescription> alert_catalog() { return kCatalog; }

AlertDescription describe_alert(std::string_view name) {
  const auto* known = std::ranges::find(kCatalog, name, &AlertDescription::name);
  if (known != kCatalog.end()) return *known;
  return {name, name, false, AlertTarget::Slack, kHappened};
}

Condition make_condition(std::string_view name, std::string subject, std::string detail,
                         Instant at) {
  if (detail.size() > kConditionTextMax) detail.resize(kConditionTextMax);
  return {.key = {std::string(name), std::move(subject)},
          .detail = std::move(detail),
          .raised_at = at,
          .until = at + describe_alert(name).lasts};
}

}  // namespace weir::dagmanager
