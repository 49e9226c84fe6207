// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/core/monitors/alerts.h"

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <utility>

#include "base/enum_words.h"
#include "dagmanager/core/monitors/alert_catalog.h"
#include "dagmanager/core/monitors/limits.h"

namespace weir::dagmanager {
namespace {

constexpr std::array<std::string_view, 3> kTargetWords = {"pagerduty", "slack", "opsgenie"};
constexpr std::array<std::string_view, 2> kKindWords = {"trigger", "resolve"};
constexpr std::array<std::string_view, 3> kStateWords = {"pending", "sent", "dead"};

Duration wait_after(int attempts) {
  Duration wait = kNoticeWaitFirst;
  for (int i = 1; i < attempts && wait < kNoticeWaitMax; ++i) wait *= 2;
  return std::min(wait, kNoticeWaitMax);
}

/// One pass.
class AlertPass {
 public:
  AlertPass(AlertBook& book, std::span<const AlertTarget> targets, Instant now,
            const std::function<std::string()>& new_id, std::span<const std::string> dirty)
      : book_(book), targets_(targets), now_(now), new_id_(new_id) {
    dirty_.insert(dirty.begin(), dirty.end());
  }

  AlertChange run() {
    for (const Alert& alert : book_.alerts) note_told(alert);
    std::set<AlertKey> standing;
    for (const Condition& condition : book_.conditions) {
      Alert* alert = newest(condition.key);
      if (alert == nullptr || !alert->open()) {
        open(condition, alert);
        standing.insert(condition.key);
      } else if (now_ < condition.until) {
        standing.insert(condition.key);
      } else {
        change_.gone.push_back(condition);  // its alert is resolved below
      }
    }
    for (Alert& alert : book_.alerts) {
      if (alert.open() && !standing.contains(alert.key)) resolve(alert);
      give_up(alert);
      settle(alert);
    }
    for (const Alert& alert : book_.alerts) {
      if (dirty_.contains(alert.id)) change_.put.push_back(alert);
    }
    return std::move(change_);
  }

 private:
  using ToldKey = std::pair<AlertKey, AlertTarget>;

  void note_told(const Alert& alert) {
    for (const Notice& notice : alert.notices) {
      if (!notice.done_at) continue;
      Instant& last = told_[ToldKey{alert.key, notice.target}];
      last = std::max(last, *notice.done_at);
    }
  }

  Instant earliest(const AlertKey& key, AlertTarget target) const {
    const auto last = told_.find({key, target});
    return last == told_.end() ? now_ : std::max(now_, last->second + kNoticeEvery);
  }

  Notice fresh(const Alert& alert, AlertTarget target, NoticeKind kind) const {
    return {.target = target, .kind = kind, .made_at = now_, .due = earliest(alert.key, target)};
  }

  /// The open one, or else the one that was resolved last.
  Alert* newest(const AlertKey& key) {
    Alert* found = nullptr;
    for (Alert& alert : book_.alerts) {
      if (alert.key != key) continue;
      if (alert.open()) return &alert;
      if (found == nullptr || *found->resolved_at < *alert.resolved_at) found = &alert;
    }
    return found;
  }

  /// A resolve that still waits is withdrawn with its alert; else the fault is a new one.
  void open(const Condition& condition, Alert* last) {
    const bool waits =
        last != nullptr && std::ranges::any_of(last->notices, [](const Notice& one) {
          return one.kind == NoticeKind::Resolve && one.state == NoticeState::Pending;
        });
    if (waits) return reopen(*last);
    Alert alert{.id = new_id_(),
                .key = condition.key,
                .detail = condition.detail,
                .topic = condition.topic,
                .node = condition.node,
                .opened_at = now_};
    const AlertTarget target = describe_alert(condition.key.name).target;
    if (std::ranges::find(targets_, target) != targets_.end()) {
      alert.notices.push_back(fresh(alert, target, NoticeKind::Trigger));
    }
    dirty_.insert(alert.id);
    book_.alerts.push_back(std::move(alert));
  }

  void reopen(Alert& alert) {
    alert.resolved_at.reset();
    std::vector<AlertTarget> told;
    for (const Notice& notice : alert.notices) {
      if (notice.kind == NoticeKind::Resolve && notice.state == NoticeState::Sent) {
        told.push_back(notice.target);
      }
    }
    std::erase_if(alert.notices, [](const Notice& one) { return one.kind == NoticeKind::Resolve; });
    for (const AlertTarget target : told) {
      *alert.find(target, NoticeKind::Trigger) = fresh(alert, target, NoticeKind::Trigger);
    }
    dirty_.insert(alert.id);
  }

  void resolve(Alert& alert) {
    alert.resolved_at = now_;
    std::vector<Notice> more;
    for (const Notice& notice : alert.notices) {
      if (notice.kind == NoticeKind::Trigger) {
        more.push_back(fresh(alert, notice.target, NoticeKind::Resolve));
      }
    }
    alert.notices.insert(alert.notices.end(), more.begin(), more.end());
    dirty_.insert(alert.id);
  }

  void give_up(Alert& alert) {
    for (Notice& notice : alert.notices) {
      if (notice.state != NoticeState::Pending || now_ < notice.made_at + kNoticeDead) continue;
      notice.state = NoticeState::Dead;
      dirty_.insert(alert.id);
    }
  }

  /// Once all is said, and long enough ago that it holds no next notice back.
  void settle(Alert& alert) {
    if (alert.open() || alert.settled) return;
    for (const Notice& notice : alert.notices) {
      if (notice.state == NoticeState::Pending) return;
      if (notice.done_at && now_ < *notice.done_at + kNoticeEvery) return;
    }
    alert.settled = true;
    dirty_.insert(alert.id);
  }

  AlertBook& book_;
  const std::span<const AlertTarget> targets_;
  const Instant now_;
  const std::function<std::string()>& new_id_;
  std::set<std::string> dirty_;
  std::map<ToldKey, Instant> told_;
  AlertChange change_;
};

/// The notice among constant ones, or among others.
template <class Notices>
auto find_notice(Notices& notices, AlertTarget target, NoticeKind kind)
    -> decltype(notices.data()) {
  const auto at = std::ranges::find_if(
      notices, [&](const Notice& one) { return one.target == target && one.kind == kind; });
  return at == notices.end() ? nullptr : &*at;
}

/// When a notice that waits may be sent: a resolve not before its trigger is done with.
std::optional<Instant> due_of(const Alert& alert, const Notice& notice) {
  if (notice.state != NoticeState::Pending) return std::nullopt;
  if (notice.kind == NoticeKind::Trigger) return notice.due;
  const Notice* trigger = alert.find(notice.target, NoticeKind::Trigger);
  if (trigger == nullptr) return notice.due;
  if (trigger->state == NoticeState::Pending) return std::nullopt;
  return trigger->done_at ? std::max(notice.due, *trigger->done_at + kNoticeEvery) : notice.due;
}

}  // namespace

std::string_view target_text(AlertTarget target) { return base::word_of(kTargetWords, target); }
std::optional<AlertTarget> target_of(std::string_view text) {
  return base::enum_of<AlertTarget>(kTargetWords, text);
}
std::string_view notice_kind_text(NoticeKind kind) { return base::word_of(kKindWords, kind); }
std::optional<NoticeKind> notice_kind_of(std::string_view text) {
  return base::enum_of<NoticeKind>(kKindWords, text);
}
std::string_view notice_state_text(NoticeState state) { return base::word_of(kStateWords, state); }
std::optional<NoticeState> notice_state_of(std::string_view text) {
  return base::enum_of<NoticeState>(kStateWords, text);
}

std::string dedup_key(const AlertKey& key) { return "weir:" + key.name + ":" + key.subject; }

const Notice* Alert::find(AlertTarget target, NoticeKind kind) const {
  return find_notice(notices, target, kind);
}

Notice* Alert::find(AlertTarget target, NoticeKind kind) {
  return find_notice(notices, target, kind);
}

bool settle_notice(Alert& alert, const NoticeOutcome& outcome) {
  Notice* notice = alert.find(outcome.target, outcome.kind);
  if (notice == nullptr) {
    // A resolve that was withdrawn as it went out: the target must hear again that it is open.
    Notice* trigger = alert.find(outcome.target, NoticeKind::Trigger);
    if (!outcome.sent || trigger == nullptr || !alert.open()) return false;
    *trigger = {.target = outcome.target,
                .kind = NoticeKind::Trigger,
                .made_at = outcome.at,
                .due = outcome.at + kNoticeEvery};
    return true;
  }
  if (notice->state != NoticeState::Pending) return false;
  ++notice->attempts;
  notice->error = outcome.error.substr(0, kNoticeErrorMax);
  if (outcome.sent) {
    notice->state = NoticeState::Sent;
    notice->done_at = outcome.at;
    return true;
  }
  const Duration asked =
      std::clamp(outcome.retry_after.value_or(Duration::zero()), Duration::zero(), kNoticeDead);
  notice->due = outcome.at + std::max(wait_after(notice->attempts), asked);
  return true;
}

AlertChange plan_alerts(AlertBook& book, std::span<const AlertTarget> targets, Instant now,
                        const std::function<std::string()>& new_id,
                        std::span<const std::string> dirty) {
  return AlertPass(book, targets, now, new_id, dirty).run();
}

std::vector<DueNotice> due_notices(const AlertBook& book, Instant now) {
  std::vector<DueNotice> due;
  for (std::size_t i = 0; i < book.alerts.size(); ++i) {
    for (const Notice& notice : book.alerts[i].notices) {
      const auto at = due_of(book.alerts[i], notice);
      if (at && *at <= now) due.push_back({i, notice.target, notice.kind});
    }
  }
  return due;
}

std::optional<Instant> next_notice_due(const AlertBook& book) {
  std::optional<Instant> next;
  for (const Alert& alert : book.alerts) {
    for (const Notice& notice : alert.notices) {
      const auto at = due_of(alert, notice);
      if (at && (!next || *at < *next)) next = at;
    }
  }
  return next;
}

}  // namespace weir::dagmanager
