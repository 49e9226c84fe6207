// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/mutex.h"
#include "base/result.h"

namespace weir::server {

/// How a breaker stands; the numbers are those of the metric `breaker_state`.
enum class BreakerState : std::uint8_t { Closed = 0, Probing = 1, Open = 2 };

/// "closed", "probing", "open".
std::string_view breaker_state_text(BreakerState state);

/// Keeps calls away from an engine that is gone, so that they fail at once instead of by time-outs:
///   closed   every call goes out; three failures in a row open it
///   open     no call goes out; a probe is due after 1, 2, 4, 8, 8 … s
///   probing  one is out; if it is healthy the breaker closes, else it is open again
/// A failure is that the engine is not there: no connection, no answer in time, its own
/// "unavailable"; never that it refuses what it was asked. Nobody sets it by hand; it lives and
/// ends with its instance. Any thread.
class Breaker {
 public:
  /// `engine`: its name in metrics and /status. `clock` outlives it.
  Breaker(std::string engine, const Clock& clock) : engine_(std::move(engine)), clock_(clock) {}
  ~Breaker() = default;
  Breaker(const Breaker&) = delete;
  Breaker& operator=(const Breaker&) = delete;

  /// Called when it opens, before any call. `opened` must not block nor use the breaker.
  void when_opened(std::function<void()> opened) { opened_ = std::move(opened); }

  /// UNAVAILABLE `breaker_open` unless it is closed. Whoever is let through says what came of it.
  Result<void> admit() const WEIR_EXCLUDES(mutex_);
  /// True for the one caller who is to try the engine now, and says what came of it.
  bool take_probe() WEIR_EXCLUDES(mutex_);
  /// When a probe is due by the clock's monotonic time; nothing while it is closed.
  std::optional<Duration> probe_due() const WEIR_EXCLUDES(mutex_);

  void succeeded() WEIR_EXCLUDES(mutex_);
  void failed() WEIR_EXCLUDES(mutex_);
  void saw(bool healthy) { healthy ? succeeded() : failed(); }

  const std::string& engine() const { return engine_; }
  BreakerState state() const WEIR_EXCLUDES(mutex_);
  /// How often it opened, failed probes apart.
  std::uint64_t times_opened() const WEIR_EXCLUDES(mutex_);

 private:
  void open_for(Duration wait) WEIR_REQUIRES(mutex_);

  const std::string engine_;
  const Clock& clock_;
  std::function<void()> opened_;
  mutable base::Mutex mutex_;
  BreakerState state_ WEIR_GUARDED_BY(mutex_) = BreakerState::Closed;
  int failures_ WEIR_GUARDED_BY(mutex_) = 0;      // in a row
  Duration wait_ WEIR_GUARDED_BY(mutex_){};       // before the probe that is due or out
  Duration probe_due_ WEIR_GUARDED_BY(mutex_){};  // open: when; probing: when it counts as lost
  std::uint64_t times_opened_ WEIR_GUARDED_BY(mutex_) = 0;
};

}  // namespace weir::server
