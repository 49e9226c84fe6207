// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "base/result.h"
#include "server/log.h"
#include "worker/attempt.h"
#include "worker/child/child_run.h"
#include "worker/child/scratch.h"
#include "worker/completions.h"
#include "worker/heartbeats.h"
#include "worker/limits.h"
#include "worker/operator_table.h"
#include "worker/task_door.h"

namespace weir::worker {

/// What the slots use; each outlives them.
struct SlotParts {
  const WorkerConfig& config;
  const OperatorTable& operators;
  const Scratch& scratch;
  pid_t guardian;  ///< a child that is no attempt's; 0: none
  /// `TRACE_SECRET_<NAME>` and their values.
  const std::map<std::string, std::string>& secrets;
  /// What else no log may show.
  const std::vector<std::string>& hidden;
  DoorParts door;
  Heartbeats& heartbeats;
  Completions& completions;
  const Clock& clock;
  server::Log& log;
};

/// The places where operators run, one thread each: it starts the child, so the kernel ends the
/// child with it. An attempt occupies a place from the moment it is handed over until its outcome
/// waits to be reported and nothing of it is left.
///
/// Where attempts are short, some are taken ahead of a free place, so that a place never waits for
/// a claim: at most what the places begin within kAheadSpan.
class Slots {
 public:
  explicit Slots(const SlotParts& parts);
  ~Slots();
  Slots(const Slots&) = delete;
  Slots& operator=(const Slots&) = delete;

  void start();
  /// Runs an attempt whose claim was sent at `claim_sent` (Clock::monotonic). One that finds no
  /// free place is released.
  void run(Claimed claimed, Duration claim_sent) WEIR_EXCLUDES(mutex_);

  /// Waits until a place is free, or with `ahead` until one can be expected soon; says how many
  /// attempts are wanted, 0 once `no_more` was called.
  std::size_t wait_free(bool ahead) WEIR_EXCLUDES(mutex_);
  /// Wakes `wait_free` for good; what no place is free for is released.
  void no_more() WEIR_EXCLUDES(mutex_);
  /// Waits until nothing runs; false if something still does after `span`.
  bool wait_idle(Duration span) WEIR_EXCLUDES(mutex_);
  /// Asks all that run to stop.
  void stop_all(const StopWish& wish) WEIR_EXCLUDES(mutex_);
  /// Waits for the threads: everything was asked to stop before. Safe twice.
  void join() WEIR_EXCLUDES(mutex_);

 private:
  /// False: there is no place for it.
  bool take(const AttemptPtr& attempt) WEIR_EXCLUDES(mutex_);
  void work(std::size_t number);
  void run_attempt(const AttemptPtr& attempt, std::unique_ptr<TaskDoor>& door, std::size_t number);
  Result<ChildEnd> run_operator(Attempt& attempt, const std::filesystem::path& folder,
                                const std::string& socket);
  ChildSpec spec_of(const Attempt& attempt, const std::filesystem::path& folder,
                    const std::string& socket) const;
  void report(const AttemptPtr& attempt, const Result<ChildEnd>& end);
  /// When an outcome is reported: nobody hurries while attempts wait for a slot.
  Report when() const WEIR_EXCLUDES(mutex_);
  void prune_logs_sometimes();
  std::size_t ahead_max() const WEIR_REQUIRES(mutex_);
  /// Attempts are wanted when there are fewer than this.
  std::size_t wanted_below() const WEIR_REQUIRES(mutex_);
  void release(const AttemptPtr& attempt) WEIR_REQUIRES(mutex_);
  void note_pace(Duration took) WEIR_REQUIRES(mutex_);

  const SlotParts parts_;
  const std::string ingest_roots_;  // as JSON, for the environment

  struct Waiting {
    AttemptPtr attempt;
    Duration taken_at{};
  };

  mutable base::Mutex mutex_;
  base::CondVar changed_;
  base::CondVar work_;  // a slot's thread has something to do
  std::deque<Waiting> waiting_ WEIR_GUARDED_BY(mutex_);
  std::set<AttemptPtr> running_ WEIR_GUARDED_BY(mutex_);
  std::optional<Duration> pace_ WEIR_GUARDED_BY(mutex_);  // of an attempt, cautiously
  bool ahead_ WEIR_GUARDED_BY(mutex_) = false;            // whoever brings them in takes some ahead
  std::size_t logs_since_count_ WEIR_GUARDED_BY(mutex_) = 0;
  bool no_more_ WEIR_GUARDED_BY(mutex_) = false;
  bool ending_ WEIR_GUARDED_BY(mutex_) = false;
  std::vector<std::thread> threads_;
};

}  // namespace weir::worker
