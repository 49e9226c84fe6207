// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/error.h"
#include "base/random.h"
#include "server/http_server.h"
#include "server/http_wire.h"
#include "server/log.h"
#include "server/router.h"
#include "server/worker_pool.h"

namespace weir::server {

class HttpConnection;

/// What the connections of one listener share. Outlives them.
struct HttpContext {
  const HttpServerConfig& config;
  const Router& router;
  WorkerPool& workers;
  const Clock& clock;
  Random& random;
  Log& log;
  /// Told once by each connection when it has closed its socket.
  std::function<void(HttpConnection&)> closed;
};

/// One connection: reads a request, has a worker answer it, writes the answer, and begins again
/// with what is already buffered. Everything runs on the network thread but the handler, which sees
/// only the request. Kept alive by the operation it waits for.
///
///   Idle ─ first byte → Reading ─ whole → Handling ─ answered → Writing ─ kept → Idle
///                          └─ refused → Writing ─ not kept → Lingering → closed
class HttpConnection : public std::enable_shared_from_this<HttpConnection> {
 public:
  HttpConnection(boost::asio::ip::tcp::socket socket, HttpContext& context);

  void start();
  /// The listener stops: closes now unless a request that was read whole awaits its answer.
  void finish();
  /// Closes now.
  void close();

 private:
  enum class Phase : std::uint8_t { Idle, Reading, Handling, Writing, Lingering, Closed };
  using ErrorCode = boost::system::error_code;

  void wait_for_request();
  void read_head();
  void on_head(ErrorCode error);
  void continue_body();
  void read_body();
  void on_body(ErrorCode error);
  void handle();
  void refuse(const Error& error, std::optional<int> status = {});
  void write(HttpResponse response, bool keep_alive);
  void on_written(ErrorCode error);
  void linger();
  void report(int status);

  HttpContext& context_;
  boost::beast::tcp_stream stream_;
  boost::beast::flat_buffer buffer_;
  std::string peer_;
  Phase phase_ = Phase::Idle;
  bool finishing_ = false;

  // The request being served.
  std::optional<boost::beast::http::request_parser<boost::beast::http::string_body>> parser_;
  const HttpRoute* route_ = nullptr;
  HttpRequest request_;
  Duration began_{};
  bool read_whole_ = false;
  std::optional<WireResponse> response_;
  std::size_t lingered_ = 0;
};

}  // namespace weir::server
