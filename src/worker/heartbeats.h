// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <thread>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "base/random.h"
#include "server/log.h"
#include "worker/attempt.h"
#include "worker/backoff.h"
#include "worker/internal_api.h"

namespace weir::worker {

/// Keeps the leases of all running attempts: one thread, one request for all that are due. What an
/// answer says reaches the attempt: a cancel, a refusal of the fence, a new capability. While the
/// dispatcher is away it tries again and again; an attempt whose lease is over by then is stopped.
class Heartbeats {
 public:
  struct Config {
    Duration cancel_grace;  ///< for an operator whose task was canceled
    Duration kill_after;    ///< for one whose lease was lost
  };

  /// What it uses outlives it.
  Heartbeats(Config config, InternalApi& api, const Clock& clock, Random& random, server::Log& log);
  ~Heartbeats();
  Heartbeats(const Heartbeats&) = delete;
  Heartbeats& operator=(const Heartbeats&) = delete;

  void start();
  /// Sends none any more. Safe twice.
  void stop() WEIR_EXCLUDES(mutex_);

  void add(const AttemptPtr& attempt) WEIR_EXCLUDES(mutex_);
  void remove(const AttemptPtr& attempt) WEIR_EXCLUDES(mutex_);

 private:
  void run();
  Duration next_due() const WEIR_REQUIRES(mutex_);
  std::vector<AttemptPtr> take_due(Duration now) WEIR_REQUIRES(mutex_);
  void beat(const std::vector<AttemptPtr>& attempts);
  void take_answer(Attempt& attempt, const BeatAnswer& answer, Duration sent) const;
  void after_failure(const std::vector<AttemptPtr>& attempts, const Error& error)
      WEIR_EXCLUDES(mutex_);

  const Config config_;
  InternalApi& api_;
  const Clock& clock_;
  server::Log& log_;
  Backoff backoff_;
  bool away_ = false;

  mutable base::Mutex mutex_;
  base::CondVar changed_;
  std::map<AttemptPtr, Duration> due_ WEIR_GUARDED_BY(mutex_);
  /// When the thread looks again by itself.
  Duration wakes_at_ WEIR_GUARDED_BY(mutex_) = Duration::max();
  bool stopped_ WEIR_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace weir::worker
