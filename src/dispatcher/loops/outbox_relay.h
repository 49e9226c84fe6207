// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <thread>

#include "base/clock.h"
#include "base/mutex.h"
#include "base/random.h"
#include "base/result.h"
#include "dispatcher/ports/outbox.h"
#include "dispatcher/ports/wakeup_queue.h"
#include "dispatcher/tasks/wakeup_desk.h"
#include "server/log.h"

namespace weir::dispatcher {

struct OutboxRelayParts {
  Outbox& outbox;
  WakeupQueue& queue;
  Clock& clock;
  Random& random;
  server::Log& log;
  WakeupDesk& desk;
  std::function<void()> events_published = {};  ///< control events have got their numbers
};

/// Drains the outbox (contract section 5.4): one thread that sleeps until it is nudged. Where queue
/// and outbox are one database, wake-ups are handed over in one transaction, straight to whoever
/// waits for them at the desk; elsewhere they are taken, sent outside of any transaction, and
/// settled. Killed between: a row that stays in `sending` is taken again after its lock; a message
/// may be sent twice, never not at all.
class OutboxRelay {
 public:
  explicit OutboxRelay(OutboxRelayParts parts);
  ~OutboxRelay();
  OutboxRelay(const OutboxRelay&) = delete;
  OutboxRelay& operator=(const OutboxRelay&) = delete;

  void start();
  void stop() WEIR_EXCLUDES(mutex_);
  void nudge() WEIR_EXCLUDES(mutex_);

  /// Until nothing is ready; gives how many rows went out. The thread does nothing else.
  Result<std::size_t> run_once();

 private:
  void run() WEIR_EXCLUDES(mutex_);
  Result<std::size_t> send_page();

  const OutboxRelayParts parts_;
  base::Mutex mutex_;
  base::CondVar changed_;
  bool nudged_ WEIR_GUARDED_BY(mutex_) = false;
  bool stopping_ WEIR_GUARDED_BY(mutex_) = false;
  std::jthread thread_;
};

}  // namespace weir::dispatcher
