// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <optional>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "server/tracing/limits.h"
#include "server/tracing/span.h"

namespace weir::server {

/// Spans on their way out, in the order they ended. Bounded: whoever puts one never waits, and what
/// finds no room is dropped and counted. Any thread puts; one takes.
class SpanQueue {
 public:
  struct Config {
    std::size_t waiting_max = kSpansWaitingMax;
    std::size_t batch_max = kSpanBatchMax;
    Duration wait_max = kSpanWaitMax;
  };
  /// `dropped` is told how many, by whoever puts or takes; it must not block. `clock` outlives it.
  SpanQueue(Config config, const Clock& clock, std::function<void(std::size_t)> dropped)
      : config_(config), clock_(clock), dropped_(std::move(dropped)) {}

  void put(SpanRecord span) WEIR_EXCLUDES(mutex_);

  /// Called when a batch comes to be due, or the time at which it will be is known; by who puts, so
  /// it must not block nor use the queue. Set before the first put.
  void on_due(std::function<void()> call) { due_ = std::move(call); }
  /// When the next batch should go, in monotonic time, now or earlier if it should already;
  /// nothing while none waits.
  std::optional<Duration> due_at() const WEIR_EXCLUDES(mutex_);
  /// The next batch. It takes room until release().
  std::vector<SpanRecord> take() WEIR_EXCLUDES(mutex_);
  /// The batch taken last is gone, `lost` of it to nobody.
  void release(std::size_t lost) WEIR_EXCLUDES(mutex_);

 private:
  const Config config_;
  const Clock& clock_;
  const std::function<void(std::size_t)> dropped_;
  std::function<void()> due_;

  mutable base::Mutex mutex_;
  std::deque<SpanRecord> waiting_ WEIR_GUARDED_BY(mutex_);
  std::size_t taken_ WEIR_GUARDED_BY(mutex_) = 0;
  Duration since_ WEIR_GUARDED_BY(mutex_){};  // when the first that waits came
};

}  // namespace weir::server
