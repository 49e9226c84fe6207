// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/random.h"
#include "base/result.h"
#include "server/http/listen_address.h"
#include "server/http/problem.h"
#include "server/http/router.h"
#include "server/limits.h"
#include "server/log.h"
#include "server/tracing/span.h"

namespace weir::server {

struct HttpServerConfig {
  ListenAddress address = {};
  /// Rights on the file of a Unix socket. Its folder, if missing, is made for the owner alone.
  unsigned socket_mode = kHttpSocketMode;
  std::size_t handler_threads = kHttpHandlerThreads;
  /// Handlers that read bodies themselves, at once; none are started without such a route.
  std::size_t stream_threads = kHttpStreamThreads;
  /// Connections open at once; further ones wait in the kernel until one closes.
  std::size_t connections_max = kHttpConnectionsMax;
  std::chrono::milliseconds read_timeout = kHttpReadTimeout;
  std::chrono::milliseconds write_timeout = kHttpWriteTimeout;
  std::chrono::milliseconds idle_timeout = kHttpIdleTimeout;
  /// Silence of a peer in the middle of a body that a handler reads itself.
  std::chrono::milliseconds stream_timeout = kHttpStreamTimeout;
  /// The code that goes with 413.
  std::string too_large_reason = "body_too_large";
  /// Words errors, the listener's own included; a role with a table of codes of its own gives
  /// another. Runs on the network thread; must not block.
  std::function<HttpResponse(const Error& error, std::string_view request_id,
                             std::optional<int> status)>
      problem = problem_response;

  Result<void> validate() const;
};

/// What the listener uses; each outlives it.
struct HttpServerPorts {
  Random& random;
  Log& log;
  /// Tells of each request as a span, and of what is done for it; null: of none.
  Tracer* tracer = nullptr;
};

/// An HTTP/1.1 listener (Boost.Beast), on a TCP port or a Unix socket. One network thread reads and
/// writes; handlers run on worker threads and never on it. Keeps connections alive, serves
/// pipelined requests in order, answers HEAD from GET. Malformed, oversized and slow requests cost
/// their sender the connection and nothing else. Idle, no thread wakes: each connection has one
/// timer for what it is doing.
///
/// Faults it answers itself, as problem details: 400 `malformed_request`, 404 `no_such_route`,
/// 405 `method_not_allowed`, 413 `body_too_large`, 431 `headers_too_large`, 500 `internal`,
/// 501 `transfer_encoding_unsupported`, 503 `overloaded`.
class HttpServer {
 public:
  static Result<std::unique_ptr<HttpServer>> create(HttpServerConfig config, Router router,
                                                    HttpServerPorts ports);
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  /// Binds and serves; fails with UNAVAILABLE `listen_failed` (address in use, unknown host). A
  /// socket file that nobody listens on any more is replaced.
  Result<void> start();

  /// Accepts nothing more, tells those who answer later to hurry, lets requests that are being
  /// handled be answered within `span`, closes everything and returns when no handler runs. Safe
  /// twice, before start, and from any thread but a handler's.
  void stop(Duration span = {});

  /// The bound port, after start; 0 for a Unix socket.
  std::uint16_t port() const;

 private:
  class State;
  explicit HttpServer(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace weir::server
