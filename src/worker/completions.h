// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "base/random.h"
#include "server/log.h"
#include "worker/backoff.h"
#include "worker/internal_api.h"

namespace weir::worker {

/// When an outcome goes out.
enum class Report : std::uint8_t {
  AtOnce,
  Together,  ///< with others, at most kReportSpan later
};

/// Reports outcomes: one thread, everything that waits in one request, again and again until each
/// is answered. A repeat is harmless: the dispatcher knows the outcome of an attempt (section
/// 3.3.5). An answer of the fence ends the matter too.
class Completions {
 public:
  /// What it uses outlives it.
  Completions(InternalApi& api, const Clock& clock, Random& random, server::Log& log);
  ~Completions();
  Completions(const Completions&) = delete;
  Completions& operator=(const Completions&) = delete;

  void start();
  /// Waits, at most `span`, until all is reported, then gives up the rest, which ends by its lease.
  /// True if all was. Safe twice.
  bool stop(Duration span) WEIR_EXCLUDES(mutex_);

  void report(Completion completion, Report when = Report::AtOnce) WEIR_EXCLUDES(mutex_);
  /// How many wait.
  std::size_t waiting() const WEIR_EXCLUDES(mutex_);
  /// Waits until fewer than `count` wait, or it is stopped.
  void wait_below(std::size_t count) WEIR_EXCLUDES(mutex_);

 private:
  void run();
  /// Waits until a batch is due; false once it is stopped.
  bool wait_due() WEIR_REQUIRES(mutex_);
  std::vector<Completion> take_batch() WEIR_REQUIRES(mutex_);
  /// What is to be sent again.
  std::vector<Completion> send(std::vector<Completion> batch);
  std::vector<Completion> send_one_by_one(std::vector<Completion> batch);
  void finish(std::vector<Completion> again) WEIR_EXCLUDES(mutex_);

  InternalApi& api_;
  const Clock& clock_;
  server::Log& log_;
  Backoff backoff_;
  bool away_ = false;

  mutable base::Mutex mutex_;
  base::CondVar changed_;
  std::deque<Completion> waiting_ WEIR_GUARDED_BY(mutex_);
  bool hurry_ WEIR_GUARDED_BY(mutex_) = false;   // what waits goes at once
  Duration first_at_ WEIR_GUARDED_BY(mutex_){};  // since when something waits
  std::size_t sending_ WEIR_GUARDED_BY(mutex_) = 0;
  bool stopped_ WEIR_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace weir::worker
