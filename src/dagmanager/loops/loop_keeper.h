// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "base/result.h"
#include "dagmanager/ports/loops/loop_leases.h"
#include "server/log.h"
#include "server/loop_thread.h"

namespace weir::dagmanager {

/// Keeps this instance's rows of the loops (loop_leases.h has the protocol): renews what it holds
/// and takes what lapsed, in one statement every five seconds, earlier where another's row lapses
/// earlier. One thread. A store that does not answer is asked again every half second, and seven
/// seconds after the last answer this instance holds nothing any more, by its own clock.
class LoopKeeper {
 public:
  struct Parts {
    LoopLeases& leases;
    const Clock& clock;
    server::Log& log;
    std::string instance;  ///< as which it holds rows; new at each start
  };

  explicit LoopKeeper(Parts parts) : parts_(std::move(parts)), thread_(parts_.clock) {}
  ~LoopKeeper();
  LoopKeeper(const LoopKeeper&) = delete;
  LoopKeeper& operator=(const LoopKeeper&) = delete;

  /// A loop that this instance would run, before start(). `gained` is called when its row becomes
  /// this instance's, and while another has left something for it, from the keeper's thread; it
  /// must not block.
  void add(const std::string& loop, std::function<void()> gained);

  void start();
  /// From now on this instance holds nothing, so that passes under way end soon; the rows stay its
  /// own until stop(), for what such a pass has asked of a broker may still be under way.
  void let_go() WEIR_EXCLUDES(mutex_);
  /// Gives the rows back. Safe twice, and before start().
  void stop() WEIR_EXCLUDES(mutex_);

  /// The fence under which this instance runs the loop now; nothing if another does. A transaction
  /// of the loop names it, for it may be void by then.
  std::optional<LoopFence> held(const std::string& loop) const WEIR_EXCLUDES(mutex_);
  /// The loop has run: others hear of it with the next renewal.
  void ran(const std::string& loop, Instant at) WEIR_EXCLUDES(mutex_);
  /// All rows as they were seen last.
  std::vector<LoopLease> seen() const WEIR_EXCLUDES(mutex_);

  /// One renewal; gives in what time the next is due. For the thread, or for a caller without one.
  Duration run_once() WEIR_EXCLUDES(mutex_);

 private:
  struct Loop {
    std::function<void()> gained;
    std::optional<Instant> last_run;
    std::int64_t fence = 0;  // 0: not this instance's
  };

  std::vector<std::function<void()>> take_over(const std::vector<LoopLease>& leases)
      WEIR_REQUIRES(mutex_);
  void lapse() WEIR_REQUIRES(mutex_);

  const Parts parts_;
  mutable base::Mutex mutex_;
  std::map<std::string, Loop> loops_ WEIR_GUARDED_BY(mutex_);
  std::optional<Duration> trusted_until_ WEIR_GUARDED_BY(mutex_);
  std::vector<LoopLease> seen_ WEIR_GUARDED_BY(mutex_);
  bool stopping_ WEIR_GUARDED_BY(mutex_) = false;
  bool stopped_ = false;  // of the caller of stop()
  server::LoopThread thread_;
};

}  // namespace weir::dagmanager
