// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "dagmanager/core/control_events.h"

namespace weir::dagmanager {

struct LoopFence;  // ports/loops/loop_leases.h

/// An event that waits to be told.
struct PendingEvent {
  std::string id;
  std::int64_t key_seq = 0;
  Instant created_at{};
  ControlEvent event;
  std::int64_t number = 0;  ///< of a published one
};

/// How far behind telling is: of events without a number, and of those not sent where a bus is.
struct OutboxBacklog {
  std::size_t pending = 0;
  Instant oldest{};  ///< meaningless while nothing is pending
};

/// What prune() did.
struct PrunedEvents {
  std::size_t removed = 0;
  std::optional<Instant> oldest = {};  ///< when the oldest event that is kept was published
};

/// Port: the outbox. Rows are written by GraphStore::commit, in the transaction that causes them,
/// and wait here until they are published: given their places in the one stream that everybody
/// reads (server::EventLog). Where a bus is, each is sent besides, by the holder of one loop, and
/// waits here until that is acknowledged; else its number counts as sent. May be called from any
/// thread, and from any number of instances.
class ControlBus {
 public:
  virtual ~ControlBus() = default;

  /// Events not published yet, rendered, in order per key, at most `limit`.
  virtual Result<std::vector<PendingEvent>> pending(std::size_t limit) = 0;

  virtual Result<OutboxBacklog> backlog() = 0;

  /// Gives the oldest waiting events, at most `limit`, the next numbers, without a gap, in order
  /// per key; tells how many. One transaction: killed in the middle, none has a number, and the
  /// next call gives the same ones to the same events.
  virtual Result<std::size_t> publish(std::size_t limit, Instant now) = 0;

  /// Events with numbers above `after` that are not acknowledged, rendered, by number, which is in
  /// order per key; at most `limit`, fewer where they are large, none only if there is none.
  virtual Result<std::vector<PendingEvent>> unsent(std::int64_t after, std::size_t limit) = 0;

  /// These are with the bus for good. One statement, under the fence of the loop that sends.
  virtual Result<void> acknowledge(const LoopFence& fence, std::span<const std::int64_t> numbers,
                                   Instant now) = 0;

  /// Forgets events that were published, and acknowledged, before `before`, oldest first, at most
  /// `limit`; never one that waits.
  virtual Result<PrunedEvents> prune(Instant before, std::size_t limit) = 0;
};

/// Port: tells when there is something to do for who publishes and for who reads. It may ring for
/// nothing, and does so whenever it may have missed something.
class EventBell {
 public:
  /// Called from a thread of the bell's, or of whoever commits; must not block.
  struct Calls {
    std::function<void()> written;    ///< events wait to be published
    std::function<void()> published;  ///< events were published, by any instance
  };

  virtual ~EventBell() = default;
  /// Once, before anything is committed.
  virtual void start(Calls calls) = 0;
  /// No call is made, or runs, after it. Safe twice.
  virtual void stop() = 0;
};

}  // namespace weir::dagmanager
