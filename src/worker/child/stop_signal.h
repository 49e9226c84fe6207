// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/mutex.h"
#include "base/result.h"

namespace weir::worker {

/// Why a child is stopped before it ends by itself.
enum class StopReason : std::uint8_t {
  None,
  Canceled,   ///< the dispatcher said so
  Deadline,   ///< the attempt's time is over
  LeaseLost,  ///< another attempt may run: fenced, or the lease could not be extended
  Finished,   ///< it completed its task itself and went on for too long
  Drain,      ///< this worker ends
};

struct StopWish {
  StopReason reason = StopReason::None;
  /// From SIGTERM to SIGKILL.
  Duration grace{};
  /// `cancel_reason`, or the code of the refusal.
  std::string detail = {};
};

/// The wish that a child stops. Any thread may ask; the first reason stays, a later ask can only
/// shorten the grace. Whoever runs the child sleeps on a descriptor, which is the thread's: one of
/// each attempt that waits would be copied and closed at the start of every child.
class StopSignal {
 public:
  StopSignal() = default;
  StopSignal(const StopSignal&) = delete;
  StopSignal& operator=(const StopSignal&) = delete;
  ~StopSignal() = default;

  void ask(StopWish wish) WEIR_EXCLUDES(mutex_);
  StopWish wish() const WEIR_EXCLUDES(mutex_);

  /// The calling thread's descriptor, readable after an ask that changed something, one of before
  /// too, until `clear`. The thread watches one signal at a time, until `unwatch`; `no_descriptor`
  /// if there is none to be had.
  Result<int> watch() WEIR_EXCLUDES(mutex_);
  void unwatch() WEIR_EXCLUDES(mutex_);
  void clear() WEIR_EXCLUDES(mutex_);

 private:
  void tell() WEIR_REQUIRES(mutex_);
  void take_back() WEIR_REQUIRES(mutex_);

  mutable base::Mutex mutex_;
  std::optional<int> event_ WEIR_GUARDED_BY(mutex_);  // of the thread that watches
  bool told_ WEIR_GUARDED_BY(mutex_) = false;         // it is readable
  StopWish wish_ WEIR_GUARDED_BY(mutex_);
};

}  // namespace weir::worker
