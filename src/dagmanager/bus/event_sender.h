// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "dagmanager/ports/control_bus.h"
#include "dagmanager/ports/events/event_wire.h"
#include "dagmanager/ports/loops/loop_leases.h"
#include "server/breaker.h"
#include "server/log.h"

namespace weir::dagmanager {

/// Sends published control events to the bus (contract section 1.4), as the holder of the loop
/// `relay`: the events of a key one after another, keys side by side. An event that cannot be sent
/// holds up its own key until the next pass; one above kEnvelopeBytesMax is for the event stream
/// only, and counts as sent. Killed between sending and acknowledging: the next holder sends the
/// same bytes under the same id again.
class EventSender {
 public:
  struct Parts {
    ControlBus& bus;
    EventWire& wire;
    server::Breaker& breaker;
    const Clock& clock;
    server::Log& log;
    std::function<bool(const LoopFence&)> holds;  ///< whether this instance still does
    std::function<void()> oversize;               ///< an event was too large for the bus
  };

  explicit EventSender(Parts parts) : parts_(std::move(parts)) {}

  /// One pass over all that waits; tells how many the bus acknowledged. An error where anything is
  /// left, the first there was; what was sent by then is recorded.
  Result<std::size_t> run_once(const LoopFence& fence);

 private:
  class Page;

  Result<std::size_t> send(const LoopFence& fence, const std::vector<PendingEvent>& events);

  const Parts parts_;

  // Of a pass.
  std::set<std::string> held_;   // keys that an event holds up
  std::optional<Error> failed_;  // the first of them
};

}  // namespace weir::dagmanager
