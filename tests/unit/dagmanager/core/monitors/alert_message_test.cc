// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/core/monitors/alert_message.h"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "dagmanager/core/monitors/alert_catalog.h"
#include "dagmanager/core/monitors/limits.h"

namespace weir::dagmanager {
namespace {

using nlohmann::json;

constexpr const char* kPage = R"json({
  "routing_key": "secret", "event_action": "trigger", "dedup_key": "weir:GraphLeaderDown:graph",
  "payload": {"summary": "Neo4j leader down: graph (gone)", "source": "weir",
    "severity": "critical", "class": "GraphLeaderDown",
    "custom_details": {"runbook": "docs/operations/runbooks/GraphLeaderDown.md",
      "dashboard": "https://grafana.example/d/GraphLeaderDown", "detail": "gone"}},
  "links": [{"href": "https://grafana.example/d/GraphLeaderDown", "text": "dashboard"}]})json";

Alert lag_alert() {
  return {.id = "a",
          .key = {std::string(kQueueLagHigh), "raw.eod"},
          .detail = "90 s behind",
          .topic = "raw.eod",
          .node = "blake3:ab"};
}

AlertAccess access_to(AlertTarget target) {
  return {.target = target,
          .token = "secret",
          .dashboards = "https://grafana.example/d/",
          .source = "weir"};
}

std::string field(const AlertMessage& message, const std::string& name) {
  for (const auto& [field, value] : message.headers) {
    if (field == name) return value;
  }
  return {};
}

TEST(AlertMessage, HasTheFormOfPagerdutyEventsV2) {
  const Alert alert{.id = "a", .key = {std::string(kGraphLeaderDown), "graph"}, .detail = "gone"};
  const auto message = alert_message(access_to(AlertTarget::Pagerduty), alert, NoticeKind::Trigger);
  EXPECT_EQ(json::parse(message.body), json::parse(kPage));
  EXPECT_EQ(message.path, "");
  EXPECT_EQ(field(message, "Content-Type"), "application/json");
  EXPECT_EQ(field(message, "Authorization"), "") << "the key is in the body";
  const auto resolve = alert_message(access_to(AlertTarget::Pagerduty), alert, NoticeKind::Resolve);
  EXPECT_EQ(json::parse(resolve.body)["event_action"], "resolve");
  EXPECT_EQ(json::parse(resolve.body)["dedup_key"], "weir:GraphLeaderDown:graph");
}

TEST(AlertMessage, HasTheFormOfOpsgenieAndClosesByAlias) {
  const auto created =
      alert_message(access_to(AlertTarget::Opsgenie), lag_alert(), NoticeKind::Trigger);
  const json body = json::parse(created.body);
  EXPECT_EQ(body["message"], "Queue lag high: raw.eod (90 s behind)");
  EXPECT_EQ(body["alias"], "weir:QueueLagHigh:raw.eod");
  EXPECT_EQ(body["priority"], "P3");
  EXPECT_EQ(body["details"]["runbook"], "docs/operations/runbooks/QueueLagHigh.md");
  EXPECT_EQ(body["details"]["topic"], "raw.eod");
  EXPECT_EQ(field(created, "Authorization"), "GenieKey secret");
  const auto closed =
      alert_message(access_to(AlertTarget::Opsgenie), lag_alert(), NoticeKind::Resolve);
  EXPECT_EQ(closed.path, "/weir%3AQueueLagHigh%3Araw.eod/close?identifierType=alias");
  EXPECT_TRUE(json::parse(closed.body).is_object());
}

TEST(AlertMessage, TellsAChatTheTextTheTopicAndTheNode) {
  const auto message =
      alert_message(access_to(AlertTarget::Slack), lag_alert(), NoticeKind::Trigger);
  EXPECT_EQ(json::parse(message.body), (json{{"text",
                                              "Queue lag high: raw.eod (90 s behind)\n"
                                              "Runbook: docs/operations/runbooks/QueueLagHigh.md\n"
                                              "Dashboard: https://grafana.example/d/QueueLagHigh"},
                                             {"topic", "raw.eod"},
                                             {"node", "blake3:ab"}}));
  EXPECT_EQ(field(message, "Authorization"), "Bearer secret");
  AlertAccess bare{.target = AlertTarget::Slack, .token = {}, .dashboards = {}, .source = {}};
  const Alert other{.id = "a", .key = {std::string(kDiffDurationHigh), "one"}};
  const auto resolved = alert_message(bare, other, NoticeKind::Resolve);
  EXPECT_EQ(json::parse(resolved.body),
            (json{{"text",
                   "Resolved: Diff duration high: one\n"
                   "Runbook: docs/operations/runbooks/DiffDurationHigh.md"}}));
  EXPECT_EQ(field(resolved, "Authorization"), "");
}

TEST(AlertMessage, IsCutToWhatTheTargetTakesBetweenCharacters) {
  Alert alert = lag_alert();
  alert.detail.clear();
  while (alert.detail.size() < kConditionTextMax) alert.detail += "\xc3\xa4";
  const auto created = alert_message(access_to(AlertTarget::Opsgenie), alert, NoticeKind::Trigger);
  const std::string message = json::parse(created.body)["message"];
  EXPECT_LE(message.size(), kOpsgenieMessageMax);
  EXPECT_GE(message.size(), kOpsgenieMessageMax - 1);
}

}  // namespace
}  // namespace weir::dagmanager
