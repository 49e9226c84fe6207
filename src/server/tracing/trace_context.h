// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "base/random.h"
#include "server/tracing/hex_text.h"

namespace weir::server {

using TraceId = HexText<32>;
using SpanId = HexText<16>;

/// "00-<trace>-<span>-<flags>"
inline constexpr std::size_t kTraceparentBytes = 2 + 1 + 32 + 1 + 16 + 1 + 2;

/// Where in a distributed trace a piece of work stands (W3C Trace Context, level 1). Plain data.
struct TraceContext {
  TraceId trace_id = {};  // not all zero
  SpanId span_id = {};    // not all zero
  bool sampled = false;   // whoever began the trace wants its spans
  SpanId parent_id = {};  // the span that this one is part of; empty: none

  bool empty() const { return trace_id.empty(); }
  /// The `traceparent` header that hands this context on.
  std::string traceparent() const;
  /// The same in place; gives the whole of `out`.
  std::string_view write_traceparent(std::array<char, kTraceparentBytes>& out) const;
};

/// Reads a `traceparent`; nothing if it is malformed or of the forbidden version `ff`. Of a later
/// version the fields of version 00 are taken, as the recommendation says.
std::optional<TraceContext> parse_traceparent(std::string_view header);

/// A new trace with a new span, sampled.
TraceContext new_trace(Random& random);

/// A new span inside the caller's trace, or in a new trace if `header` holds none.
TraceContext continue_trace(std::string_view header, Random& random);

/// A new span that is part of `parent`'s.
TraceContext child_of(const TraceContext& parent, Random& random);

}  // namespace weir::server
