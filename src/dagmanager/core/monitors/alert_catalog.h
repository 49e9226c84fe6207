// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string_view>

#include "dagmanager/core/monitors/alerts.h"

/// The alerts that Weir itself delivers (contract sections 1.6, 3.14). All others are rules for
/// Prometheus.
namespace weir::dagmanager {

inline constexpr std::string_view kGraphLeaderDown = "GraphLeaderDown";
inline constexpr std::string_view kBrokerSessionLost = "BrokerSessionLost";
inline constexpr std::string_view kDiffStreamStalled = "DiffStreamStalled";
inline constexpr std::string_view kQueueLagHigh = "QueueLagHigh";
inline constexpr std::string_view kDiffDurationHigh = "DiffDurationHigh";
inline constexpr std::string_view kTopicRecreated = "TopicRecreated";
inline constexpr std::string_view kTopicMismatch = "TopicMismatch";
inline constexpr std::string_view kRolloutRolledBack = "RolloutRolledBack";
inline constexpr std::string_view kRolloutUndecided = "RolloutUndecided";

struct AlertDescription {
  std::string_view name;
  std::string_view text;  ///< what every notice begins with
  bool critical = false;  ///< else a warning
  AlertTarget target = AlertTarget::Slack;
  /// How long a condition stands after it was said last.
  Duration lasts{};
};

std::span<const AlertDescription> alert_catalog();

/// That of another build's alert: a warning for the chat, which its own name says.
AlertDescription describe_alert(std::string_view name);

/// A condition of the catalog, said at `at`.
Condition make_condition(std::string_view name, std::string subject, std::string detail,
                         Instant at);

}  // namespace weir::dagmanager
