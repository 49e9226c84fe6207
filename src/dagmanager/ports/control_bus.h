// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "dagmanager/core/control_events.h"

namespace weir::dagmanager {

/// An event that waits to be told.
struct PendingEvent {
  std::string id;
  std::int64_t key_seq = 0;
  Instant created_at{};
  ControlEvent event;
};

/// How far behind telling is.
struct OutboxBacklog {
  std::size_t pending = 0;
  Instant oldest{};  ///< meaningless while nothing is pending
};

/// Port: the reading side of the outbox. Rows are written by GraphStore::commit, in the transaction
/// that causes them; the relay that sends them takes them from here. May be called from any thread.
class ControlBus {
 public:
  virtual ~ControlBus() = default;

  /// Events not told yet, rendered, in order per key, at most `limit`.
  virtual Result<std::vector<PendingEvent>> pending(std::size_t limit) = 0;

  virtual Result<OutboxBacklog> backlog() = 0;
};

}  // namespace weir::dagmanager
