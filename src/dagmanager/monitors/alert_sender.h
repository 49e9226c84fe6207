// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/mutex.h"
#include "dagmanager/core/monitors/alerts.h"
#include "dagmanager/monitors/alert_route.h"
#include "drivers/http/http_client.h"
#include "server/breaker.h"
#include "server/log.h"
#include "server/loop_thread.h"

namespace weir::dagmanager {

/// What is told of how notices went: `alerts_sent_total`.
class NoticeObserver {
 public:
  virtual ~NoticeObserver() = default;
  virtual void notice_sent(AlertTarget target, bool sent) = 0;
};

/// Tells one target, one notice after the other, on a thread of its own. A target that is gone is
/// tried by its breaker's schedule; what comes meanwhile comes back as not tried.
class AlertSender {
 public:
  /// What became of a notice; nothing if it was not tried. From the sender's thread.
  using Done = std::function<void(std::optional<NoticeOutcome>)>;

  struct Parts {
    const Clock& clock;
    server::Log& log;
    NoticeObserver& observer;
  };

  /// Faults of AlertRoute::address. What `parts` names outlives the sender.
  static Result<std::unique_ptr<AlertSender>> create(AlertRoute route, Parts parts);
  ~AlertSender() { stop(); }
  AlertSender(const AlertSender&) = delete;
  AlertSender& operator=(const AlertSender&) = delete;

  void start();
  /// Ends a notice that is under way; the others are not tried. No `done` is called after it. Safe
  /// twice.
  void stop() WEIR_EXCLUDES(mutex_);

  /// False if too many wait.
  bool send(const Alert& alert, NoticeKind kind, Done done) WEIR_EXCLUDES(mutex_);

  AlertTarget target() const { return route_.target; }
  const server::Breaker& breaker() const { return breaker_; }

 private:
  struct Job {
    Alert alert;
    NoticeKind kind = NoticeKind::Trigger;
    Done done;
  };

  AlertSender(AlertRoute route, Parts parts, std::unique_ptr<http::HttpClient> client,
              std::string path);

  void send_all() WEIR_EXCLUDES(mutex_);
  std::optional<NoticeOutcome> try_one(const Job& job);
  Result<http::Reply> post(const Job& job);

  const AlertRoute route_;
  const Parts parts_;
  const std::unique_ptr<http::HttpClient> client_;
  const std::string path_;
  server::Breaker breaker_;
  http::CancelFlag cancel_;
  base::Mutex mutex_;
  std::deque<Job> jobs_ WEIR_GUARDED_BY(mutex_);
  server::LoopThread thread_;
};

}  // namespace weir::dagmanager
