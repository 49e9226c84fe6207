// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <functional>
#include <memory>

#include "base/clock.h"
#include "base/random.h"
#include "base/result.h"
#include "server/log.h"
#include "server/span_exporter.h"
#include "server/tracing/span.h"
#include "server/tracing/span_queue.h"

namespace weir::server {

/// All that a role needs to tell of spans: what makes them, where they wait, who sends them. A role
/// without a collector has none, and a null Tracer.
class Telemetry {
 public:
  struct Parts {
    const Clock& clock;
    Random& random;
    Log& log;
    /// Told how many spans reach nobody; from any thread, must not block.
    std::function<void(std::size_t)> dropped;
  };
  /// What `parts` refer to outlives it, and it whatever is given the tracer.
  static Result<std::unique_ptr<Telemetry>> create(SpanExporter::Config config, Parts parts) {
    std::unique_ptr<Telemetry> made(new Telemetry(parts));
    WEIR_TRY(made->exporter_,
             SpanExporter::create(std::move(config), {made->queue_, parts.clock, parts.log}));
    return made;
  }

  Tracer& tracer() { return tracer_; }
  void start() { exporter_->start(); }
  /// When everything that makes spans has stopped. Safe twice and before start.
  void stop() { exporter_->stop(); }

 private:
  explicit Telemetry(const Parts& parts)
      : queue_({}, parts.clock, parts.dropped), tracer_(parts.clock, parts.random, queue_) {}

  SpanQueue queue_;
  Tracer tracer_;
  std::unique_ptr<SpanExporter> exporter_;
};

}  // namespace weir::server
