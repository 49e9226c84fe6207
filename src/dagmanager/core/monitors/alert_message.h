// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "dagmanager/core/monitors/alerts.h"

/// What a target is told, in the form it takes (contract section 3.14).
namespace weir::dagmanager {

/// How one target is reached, beside its address.
struct AlertAccess {
  AlertTarget target = AlertTarget::Slack;
  std::string token = {};       ///< routing key, API key, or bearer token; may be empty
  std::string dashboards = {};  ///< `alerts.dashboard_base_url`; empty: none are named
  std::string source = {};      ///< who tells, for people
};

/// A POST to the target's address.
struct AlertMessage {
  std::string path = {};  ///< behind that of the address, percent-encoded
  std::vector<std::pair<std::string, std::string>> headers = {};
  std::string body = {};
};

/// PagerDuty Events v2 (`routing_key`, `event_action` trigger or resolve, `dedup_key`, `payload`);
/// Opsgenie Alert API (created with its alias, closed by alias); chat: `text`, and `topic` and
/// `node` where there are any. Each names the alert's runbook, and its dashboard if there is one.
AlertMessage alert_message(const AlertAccess& access, const Alert& alert, NoticeKind kind);

}  // namespace weir::dagmanager
