// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/random.h"
#include "server/tracing/span.h"
#include "server/tracing/span_queue.h"
#include "tests/hand_clock.h"

namespace weir::server::test {

/// A tracer whose spans a test looks at.
struct RecordingTracer {
  weir::test::HandClock clock;
  base::SeededRandom random{7};
  std::size_t dropped = 0;
  SpanQueue queue{{}, clock, [this](std::size_t count) { dropped += count; }};
  Tracer tracer{clock, random, queue};

  /// All that ended since the last call, by name.
  std::map<std::string, SpanRecord> taken() {
    std::map<std::string, SpanRecord> spans;
    while (queue.due_at()) {
      for (SpanRecord& span : queue.take()) spans.emplace(span.name, std::move(span));
      queue.release(0);
    }
    return spans;
  }
};

inline TraceContext sampled_trace() {
  return {.trace_id = TraceId("0af7651916cd43dd8448eb211c80319c"),
          .span_id = SpanId("00f067aa0ba902b7"),
          .sampled = true,
          .parent_id = SpanId("b7ad6b7169203331")};
}

}  // namespace weir::server::test
