// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "base/random.h"
#include "server/log.h"
#include "worker/backoff.h"
#include "worker/completions.h"
#include "worker/internal_api.h"
#include "worker/slots.h"

namespace weir::worker {

/// Brings work in: waits for wake-ups while a slot is free, claims the tasks they name and, unless
/// they were fewer than there are free slots, as many more, and acknowledges the wake-ups with the
/// next poll. A claim is repeated with its own id until it is answered, so a lost reply costs
/// nothing. While more is ready than it could take it claims without waiting for wake-ups.
class ClaimLoop {
 public:
  /// What it uses outlives it.
  ClaimLoop(DispatcherPort& port, InternalApi& api, Slots& slots, Completions& completions,
            const Clock& clock, Random& random, server::Log& log);
  ~ClaimLoop();
  ClaimLoop(const ClaimLoop&) = delete;
  ClaimLoop& operator=(const ClaimLoop&) = delete;

  void start();
  /// Claims nothing more; a claim that is under way is still tried to its answer, at most
  /// kLastClaim. Safe twice.
  void stop() WEIR_EXCLUDES(mutex_);

 private:
  void run();
  /// The tasks that wake-ups named; an error if the poll was not answered.
  Result<std::vector<std::string>> poll(std::size_t free);
  void claim(const std::vector<std::string>& task_ids, std::size_t free);
  std::vector<std::string> queues();
  /// Whether to go on, after a pause.
  bool pause() WEIR_EXCLUDES(mutex_);
  bool is_stopping() const WEIR_EXCLUDES(mutex_);
  void tell_away(const Error& error);

  DispatcherPort& port_;
  InternalApi& api_;
  Slots& slots_;
  Completions& completions_;
  const Clock& clock_;
  Random& random_;
  server::Log& log_;
  Backoff backoff_;
  std::vector<std::string> acks_;
  Duration acks_since_{};
  // Something may be ready for a claim by rank. At the start too: its bells may have gone to
  // workers that do not run it.
  bool more_ = true;
  bool away_ = false;

  mutable base::Mutex mutex_;
  base::CondVar changed_;
  bool stopping_ WEIR_GUARDED_BY(mutex_) = false;
  Duration stop_at_ WEIR_GUARDED_BY(mutex_){};
  std::thread thread_;
};

}  // namespace weir::worker
