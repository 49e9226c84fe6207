// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/random.h"

namespace weir::server {

/// Where in a distributed trace a piece of work stands (W3C Trace Context, level 1).
struct TraceContext {
  std::string trace_id = {};  // 32 lower-case hex digits, not all zero
  std::string span_id = {};   // 16 lower-case hex digits, not all zero
  bool sampled = false;

  /// The `traceparent` header that hands this context on.
  std::string traceparent() const;
};

/// Reads a `traceparent`; nothing if it is malformed or of the forbidden version `ff`. Of a later
/// version the fields of version 00 are taken, as the recommendation says.
std::optional<TraceContext> parse_traceparent(std::string_view header);

/// A new trace with a new span, sampled.
TraceContext new_trace(Random& random);

/// A new span inside the caller's trace, or in a new trace if `header` holds none.
TraceContext continue_trace(std::string_view header, Random& random);

}  // namespace weir::server
