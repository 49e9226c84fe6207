// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/monitors/lag_watch.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <functional>

#include "dagmanager/core/monitors/alert_catalog.h"
#include "dagmanager/monitors/limits.h"

namespace weir::dagmanager {
namespace {

Condition lag_condition(const QueueLag& lag, Instant now) {
  Condition condition =
      make_condition(kQueueLagHigh, lag.topic,
                     "behind by " + std::to_string(std::llround(lag.seconds)) + " s, the bound " +
                         std::to_string(lag.bound_seconds) + " s",
                     now);
  condition.topic = lag.topic;
  return condition;
}

}  // namespace

Result<void> LagWatch::run_once() {
  std::vector<graph::TopicName> topics;
  std::vector<std::int64_t> bounds;
  {
    WEIR_TRY(const GraphView view, parts_.store.read(nullptr));
    view.index().for_each_queue([&](const QueueView& queue) {
      if (!queue.is_active()) return;
      topics.emplace_back(queue.topic());
      bounds.push_back(queue.record().lag_alert_seconds);
    });
  }
  const Instant now = parts_.clock.now();
  WEIR_TRY(const auto spans, parts_.source.lags(topics, now));
  std::vector<QueueLag> lags;
  for (std::size_t at = 0; at < topics.size(); ++at) {
    if (!spans[at]) continue;
    lags.push_back({.topic = topics[at].text(),
                    .seconds = std::chrono::duration<double>(*spans[at]).count(),
                    .bound_seconds = bounds[at]});
  }
  std::ranges::sort(lags, std::greater<>(), &QueueLag::seconds);
  std::vector<Condition> conditions;
  for (const QueueLag& lag : lags) {
    if (lag.seconds <= static_cast<double>(lag.bound_seconds)) continue;
    if (conditions.size() == kLagAlertsMax) break;
    conditions.push_back(lag_condition(lag, now));
  }
  parts_.observer.queue_lags(lags);
  if (conditions.empty()) return {};
  return parts_.alerts.raise(conditions);
}

}  // namespace weir::dagmanager
