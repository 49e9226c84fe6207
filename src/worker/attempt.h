// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/mutex.h"
#include "base/result.h"
#include "worker/child/stop_signal.h"
#include "worker/internal_api.h"

namespace weir::worker {

/// One attempt that this worker holds the lease of: what was claimed, and what changes while it
/// runs. Shared by its slot, its door and the heartbeats; any thread.
class Attempt {
 public:
  /// `claim_sent` is when the claim was sent, by Clock::monotonic: the lease cannot end sooner than
  /// counted from there.
  Attempt(Claimed claimed, Duration claim_sent);

  const Claimed& claimed() const { return claimed_; }
  const operators::TaskPayload& payload() const { return claimed_.payload; }
  std::string task_id() const { return claimed_.payload.task_id.text(); }
  StopSignal& stop() { return stop_; }
  /// When its time is over, by Clock::monotonic; nothing: it has no end. `now` is the wall clock,
  /// `monotonic` the other at the same moment.
  std::optional<Duration> deadline(Instant now, Duration monotonic) const;

  /// What heartbeats learned.
  struct Standing {
    bool canceled = false;
    std::string cancel_reason = {};
    bool paused = false;
    std::string lease_expires_at = {};
  };
  Standing standing() const WEIR_EXCLUDES(mutex_);
  std::string capability() const WEIR_EXCLUDES(mutex_);
  /// The moment of its lease's end, by Clock::monotonic.
  Duration lease_end() const WEIR_EXCLUDES(mutex_);
  /// Takes in the answer to a heartbeat that was sent at `sent`.
  void take(const BeatAnswer& answer, Duration sent) WEIR_EXCLUDES(mutex_);

  void set_progress(std::string json) WEIR_EXCLUDES(mutex_);
  Beat beat() const WEIR_EXCLUDES(mutex_);

  /// The operator has completed the task itself, by this outcome.
  void set_own_outcome(std::string outcome) WEIR_EXCLUDES(mutex_);
  std::optional<std::string> own_outcome() const WEIR_EXCLUDES(mutex_);

  /// Whether one more request is within the rate (section 3.4).
  bool admit(Duration now) WEIR_EXCLUDES(mutex_);

 private:
  const Claimed claimed_;
  StopSignal stop_;

  mutable base::Mutex mutex_;
  Standing standing_ WEIR_GUARDED_BY(mutex_);
  std::string capability_ WEIR_GUARDED_BY(mutex_);
  Duration lease_end_ WEIR_GUARDED_BY(mutex_);
  std::string progress_ WEIR_GUARDED_BY(mutex_);
  std::optional<std::string> own_outcome_ WEIR_GUARDED_BY(mutex_);
  double allowance_ WEIR_GUARDED_BY(mutex_);
  Duration allowance_at_ WEIR_GUARDED_BY(mutex_);
};

using AttemptPtr = std::shared_ptr<Attempt>;

}  // namespace weir::worker
