// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/core/monitors/alert_message.h"

#include <string_view>

#include "base/json_line.h"
#include "base/text.h"
#include "dagmanager/core/monitors/alert_catalog.h"
#include "dagmanager/core/monitors/limits.h"

namespace weir::dagmanager {
namespace {

std::string runbook_of(const Alert& alert) {
  return "docs/operations/runbooks/" + alert.key.name + ".md";
}

std::string dashboard_of(const AlertAccess& access, const Alert& alert) {
  if (access.dashboards.empty()) return {};
  return access.dashboards + (access.dashboards.ends_with('/') ? "" : "/") + alert.key.name;
}

/// At most so many bytes, cut between characters.
std::string cut(std::string text, std::size_t bytes_max) {
  if (text.size() <= bytes_max) return text;
  std::size_t end = bytes_max;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) --end;
  text.resize(end);
  return text;
}

/// What it is and about what: `Queue lag high: raw.eod (behind by 90 s)`.
std::string summary(const Alert& alert) {
  std::string text(describe_alert(alert.key.name).text);
  if (!alert.key.subject.empty()) text += ": " + alert.key.subject;
  if (!alert.detail.empty()) text += " (" + alert.detail + ")";
  return text;
}

void append_details(JsonLine& line, const AlertAccess& access, const Alert& alert) {
  line.text("runbook", runbook_of(alert));
  const std::string dashboard = dashboard_of(access, alert);
  if (!dashboard.empty()) line.text("dashboard", dashboard);
  if (!alert.detail.empty()) line.text("detail", alert.detail);
  if (!alert.topic.empty()) line.text("topic", alert.topic);
  if (!alert.node.empty()) line.text("node", alert.node);
  line.end();
}

std::string pagerduty_body(const AlertAccess& access, const Alert& alert, NoticeKind kind) {
  std::string body;
  JsonLine line(body);
  line.text("routing_key", access.token)
      .text("event_action", notice_kind_text(kind))
      .text("dedup_key", dedup_key(alert.key))
      .key("payload");
  JsonLine payload(body);
  payload.text("summary", cut(summary(alert), kPagerdutySummaryMax))
      .text("source", access.source)
      .text("severity", describe_alert(alert.key.name).critical ? "critical" : "warning")
      .text("class", alert.key.name)
      .key("custom_details");
  JsonLine details(body);
  append_details(details, access, alert);
  payload.end();
  const std::string dashboard = dashboard_of(access, alert);
  if (!dashboard.empty()) {
    line.key("links");
    body += '[';
    JsonLine(body).text("href", dashboard).text("text", "dashboard").end();
    body += ']';
  }
  line.end();
  return body;
}

std::string opsgenie_body(const AlertAccess& access, const Alert& alert) {
  std::string body;
  JsonLine line(body);
  line.text("message", cut(summary(alert), kOpsgenieMessageMax))
      .text("alias", dedup_key(alert.key))
      .text("description", summary(alert))
      .text("priority", describe_alert(alert.key.name).critical ? "P1" : "P3")
      .text("source", access.source)
      .key("details");
  JsonLine details(body);
  append_details(details, access, alert);
  line.end();
  return body;
}

std::string chat_body(const AlertAccess& access, const Alert& alert, NoticeKind kind) {
  std::string text = kind == NoticeKind::Resolve ? "Resolved: " : "";
  text += summary(alert) + "\nRunbook: " + runbook_of(alert);
  const std::string dashboard = dashboard_of(access, alert);
  if (!dashboard.empty()) text += "\nDashboard: " + dashboard;
  std::string body;
  JsonLine line(body);
  line.text("text", text);
  if (!alert.topic.empty()) line.text("topic", alert.topic);
  if (!alert.node.empty()) line.text("node", alert.node);
  line.end();
  return body;
}

AlertMessage opsgenie_message(const AlertAccess& access, const Alert& alert, NoticeKind kind) {
  AlertMessage message;
  if (kind == NoticeKind::Trigger) {
    message.body = opsgenie_body(access, alert);
  } else {
    message.path = "/" + base::percent_encode(dedup_key(alert.key)) + "/close?identifierType=alias";
    JsonLine(message.body).text("source", access.source).text("note", summary(alert)).end();
  }
  if (!access.token.empty()) {
    message.headers.emplace_back("Authorization", "GenieKey " + access.token);
  }
  return message;
}

}  // namespace

AlertMessage alert_message(const AlertAccess& access, const Alert& alert, NoticeKind kind) {
  AlertMessage message;
  switch (access.target) {
    case AlertTarget::Pagerduty:
      message.body = pagerduty_body(access, alert, kind);
      break;
    case AlertTarget::Slack:
      message.body = chat_body(access, alert, kind);
      if (!access.token.empty()) {
        message.headers.emplace_back("Authorization", "Bearer " + access.token);
      }
      break;
    case AlertTarget::Opsgenie:
      message = opsgenie_message(access, alert, kind);
      break;
  }
  message.headers.emplace_back("Content-Type", "application/json");
  return message;
}

}  // namespace weir::dagmanager
