// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"

/// Alerts: who opens them, who is told (contract section 3.14).
///
/// Whoever sees a fault says so for as long as it lasts: a condition, which stands until an instant
/// that each saying moves ahead. One instance at a time makes alerts of them: it opens one where a
/// condition stands, and resolves it when the condition has run out. Each target of an alert gets a
/// notice that it is open and one that it is resolved; a notice waits until it was sent, or is dead
/// after a day.
///
///   killed before a notice is sent     it waits, and the next holder sends it
///   killed after, before that is kept  it is sent again, under the same key
///   a fault comes and goes             while a resolve waits, the same alert opens again, and the
///                                      resolve is withdrawn; so notices never pile up
namespace weir::dagmanager {

enum class AlertTarget : std::uint8_t { Pagerduty, Slack, Opsgenie };
enum class NoticeKind : std::uint8_t { Trigger, Resolve };
enum class NoticeState : std::uint8_t { Pending, Sent, Dead };

/// Words of the configuration and of the store.
std::string_view target_text(AlertTarget target);
std::optional<AlertTarget> target_of(std::string_view text);
std::string_view notice_kind_text(NoticeKind kind);
std::optional<NoticeKind> notice_kind_of(std::string_view text);
std::string_view notice_state_text(NoticeState state);
std::optional<NoticeState> notice_state_of(std::string_view text);

/// What an alert is about. Two with the same key are the same to every receiver.
struct AlertKey {
  std::string name;     ///< of the catalog, the runbook and the dashboard
  std::string subject;  ///< what of many it is about: a topic, an instance, an engine

  friend auto operator<=>(const AlertKey&, const AlertKey&) = default;
};

/// `weir:<name>:<subject>`, by which receivers know a repeat.
std::string dedup_key(const AlertKey& key);

/// A fault that somebody sees.
struct Condition {
  AlertKey key;
  std::string detail = {};  ///< for people: what, where
  std::string topic = {};   ///< empty: about none
  std::string node = {};    ///< likewise
  Instant raised_at{};      ///< when it was said last
  Instant until{};          ///< when it is over unless it is said again

  friend bool operator==(const Condition&, const Condition&) = default;
};

/// What one target is told of an alert.
struct Notice {
  AlertTarget target = AlertTarget::Slack;
  NoticeKind kind = NoticeKind::Trigger;
  NoticeState state = NoticeState::Pending;
  int attempts = 0;
  Instant made_at{};
  Instant due{};                        ///< not sent before
  std::optional<Instant> done_at = {};  ///< when it was sent
  std::string error = {};               ///< of the last attempt

  friend bool operator==(const Notice&, const Notice&) = default;
};

struct Alert {
  std::string id;
  AlertKey key;
  std::string detail = {};
  std::string topic = {};
  std::string node = {};
  Instant opened_at{};
  std::optional<Instant> resolved_at = {};  ///< nothing: open
  bool settled = false;                     ///< nothing will become of it any more
  std::vector<Notice> notices = {};

  bool open() const { return !resolved_at; }
  Notice* find(AlertTarget target, NoticeKind kind);
  const Notice* find(AlertTarget target, NoticeKind kind) const;

  friend bool operator==(const Alert&, const Alert&) = default;
};

/// All that is not settled.
struct AlertBook {
  std::vector<Condition> conditions;
  std::vector<Alert> alerts;
};

/// What a pass writes.
struct AlertChange {
  std::vector<Alert> put;       ///< whole, by id
  std::vector<Condition> gone;  ///< each only if nobody has said it again meanwhile

  bool empty() const { return put.empty() && gone.empty(); }
};

/// What became of sending a notice.
struct NoticeOutcome {
  std::string alert;
  AlertTarget target = AlertTarget::Slack;
  NoticeKind kind = NoticeKind::Trigger;
  bool sent = false;
  std::string error = {};
  std::optional<Duration> retry_after = {};  ///< as the target asked for
  Instant at{};
};

/// Writes an outcome into its alert; false if that changes nothing.
bool settle_notice(Alert& alert, const NoticeOutcome& outcome);

/// Opens, resolves, gives up: brings the alerts of `book` up to date with its conditions and tells
/// what to write. Only `targets` are told of new alerts. `dirty`: ids of alerts that were changed
/// before and are to be written in any case.
AlertChange plan_alerts(AlertBook& book, std::span<const AlertTarget> targets, Instant now,
                        const std::function<std::string()>& new_id,
                        std::span<const std::string> dirty = {});

/// A notice that may be sent now: its alert, by place in the book.
struct DueNotice {
  std::size_t alert = 0;
  AlertTarget target = AlertTarget::Slack;
  NoticeKind kind = NoticeKind::Trigger;
};
std::vector<DueNotice> due_notices(const AlertBook& book, Instant now);
/// When the next one will be; nothing if none waits.
std::optional<Instant> next_notice_due(const AlertBook& book);

}  // namespace weir::dagmanager
