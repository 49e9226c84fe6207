// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/buffer_body.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/serializer.hpp>
#include <boost/beast/http/string_body.hpp>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/error.h"
#include "base/random.h"
#include "server/http/http_exchange.h"
#include "server/http/http_server.h"
#include "server/http/http_wire.h"
#include "server/http/router.h"
#include "server/log.h"
#include "server/worker_pool.h"

namespace weir::server {

class HttpConnection;

/// What the connections of one listener share. Outlives them.
struct HttpContext {
  const HttpServerConfig& config;
  const Router& router;
  WorkerPool& workers;
  WorkerPool* streams;  // nothing if no route reads bodies itself
  const Clock& clock;
  Random& random;
  Log& log;
  Tracer* tracer;  // nothing: no spans
  /// Told once by each connection when it has closed its socket.
  std::function<void(HttpConnection&)> closed;
};

/// One connection: reads a request, has a worker answer it, writes the answer, and begins again
/// with what is already buffered. Everything runs on the network thread but the handler, which sees
/// only the request and the exchange. Kept alive by the operation it waits for, and by the
/// exchange.
///
///   Idle ─ first byte → Reading ─ whole → Handling ─ answered → Writing ─ kept → Idle
///                          │                  └─ begun → Streaming ─ ended ──┘
///                          └─ refused → Writing ─ not kept → Lingering → closed
///
/// While a request waits for an answer that comes later, the connection reads ahead a little: that
/// is how it learns that the peer is gone. There is one read at a time, of whatever kind; who needs
/// it ended says what comes then (`after_reading`).
class HttpConnection : public std::enable_shared_from_this<HttpConnection> {
 public:
  using Socket = boost::asio::generic::stream_protocol::socket;

  HttpConnection(Socket socket, HttpContext& context);

  void start();
  /// The listener stops: closes now unless a request that is handled awaits its answer.
  void finish();
  /// Closes now if a handler reads or writes a body in blocks, which ends its wait.
  void interrupt();
  /// Closes now.
  void close();

  // What the exchange asks for, on the network thread.
  boost::asio::any_io_executor executor() { return stream_.get_executor(); }
  /// True while this is the exchange of the request being served.
  bool serves(const HttpExchange& exchange) const { return exchange_.get() == &exchange; }
  void on_answer(Result<HttpResponse> answered);
  void on_begin(const HttpResponse& head);
  void read_block();
  void send_blocks();

 private:
  enum class Phase : std::uint8_t {
    Idle,
    Reading,
    Handling,
    Writing,
    Streaming,
    Lingering,
    Closed
  };
  using ErrorCode = boost::system::error_code;
  using Step = void (HttpConnection::*)();
  static constexpr std::size_t kReadBytes = 4096;
  static constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";

  /// True if the bytes were at fault and not the connection.
  static bool is_malformed(const ErrorCode& error);

  void wait_for_request();
  void read_head();
  void on_head(ErrorCode error);
  void route_request();
  void continue_body();
  void read_body();
  void on_body(ErrorCode error);
  void handle();
  void handle_later();
  void handle_stream();
  HttpRequest take_request();
  void refuse(const Error& error, std::optional<int> status = {});
  void refuse_large();
  void write(HttpResponse response, bool keep_alive);
  void end_request(bool keep_alive);
  void begin_linger();
  void linger();
  void report(int status);
  void tell_span(int status, Duration taken);

  // http_connection_stream.cc
  void parse_block();
  void on_block(ErrorCode error);
  void end_block(ErrorCode error);
  void watch();
  void on_watched(ErrorCode error, std::size_t bytes);
  void after_reading(Step step);
  bool went_on();
  void send_last();

  HttpContext& context_;
  boost::beast::basic_stream<boost::asio::generic::stream_protocol> stream_;
  boost::beast::flat_buffer buffer_;
  std::string peer_;
  std::optional<std::uint32_t> peer_uid_;
  Phase phase_ = Phase::Idle;
  bool finishing_ = false;
  bool reading_ = false;     // a watch or a block read is under way
  Step step_ = nullptr;      // what comes when it has ended
  bool peer_ended_ = false;  // nothing more will come from it

  // The request being served.
  std::optional<boost::beast::http::request_parser<boost::beast::http::string_body>> parser_;
  std::optional<boost::beast::http::request_parser<boost::beast::http::buffer_body>> body_parser_;
  const HttpRoute* route_ = nullptr;
  HttpRequest request_;
  Duration began_{};
  unsigned version_ = 11;
  bool keep_alive_ = false;
  bool read_whole_ = false;
  bool continue_due_ = false;  // the peer waits for "100 Continue" before it sends the body
  std::shared_ptr<HttpExchange> exchange_;
  std::string block_;  // being read
  std::string sent_;   // being sent
  std::optional<WireResponse> response_;
  std::optional<WireHead> head_;
  std::optional<WireHeadSerializer> head_serializer_;
  std::size_t lingered_ = 0;
};

}  // namespace weir::server
