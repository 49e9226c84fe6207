// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "server/tracing/span.h"

namespace weir::server {

/// Whose spans they are.
struct TraceResource {
  std::string service = {};   // "weir-dagmanager"
  std::string instance = {};  // tells apart those that run at once
};

/// An ExportTraceServiceRequest in OTLP's JSON (opentelemetry-proto 1.x: ids in hex, times as
/// texts of nanoseconds). Always valid JSON and UTF-8.
std::string otlp_json(const TraceResource& resource, std::span<const SpanRecord> spans);

/// How many spans a collector that answered well says it refused (`partialSuccess`); 0 if its body
/// does not say.
std::size_t rejected_spans(std::string_view body);

}  // namespace weir::server
