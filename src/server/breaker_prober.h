// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "server/breaker.h"
#include "server/loop_thread.h"

namespace weir::server {

/// Sends the probes of breakers, on one thread, which sleeps while all are closed: so an engine
/// that is back is found without anybody's call being tried on it.
class BreakerProber {
 public:
  /// `clock` outlives it.
  explicit BreakerProber(const Clock& clock) : clock_(clock), thread_(clock) {}
  ~BreakerProber() { stop(); }
  BreakerProber(const BreakerProber&) = delete;
  BreakerProber& operator=(const BreakerProber&) = delete;

  /// Before start(). `probe` asks the engine, in bounded time; `opened` is called when the breaker
  /// opens and must not block. The breaker outlives this.
  void add(Breaker& breaker, std::function<Result<void>()> probe, std::function<void()> opened);

  void start();
  /// Waits for a probe that is out. Safe twice, and before start().
  void stop() { thread_.stop(); }

  /// Sends what is due; gives when the next is, nothing while all are closed. For the thread, or
  /// for a caller without one.
  std::optional<Duration> run_once();

 private:
  struct Engine {
    Breaker* breaker;
    std::function<Result<void>()> probe;
  };

  const Clock& clock_;
  std::vector<Engine> engines_;
  LoopThread thread_;
};

}  // namespace weir::server
