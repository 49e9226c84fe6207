// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "base/random.h"
#include "dagmanager/monitors/alert_sender.h"
#include "dagmanager/ports/monitors/alert_store.h"
#include "server/log.h"
#include "server/loop_thread.h"

namespace weir::dagmanager {

/// Makes alerts of conditions and has them told. A pass writes down what became of notices, opens
/// and resolves, and hands what is due to the senders; between passes one thread sleeps until the
/// next notice is due and asks for a pass.
///
///   killed before a pass commits    nothing happened but notices sent: they are sent again
///   killed after it                 its notices wait in their rows for the next holder
class AlertDesk {
 public:
  struct Parts {
    AlertStore& store;
    Clock& clock;
    Random& random;
    server::Log& log;
    std::vector<AlertSender*> senders;
    /// A pass is due now. From any thread; must not block.
    std::function<void()> wake;
  };

  /// Everything given outlives it, the senders until they are stopped.
  explicit AlertDesk(Parts parts);
  ~AlertDesk() { stop(); }
  AlertDesk(const AlertDesk&) = delete;
  AlertDesk& operator=(const AlertDesk&) = delete;

  void start();
  /// Stop the senders first. Safe twice, and before start().
  void stop() { thread_.stop(); }

  /// One pass. Faults of AlertStore; what was heard of notices is kept for the next.
  Result<void> run_once(const LoopFence& fence) WEIR_EXCLUDES(mutex_);

 private:
  using NoticeKey = std::tuple<std::string, AlertTarget, NoticeKind>;

  std::vector<std::string> settle(AlertBook& book, const std::vector<NoticeOutcome>& outcomes);
  void hand_out(const AlertBook& book) WEIR_EXCLUDES(mutex_);
  void heard(const NoticeKey& key, std::optional<NoticeOutcome> outcome) WEIR_EXCLUDES(mutex_);
  void sleep_until_due(const AlertBook& book) WEIR_EXCLUDES(mutex_);

  const Parts parts_;
  std::vector<AlertTarget> targets_;
  base::Mutex mutex_;
  std::set<NoticeKey> under_way_ WEIR_GUARDED_BY(mutex_);
  std::vector<NoticeOutcome> outcomes_ WEIR_GUARDED_BY(mutex_);  // not written yet
  std::optional<Duration> due_ WEIR_GUARDED_BY(mutex_);          // the next notice, monotonic
  server::LoopThread thread_;
};

}  // namespace weir::dagmanager
