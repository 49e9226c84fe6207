// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"

namespace weir::server {

/// A control event as readers of a stream get it.
struct StreamEvent {
  std::int64_t number = 0;  ///< its place in the stream, from 1, without gaps
  std::string type;         ///< of the envelope
  std::string world;        ///< that it is about; empty: of none
  std::string envelope;     ///< JSON on one line
};

/// What is kept of a stream.
struct EventPage {
  std::int64_t oldest = 1;  ///< the first number kept; newest + 1 if none is
  std::int64_t newest = 0;  ///< the last number given
  std::vector<StreamEvent> events;
};

/// Port: the events of a role that have their numbers, for as long as they are kept. A number that
/// was read never changes its event, and nothing appears below one that was read.
class EventLog {
 public:
  virtual ~EventLog() = default;

  /// The events of `stream` above `after`, rising, at most `limit`; fewer where they are large,
  /// but one if there is one. A stream that nobody has written to is empty.
  virtual Result<EventPage> read(const std::string& stream, std::int64_t after,
                                 std::size_t limit) = 0;
};

}  // namespace weir::server
