// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "dagmanager/core/control_events.h"

namespace weir::dagmanager {

/// What became of an event that was sent.
struct SendOutcome {
  std::int64_t number = 0;
  Result<void> sent;  ///< Ok: it is there for good. Else it may be there or not
};

/// Port: what takes control events to their consumers. It knows nothing of the order of keys: who
/// sends has one event of a key under way at a time. For one thread, but for ping().
class EventWire {
 public:
  virtual ~EventWire() = default;

  /// Makes what the events are sent to, where it is missing. Cheap once it is there.
  virtual Result<void> prepare() = 0;
  /// Begins to send; an outcome comes of it unless this fails. RESOURCE_EXHAUSTED while too much is
  /// under way.
  virtual Result<void> send(std::int64_t number, const ControlEvent& event) = 0;
  /// What came out, waiting for the first up to `wait`. Every event has its outcome in bounded
  /// time, kSendTimeout.
  virtual std::vector<SendOutcome> outcomes(Duration wait) = 0;
  /// Whether anybody is there. From any thread.
  virtual Result<void> ping() = 0;
};

}  // namespace weir::dagmanager
