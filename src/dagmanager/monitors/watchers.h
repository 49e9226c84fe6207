// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "dagmanager/loops/loop_keeper.h"
#include "dagmanager/loops/periodic_loop.h"
#include "dagmanager/monitors/alert_desk.h"
#include "dagmanager/monitors/alert_sender.h"
#include "dagmanager/monitors/health_watch.h"
#include "dagmanager/ports/loops/memory_loop_leases.h"
#include "dagmanager/ports/monitors/memory_alert_store.h"
#include "server/log.h"
#include "server/loop_thread.h"

namespace weir::dagmanager {

/// Everything that watches one instance and tells of it: the health monitor every five seconds, the
/// desk of the alerts in the store while this instance holds the loop `health`, a desk of its own
/// for alerts about the store itself, and a sender a target.
class Watchers {
 public:
  struct Parts {
    AlertStore& alerts;
    LoopKeeper& keeper;
    LoopObserver& loops;
    NoticeObserver& notices;
    Clock& clock;
    Random& random;
    server::Log& log;
    std::string instance;
    std::vector<AlertRoute> routes;
    server::Breaker* graph = nullptr;  ///< null: in memory
    server::Breaker* broker = nullptr;
    std::function<DiffFigures()> figures;
  };

  /// Faults of AlertRoute::address. Adds its loop to the keeper, which must not have been started;
  /// what `parts` names outlives the watchers.
  static Result<std::unique_ptr<Watchers>> create(Parts parts);
  ~Watchers() { stop(); }
  Watchers(const Watchers&) = delete;
  Watchers& operator=(const Watchers&) = delete;

  void start();
  /// Safe twice, and before start().
  void stop();

  /// Breakers of the targets, for metrics and /status.
  std::vector<const server::Breaker*> breakers() const;
  /// Something may have become worse just now. From any thread, never blocks.
  void nudge() { watch_thread_.nudge(); }

 private:
  explicit Watchers(Parts parts);

  Result<void> add_senders();
  void add_desks();
  Duration watch();

  const Parts parts_;
  MemoryLoopLeases own_loop_;
  MemoryAlertStore own_alerts_;
  LoopFence own_fence_;
  HealthWatch health_;
  std::vector<std::unique_ptr<AlertSender>> senders_;
  std::unique_ptr<AlertDesk> own_desk_;
  std::unique_ptr<AlertDesk> desk_;
  std::unique_ptr<PeriodicLoop> loop_;
  server::LoopThread watch_thread_;
};

}  // namespace weir::dagmanager
