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

/// Brings work in: waits for wake-ups while a slot is free, has the tasks they name claimed and,
/// unless they were fewer than there are free slots, as many more, and acknowledges the wake-ups
/// with the next poll. The dispatcher claims when it answers the poll; where it does not, a claim
/// follows. It is repeated with its own id until it is answered, so a lost reply costs nothing.
/// While more is ready than it could take it claims without waiting for wake-ups.
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
  /// An error if the poll was not answered.
  Result<PollAnswer> poll(std::size_t free, const std::string& claim_id);
  void claim(ClaimRequest request, std::size_t free);
  void take(ClaimAnswer answer, Duration at);
  void note_lost(const Error& error, const std::string& claim_id);
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
  bool polls_claim_ = true;
  std::string lost_claim_ = {};  ///< of a poll that was not answered

  mutable base::Mutex mutex_;
  base::CondVar changed_;
  bool stopping_ WEIR_GUARDED_BY(mutex_) = false;
  Duration stop_at_ WEIR_GUARDED_BY(mutex_){};
  std::thread thread_;
};

}  // namespace weir::worker
