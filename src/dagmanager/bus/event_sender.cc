// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/bus/event_sender.h"

#include <deque>
#include <map>
#include <utility>

#include "base/crash_point.h"
#include "dagmanager/bus/limits.h"
#include "dagmanager/core/control_events.h"

namespace weir::dagmanager {
namespace {

/// Equal keys of two topics have nothing to do with one another.
std::string key_of(const ControlEvent& event) { return event.topic + '\n' + event.key; }

/// That nobody was there, or answered; not that it refused the event.
bool is_absence(const Error& error) {
  return error.code() == Code::Unavailable || error.code() == Code::DeadlineExceeded;
}

}  // namespace

/// The sending of one page.
class EventSender::Page {
 public:
  Page(EventSender& sender, const LoopFence& fence, const std::vector<PendingEvent>& events)
      : sender_(sender), parts_(sender.parts_), fence_(fence) {
    for (const PendingEvent& event : events) {
      std::string key = key_of(event.event);
      if (sender_.held_.contains(key)) continue;
      auto& queue = waiting_[key];
      if (queue.empty()) ready_.push_back(std::move(key));
      queue.push_back(&event);
    }
  }

  /// Until nothing is under way and nothing more can be sent.
  void run() {
    while (true) {
      while (!ready_.empty() && under_way_.size() < kSendsUnderWayMax && parts_.holds(fence_)) {
        if (!send_next()) break;
      }
      if (under_way_.empty()) return;
      for (const SendOutcome& outcome : parts_.wire.outcomes(kOutcomeWait)) settle(outcome);
    }
  }

  const std::vector<std::int64_t>& done() const { return done_; }
  /// Nothing got through, and that for want of a bus.
  bool is_bus_away() const { return absences_ > 0 && sent_ == 0; }
  std::size_t sent() const { return sent_; }

 private:
  /// The first event of the next key; false if the wire takes no more now.
  bool send_next() {
    const std::string key = ready_.front();
    const PendingEvent& event = *waiting_[key].front();
    if (event.event.envelope.size() > kEnvelopeBytesMax) {
      ready_.pop_front();
      parts_.oversize();
      parts_.log.warning("a control event is too large for the bus",
                         {{"id", event.id}, {"key", event.event.key}});
      pass(key, event.number);
      return true;
    }
    const auto begun = parts_.wire.send(event.number, event.event);
    if (!begun.ok() && begun.error().code() == Code::ResourceExhausted && !under_way_.empty()) {
      return false;
    }
    ready_.pop_front();
    if (begun.ok()) {
      under_way_.emplace(event.number, key);
    } else {
      hold(key, begun.error());
    }
    return true;
  }

  void settle(const SendOutcome& outcome) {
    const auto found = under_way_.find(outcome.number);
    if (found == under_way_.end()) return;
    const std::string key = std::move(found->second);
    under_way_.erase(found);
    if (!outcome.sent.ok()) {
      hold(key, outcome.sent.error());
      return;
    }
    ++sent_;
    parts_.breaker.succeeded();
    pass(key, outcome.number);
  }

  /// The key goes on with its next event.
  void pass(const std::string& key, std::int64_t number) {
    done_.push_back(number);
    auto& queue = waiting_[key];
    queue.pop_front();
    if (!queue.empty()) ready_.push_back(key);
  }

  void hold(const std::string& key, const Error& error) {
    if (is_absence(error)) {
      ++absences_;
      if (sent_ == 0) parts_.breaker.failed();
    }
    sender_.held_.insert(key);
    if (!sender_.failed_) sender_.failed_ = error;
  }

  EventSender& sender_;
  const Parts& parts_;
  const LoopFence& fence_;
  std::map<std::string, std::deque<const PendingEvent*>> waiting_;  // by key
  std::deque<std::string> ready_;                                   // keys with nothing under way
  std::map<std::int64_t, std::string> under_way_;                   // keys by number
  std::vector<std::int64_t> done_;
  std::size_t sent_ = 0;
  std::size_t absences_ = 0;
};

Result<std::size_t> EventSender::run_once(const LoopFence& fence) {
  held_.clear();
  failed_.reset();
  std::size_t total = 0;
  std::int64_t after = 0;
  while (parts_.holds(fence)) {
    WEIR_TRY(const auto events, parts_.bus.unsent(after, kSendPage));
    if (events.empty()) break;
    after = events.back().number;
    WEIR_TRY(const std::size_t sent, send(fence, events));
    total += sent;
  }
  if (failed_) return Error(*failed_).prepend("events wait for the control bus");
  return total;
}

Result<std::size_t> EventSender::send(const LoopFence& fence,
                                      const std::vector<PendingEvent>& events) {
  WEIR_CHECK(parts_.breaker.admit());
  if (auto prepared = parts_.wire.prepare(); !prepared.ok()) {
    if (is_absence(prepared.error())) parts_.breaker.failed();
    return std::move(prepared).error().prepend("events wait for the control bus");
  }
  Page page(*this, fence, events);
  page.run();
  WEIR_CRASH_POINT("events.after_send");
  if (!page.done().empty()) {
    WEIR_CHECK(parts_.bus.acknowledge(fence, page.done(), parts_.clock.now()));
  }
  if (page.is_bus_away()) return Error(*failed_).prepend("events wait for the control bus");
  return page.sent();
}

}  // namespace weir::dagmanager
