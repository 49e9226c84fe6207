// SPDX-License-Identifier: Apache-2.0
#include "server/http_connection.h"

#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/bind_handler.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/write.hpp>
#include <exception>
#include <limits>
#include <sstream>
#include <string_view>
#include <utility>

#include "base/text.h"
#include "server/limits.h"
#include "server/problem.h"

namespace weir::server {
namespace {

namespace http = boost::beast::http;
using boost::asio::ip::tcp;

constexpr std::size_t kReadBytes = 4096;
constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";

std::string peer_text(const tcp::socket& socket) {
  boost::system::error_code error;
  const tcp::endpoint peer = socket.remote_endpoint(error);
  if (error) return "";
  return ListenAddress{peer.address().to_string(), peer.port()}.text();
}

/// True if the bytes were at fault and not the connection.
bool is_malformed(const boost::system::error_code& error) {
  return error.category() == http::make_error_code(http::error::bad_method).category() &&
         error != http::error::end_of_stream && error != http::error::partial_message;
}

/// Runs a handler; its exceptions end here.
Result<HttpResponse> run_handler(const HttpRoute& route, const HttpRequest& request) {
  try {
    return std::get<HttpHandler>(route.handler)(request);
  } catch (const std::exception& error) {
    return base::internal(std::string("exception: ") + error.what());
  }
}

/// The answer of a handler, its error worded; what failed inside is logged, the caller cannot know.
HttpResponse answer(const HttpRoute& route, const HttpRequest& request, Log& log) {
  const ScopedTrace trace(request.trace.trace_id);
  Result<HttpResponse> response = run_handler(route, request);
  if (response.ok()) return *std::move(response);
  HttpResponse problem = problem_response(response.error(), request.request_id);
  if (problem.status == 500) {
    log.error("http handler failed", {{"path", request.path},
                                      {"error", response.error().describe()},
                                      {"request_id", request.request_id}});
  }
  return problem;
}

}  // namespace

HttpConnection::HttpConnection(tcp::socket socket, HttpContext& context)
    : context_(context), stream_(std::move(socket)), peer_(peer_text(stream_.socket())) {}

void HttpConnection::start() { wait_for_request(); }

void HttpConnection::finish() {
  finishing_ = true;
  if (phase_ != Phase::Handling && phase_ != Phase::Writing) close();
}

void HttpConnection::close() {
  if (phase_ == Phase::Closed) return;
  phase_ = Phase::Closed;
  ErrorCode ignored;
  static_cast<void>(stream_.socket().shutdown(tcp::socket::shutdown_both, ignored));
  stream_.close();
  context_.closed(*this);
}

void HttpConnection::wait_for_request() {
  phase_ = Phase::Idle;
  parser_.reset();
  response_.reset();
  route_ = nullptr;
  request_ = {};
  read_whole_ = false;
  if (buffer_.size() > 0) return read_head();
  stream_.expires_after(context_.config.idle_timeout);
  stream_.async_read_some(buffer_.prepare(kReadBytes),
                          [self = shared_from_this()](ErrorCode error, std::size_t bytes) {
                            if (error || self->phase_ == Phase::Closed) return self->close();
                            self->buffer_.commit(bytes);
                            self->read_head();
                          });
}

void HttpConnection::read_head() {
  phase_ = Phase::Reading;
  began_ = context_.clock.monotonic();
  request_.request_id = base::uuid_v4(context_.random);
  request_.peer = peer_;
  parser_.emplace();
  parser_->header_limit(static_cast<std::uint32_t>(kHttpHeaderBytesMax));
  // The route decides, once it is known. Not "none", which Beast 1.74 takes for a limit of zero.
  parser_->body_limit(std::numeric_limits<std::uint64_t>::max());
  stream_.expires_after(context_.config.read_timeout);
  http::async_read_header(
      stream_, buffer_, *parser_,
      [self = shared_from_this()](ErrorCode error, std::size_t) { self->on_head(error); });
}

void HttpConnection::on_head(ErrorCode error) {
  if (phase_ == Phase::Closed) return;
  if (error == http::error::header_limit) {
    request_.trace = new_trace(context_.random);
    return refuse(base::invalid_argument("headers_too_large",
                                         "the header is larger than " +
                                             std::to_string(kHttpHeaderBytesMax) + " bytes"),
                  431);
  }
  if (error && is_malformed(error)) {
    request_.trace = new_trace(context_.random);
    return refuse(base::invalid_argument("malformed_request", error.message()));
  }
  if (error) return close();
  const std::optional<WireRefusal> refusal = server::read_head(parser_->get(), request_);
  request_.trace = continue_trace(request_.header("traceparent").value_or(""), context_.random);
  if (refusal) return refuse(refusal->error, refusal->status);
  const Router::Match match = context_.router.match(request_.method, request_.encoded_path);
  route_ = match.route;
  if (route_ == nullptr && match.allow.empty()) {
    return refuse(base::not_found("no_such_route", "nothing is served at " + request_.path));
  }
  if (route_ == nullptr) {
    HttpResponse response = problem_response(
        base::unimplemented("method_not_allowed", request_.path + " takes only " + match.allow),
        request_.request_id, 405);
    response.headers.push_back({"Allow", match.allow});
    return write(std::move(response), parser_->is_done());
  }
  if (parser_->content_length().value_or(0) > route_->body_bytes_max) {
    return on_body(http::error::body_limit);
  }
  continue_body();
}

void HttpConnection::continue_body() {
  parser_->body_limit(route_->body_bytes_max);
  const auto expect = request_.header("expect");
  if (parser_->is_done() || !expect || base::lower_ascii(*expect) != "100-continue") {
    return read_body();
  }
  boost::asio::async_write(stream_, boost::asio::buffer(kContinue.data(), kContinue.size()),
                           [self = shared_from_this()](ErrorCode error, std::size_t) {
                             error ? self->close() : self->read_body();
                           });
}

void HttpConnection::read_body() {
  if (phase_ == Phase::Closed) return;
  if (parser_->is_done()) return on_body({});
  http::async_read(
      stream_, buffer_, *parser_,
      [self = shared_from_this()](ErrorCode error, std::size_t) { self->on_body(error); });
}

void HttpConnection::on_body(ErrorCode error) {
  if (phase_ == Phase::Closed) return;
  if (error == http::error::body_limit) {
    return refuse(Error(Code::ResourceExhausted, "body_too_large",
                        request_.path + " takes at most " + std::to_string(route_->body_bytes_max) +
                            " bytes"),
                  413);
  }
  if (error && is_malformed(error)) {
    return refuse(base::invalid_argument("malformed_request", error.message()));
  }
  if (error) return close();
  read_whole_ = true;
  request_.body = std::move(parser_->get().body());
  handle();
}

void HttpConnection::handle() {
  phase_ = Phase::Handling;
  stream_.expires_never();
  const std::size_t bytes = request_.body.size();
  const Result<WorkerPool::Ticket> ticket =
      context_.workers.submit(bytes, [self = shared_from_this()]() mutable {
        HttpResponse response = answer(*self->route_, self->request_, self->context_.log);
        const auto executor = self->stream_.get_executor();
        boost::asio::post(
            executor, [self = std::move(self), answered = std::move(response)]() mutable {
              if (self->phase_ == Phase::Closed) return;
              const bool keep = self->parser_->get().keep_alive() && !self->finishing_;
              self->write(std::move(answered), keep);
            });
      });
  if (!ticket.ok()) {
    refuse(base::unavailable("overloaded", "too many requests wait; try again"));
  }
}

void HttpConnection::refuse(const Error& error, std::optional<int> status) {
  // Where a request ends is unknown if it was not read whole.
  const bool whole = read_whole_ || (route_ == nullptr && parser_->is_done());
  const bool keep = whole && parser_->get().keep_alive() && !finishing_;
  write(problem_response(error, request_.request_id, status), keep);
}

void HttpConnection::write(HttpResponse response, bool keep_alive) {
  phase_ = Phase::Writing;
  report(response.status);
  const WireForm form = {.version = parser_->is_header_done() ? parser_->get().version() : 11,
                         .head = request_.method == "HEAD",
                         .keep_alive = keep_alive,
                         .now = context_.clock.now()};
  response_ = write_response(std::move(response), form);
  stream_.expires_after(context_.config.write_timeout);
  http::async_write(stream_, *response_, [self = shared_from_this()](ErrorCode error, std::size_t) {
    self->on_written(error);
  });
}

void HttpConnection::on_written(ErrorCode error) {
  if (phase_ == Phase::Closed) return;
  if (error) return close();
  if (response_->keep_alive() && !finishing_) return wait_for_request();
  if (read_whole_ && buffer_.size() == 0) return close();
  // Unread bytes would make the kernel reset the connection and the client lose the answer.
  ErrorCode ignored;
  static_cast<void>(stream_.socket().shutdown(tcp::socket::shutdown_send, ignored));
  phase_ = Phase::Lingering;
  stream_.expires_after(kHttpLingerTimeout);
  linger();
}

void HttpConnection::linger() {
  buffer_.clear();
  stream_.async_read_some(buffer_.prepare(kReadBytes),
                          [self = shared_from_this()](ErrorCode error, std::size_t bytes) {
                            self->lingered_ += bytes;
                            const bool enough = self->lingered_ > kHttpLingerBytesMax;
                            if (error || enough || self->phase_ == Phase::Closed) {
                              return self->close();
                            }
                            self->linger();
                          });
}

void HttpConnection::report(int status) {
  const LogLevel level = status >= 400 ? LogLevel::Info : LogLevel::Debug;
  if (!context_.log.enabled(level)) return;
  const ScopedTrace trace(request_.trace.trace_id);
  const auto taken = std::chrono::duration<double, std::milli>(context_.clock.monotonic() - began_);
  context_.log.write(level, "http request",
                     {{"method", request_.method},
                      {"path", request_.path},
                      {"status", status},
                      {"ms", taken.count()},
                      {"peer", request_.peer},
                      {"request_id", request_.request_id}});
}

}  // namespace weir::server
