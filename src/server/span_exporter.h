// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "drivers/http/cancel_flag.h"
#include "server/log.h"
#include "server/loop_thread.h"
#include "server/tracing/otlp_json.h"
#include "server/tracing/span_queue.h"

namespace weir::http {
class HttpClient;
struct Reply;
}  // namespace weir::http

namespace weir::server {

/// Where spans go: "http(s)://host:port" with the collector's path behind it, if it has one, and
/// then `/v1/traces`.
struct TraceEndpoint {
  std::string base;  // "http://localhost:4318"
  std::string path;  // "/v1/traces"
};

/// INVALID_ARGUMENT `bad_endpoint`: another scheme, a user, a query, no host.
Result<TraceEndpoint> read_trace_endpoint(std::string_view text);

/// Sends what waits in a SpanQueue to a collector, as OTLP over HTTP in JSON (contract section
/// 3.26), on a thread of its own that sleeps while nothing is due.
///
/// A collector that is away, or answers 429, 502, 503 or 504, is asked again after 1, 2, 4 ... 60
/// s, or after its Retry-After; meanwhile the queue fills and then drops. A batch that was tried
/// kExportTriesMax times, or refused with another status, is dropped and counted. Killed, what
/// waited is lost: spans tell of what was done and are no part of it.
class SpanExporter {
 public:
  struct Config {
    TraceEndpoint endpoint;
    TraceResource resource;
  };
  /// Each outlives the exporter.
  struct Parts {
    SpanQueue& queue;
    const Clock& clock;
    Log& log;
  };
  static Result<std::unique_ptr<SpanExporter>> create(Config config, Parts parts);
  ~SpanExporter();
  SpanExporter(const SpanExporter&) = delete;
  SpanExporter& operator=(const SpanExporter&) = delete;

  void start();
  /// Cuts what is on its way, then sends what waits within kLastExportTimeout unless the collector
  /// is away. Safe twice and before start.
  void stop();

  /// Sends every batch that is due; gives when the next is, nothing if none waits.
  std::optional<Duration> run_once();

 private:
  enum class Outcome : std::uint8_t { Taken, Later, Refused, Cut };

  SpanExporter(Config config, Parts parts, std::unique_ptr<weir::http::HttpClient> client);
  /// Puts the next batch in hand; false if none waits.
  bool take_batch();
  Outcome send_batch(Duration timeout, weir::http::CancelFlag* cancel);
  Outcome judge(const Result<weir::http::Reply>& reply);
  void batch_is_gone(std::size_t lost);
  void put_off();
  void note_failure(const std::string& why);

  const Config config_;
  const Parts parts_;
  const std::unique_ptr<weir::http::HttpClient> client_;
  weir::http::CancelFlag cancel_;
  LoopThread thread_;

  // Only of the thread, and of stop() when it has ended.
  std::size_t batch_ = 0;  // spans in hand
  std::string body_;       // of them
  int tries_ = 0;
  Duration pause_{};  // zero: the last try went well
  Duration again_at_{};
  Duration retry_after_{};  // as the collector asked
  std::size_t rejected_ = 0;
  bool failing_ = false;  // and it was logged
  bool stopped_ = false;
};

}  // namespace weir::server
