// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "base/clock.h"
#include "base/mutex.h"
#include "base/result.h"
#include "drivers/process/file_descriptor.h"

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
/// shorten the grace. Whoever runs the child sleeps on the descriptor.
class StopSignal {
 public:
  static Result<StopSignal> create();
  StopSignal(StopSignal&& other) noexcept;
  StopSignal& operator=(StopSignal&&) = delete;
  StopSignal(const StopSignal&) = delete;
  StopSignal& operator=(const StopSignal&) = delete;
  ~StopSignal() = default;

  void ask(StopWish wish) WEIR_EXCLUDES(mutex_);
  StopWish wish() const WEIR_EXCLUDES(mutex_);

  /// Readable after an ask that changed something, until `clear`.
  int descriptor() const { return event_.number(); }
  void clear();

 private:
  explicit StopSignal(process::FileDescriptor event) : event_(std::move(event)) {}

  process::FileDescriptor event_;
  mutable base::Mutex mutex_;
  StopWish wish_ WEIR_GUARDED_BY(mutex_);
};

}  // namespace weir::worker
