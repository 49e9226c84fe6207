// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>

#include "base/clock.h"
#include "base/mutex.h"
#include "server/worker_pool.h"

namespace weir::dagmanager {

/// Figures that are read off the store as somebody asks for the metrics. The reading goes on a pool
/// and is waited for only so long, so that a store that says nothing holds up no route: what was
/// read before is told again then. One reading at a time, however many ask. Any thread.
class StoredGauges {
 public:
  /// `read` sets the gauges, and may wait for the store; what it uses outlives the pool's last
  /// task. The pool outlives this.
  StoredGauges(server::WorkerPool& pool, std::function<void()> read);

  /// Reads, or joins the reading that is under way; back after `wait` at the latest.
  void refresh(Duration wait);

 private:
  struct State {
    std::function<void()> read;
    base::Mutex mutex;
    base::CondVar over;
    bool reading WEIR_GUARDED_BY(mutex) = false;
  };

  server::WorkerPool& pool_;
  const std::shared_ptr<State> state_;
};

}  // namespace weir::dagmanager
