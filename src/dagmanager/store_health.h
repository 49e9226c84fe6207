// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>

#include "base/clock.h"
#include "dagmanager/ports/graph_store.h"
#include "server/breaker.h"
#include "server/worker_pool.h"

namespace weir::dagmanager {

/// What HealthCheck.Status says of the graph store (contract section 1.2): the last outcome, at
/// once. Whoever asks and finds it older than a second starts a ping in the background; nobody
/// waits for the store, and nobody pings one whose breaker is open. Any thread.
class StoreHealth {
 public:
  /// Everything given outlives it.
  StoreHealth(GraphStore& store, const Clock& clock, server::WorkerPool& pool,
              const server::Breaker* breaker = nullptr)
      : store_(store), clock_(clock), pool_(pool), breaker_(breaker) {}

  bool healthy();
  /// An outcome seen elsewhere: every call is a probe.
  void saw(bool healthy);
  /// Pings now and waits; for the start.
  Result<void> probe();

 private:
  GraphStore& store_;
  const Clock& clock_;
  server::WorkerPool& pool_;
  const server::Breaker* breaker_;  // null: in memory
  std::atomic<bool> healthy_ = false;
  std::atomic<bool> probing_ = false;
  std::atomic<Duration::rep> seen_at_ = 0;
};

}  // namespace weir::dagmanager
