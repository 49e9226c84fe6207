// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <list>
#include <memory>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "base/result.h"
#include "dispatcher/ports/wakeup_queue.h"
#include "dispatcher/wire/task_wire.h"

namespace weir::dispatcher {

/// Serves long polls of the wake-up queue (contract section 3.3.6). A request that finds a message
/// is answered at once; else it is parked, and one thread serves all parked ones, in the order they
/// came, when the desk is rung, and with nothing when their wait is over. Idle, the thread sleeps
/// until the first of these.
///
/// The ring is a hint from this process's relay and from the loops' look at the queue; what both
/// miss is found by the next request.
class WakeupDesk {
 public:
  /// Called once, from any thread.
  using Answer = std::move_only_function<void(Result<std::vector<ReceivedWakeup>>)>;
  /// Names a parked request.
  using Ticket = std::uint64_t;

  /// Both outlive the desk.
  WakeupDesk(WakeupQueue& queue, const Clock& clock);
  /// Stops.
  ~WakeupDesk();
  WakeupDesk(const WakeupDesk&) = delete;
  WakeupDesk& operator=(const WakeupDesk&) = delete;

  void start();
  /// Answers everyone with nothing; later requests get what there is.
  void stop() WEIR_EXCLUDES(mutex_);

  /// Answers at once, or parks: then gives the ticket of the request.
  std::optional<Ticket> wait(const WakeupRequest& request, Answer answer) WEIR_EXCLUDES(mutex_);
  /// Answers a parked request with nothing, if it is still parked: its caller has gone, or hurries.
  void give_up(Ticket ticket) WEIR_EXCLUDES(mutex_);
  /// There may be messages.
  void ring() WEIR_EXCLUDES(mutex_);

  std::size_t parked() const WEIR_EXCLUDES(mutex_);

 private:
  struct Parked {
    Ticket ticket = 0;
    std::vector<QueueName> queues;
    std::size_t max = 1;
    Duration until{};
    Answer answer;
  };

  void run() WEIR_EXCLUDES(mutex_);
  void serve() WEIR_EXCLUDES(mutex_);
  std::vector<Parked> take_due() WEIR_EXCLUDES(mutex_);

  WakeupQueue& queue_;
  const Clock& clock_;
  mutable base::Mutex mutex_;
  base::CondVar changed_;
  std::list<Parked> parked_ WEIR_GUARDED_BY(mutex_);
  Ticket last_ticket_ WEIR_GUARDED_BY(mutex_) = 0;
  bool rung_ WEIR_GUARDED_BY(mutex_) = false;
  bool stopping_ WEIR_GUARDED_BY(mutex_) = false;
  std::jthread thread_;
};

}  // namespace weir::dispatcher
