// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/monitors/alert_desk.h"

#include <algorithm>
#include <utility>

#include "base/crash_point.h"
#include "base/uuid.h"
#include "dagmanager/monitors/limits.h"

namespace weir::dagmanager {

AlertDesk::AlertDesk(Parts parts) : parts_(std::move(parts)), thread_(parts_.clock) {
  for (const AlertSender* sender : parts_.senders) targets_.push_back(sender->target());
}

void AlertDesk::start() {
  thread_.start({}, [this]() -> std::optional<Duration> {
    const base::MutexLock lock(mutex_);
    if (!due_) return std::nullopt;
    if (parts_.clock.monotonic() < *due_) return due_;
    due_.reset();
    parts_.wake();
    return std::nullopt;
  });
}

Result<void> AlertDesk::run_once(const LoopFence& fence) {
  std::vector<NoticeOutcome> outcomes;
  {
    const base::MutexLock lock(mutex_);
    outcomes = outcomes_;
  }
  WEIR_TRY(AlertBook book, parts_.store.read());
  const std::vector<std::string> dirty = settle(book, outcomes);
  const Instant now = parts_.clock.now();
  const AlertChange change =
      plan_alerts(book, targets_, now, [this] { return base::uuid_v4(parts_.random); }, dirty);
  if (!change.empty()) WEIR_CHECK(parts_.store.write(fence, change, now));
  WEIR_CRASH_POINT("alert.written");
  {
    const base::MutexLock lock(mutex_);
    outcomes_.erase(outcomes_.begin(),
                    outcomes_.begin() + static_cast<std::ptrdiff_t>(outcomes.size()));
    for (const NoticeOutcome& outcome : outcomes) {
      under_way_.erase({outcome.alert, outcome.target, outcome.kind});
    }
  }
  hand_out(book);
  sleep_until_due(book);
  return {};
}

/// The ids of the alerts that the outcomes change.
std::vector<std::string> AlertDesk::settle(AlertBook& book,
                                           const std::vector<NoticeOutcome>& outcomes) {
  std::vector<std::string> dirty;
  for (const NoticeOutcome& outcome : outcomes) {
    const auto alert = std::ranges::find(book.alerts, outcome.alert, &Alert::id);
    if (alert != book.alerts.end() && settle_notice(*alert, outcome)) dirty.push_back(alert->id);
  }
  return dirty;
}

void AlertDesk::hand_out(const AlertBook& book) {
  for (const DueNotice& due : due_notices(book, parts_.clock.now())) {
    const Alert& alert = book.alerts[due.alert];
    const auto sender = std::ranges::find(parts_.senders, due.target, &AlertSender::target);
    if (sender == parts_.senders.end()) continue;
    const NoticeKey key{alert.id, due.target, due.kind};
    {
      const base::MutexLock lock(mutex_);
      if (!under_way_.insert(key).second) continue;
    }
    const bool taken = (*sender)->send(
        alert, due.kind,
        [this, key](std::optional<NoticeOutcome> outcome) { heard(key, std::move(outcome)); });
    if (!taken) heard(key, {});
  }
}

/// A notice that was not tried is handed out again by the next pass.
void AlertDesk::heard(const NoticeKey& key, std::optional<NoticeOutcome> outcome) {
  {
    const base::MutexLock lock(mutex_);
    if (!outcome) {
      under_way_.erase(key);
      return;
    }
    outcomes_.push_back(*std::move(outcome));
  }
  parts_.wake();
}

void AlertDesk::sleep_until_due(const AlertBook& book) {
  const Instant now = parts_.clock.now();
  auto next = next_notice_due(book);
  if (!book.conditions.empty())
    next = std::min(next.value_or(now + kHealthEvery), now + kHealthEvery);
  if (!next || *next <= now) return;  // none, or under way: its outcome asks for a pass
  {
    const base::MutexLock lock(mutex_);
    due_ = parts_.clock.monotonic() + (*next - now);
  }
  thread_.nudge();
}

}  // namespace weir::dagmanager
