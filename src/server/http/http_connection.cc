// SPDX-License-Identifier: Apache-2.0
#include "server/http/http_connection.h"

#include <sys/socket.h>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/write.hpp>
#include <cstring>
#include <exception>
#include <limits>
#include <string_view>
#include <utility>

#include "base/text.h"
#include "server/http/problem.h"
#include "server/limits.h"

namespace weir::server {
namespace {

namespace http = boost::beast::http;
using boost::asio::ip::tcp;

std::string peer_text(const HttpConnection::Socket& socket) {
  boost::system::error_code error;
  const auto peer = socket.remote_endpoint(error);
  if (error) return "";
  if (peer.protocol().family() == AF_UNIX) return "unix";
  tcp::endpoint address;
  if (peer.size() > address.capacity()) return "";
  std::memcpy(address.data(), peer.data(), peer.size());
  address.resize(peer.size());
  return ListenAddress{.host = address.address().to_string(), .port = address.port()}.text();
}

/// Who connected to a Unix socket.
std::optional<std::uint32_t> uid_of_peer(HttpConnection::Socket& socket) {
  ucred peer = {};
  socklen_t size = sizeof(peer);
  const bool known = getsockopt(socket.native_handle(), SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0;
  if (!known || size != sizeof(peer)) return {};
  return peer.uid;
}

/// Runs a handler; its exceptions end here.
Result<HttpResponse> run_handler(const HttpRoute& route, const HttpRequest& request) {
  try {
    return std::get<HttpHandler>(route.handler)(request);
  } catch (const std::exception& error) {
    return base::internal(std::string("exception: ") + error.what());
  }
}

/// The same of one that answers later. If it throws, its Responder answers by being dropped.
template <class Handler, class... Handles>
void run_later(const HttpContext& context, const Handler& handler, HttpRequest request,
               Handles... handles) {
  const std::string id = request.request_id;
  const ScopedTrace trace(request.trace, context.tracer);
  try {
    handler(std::move(request), std::move(handles)...);
  } catch (const std::exception& error) {
    context.log.error("http handler threw", {{"error", error.what()}, {"request_id", id}});
  }
}

/// An Error worded for the wire; what failed inside is logged, the caller cannot know.
HttpResponse worded(Result<HttpResponse> response, const HttpRequest& request,
                    const HttpContext& context) {
  if (response.ok()) return *std::move(response);
  const bool large = response.error().reason() == context.config.too_large_reason;
  HttpResponse problem = context.config.problem(response.error(), request.request_id,
                                                large ? std::optional(413) : std::nullopt);
  if (problem.status == 500) {
    context.log.error("http handler failed", {{"path", request.path},
                                              {"error", response.error().describe()},
                                              {"request_id", request.request_id}});
  }
  return problem;
}

}  // namespace

HttpConnection::HttpConnection(Socket socket, HttpContext& context)
    : context_(context), stream_(std::move(socket)), peer_(peer_text(stream_.socket())) {
  if (peer_ == "unix") peer_uid_ = uid_of_peer(stream_.socket());
}

bool HttpConnection::is_malformed(const ErrorCode& error) {
  return error.category() == http::make_error_code(http::error::bad_method).category() &&
         error != http::error::end_of_stream && error != http::error::partial_message;
}

void HttpConnection::start() { wait_for_request(); }

void HttpConnection::finish() {
  finishing_ = true;
  if (phase_ != Phase::Handling && phase_ != Phase::Writing && phase_ != Phase::Streaming) {
    return close();
  }
  if (exchange_ != nullptr) exchange_->hurry(HttpExchange::Why::Stopping);
}

void HttpConnection::interrupt() {
  const bool in_blocks = body_parser_.has_value() && phase_ == Phase::Handling;
  if (in_blocks || phase_ == Phase::Streaming) close();
}

void HttpConnection::close() {
  if (phase_ == Phase::Closed) return;
  phase_ = Phase::Closed;
  ErrorCode ignored;
  static_cast<void>(stream_.socket().shutdown(Socket::shutdown_both, ignored));
  stream_.close();
  if (exchange_ != nullptr) std::exchange(exchange_, nullptr)->detach();
  context_.closed(*this);
}

void HttpConnection::wait_for_request() {
  if (finishing_) return close();
  phase_ = Phase::Idle;
  parser_.reset();
  body_parser_.reset();
  response_.reset();
  route_ = nullptr;
  request_ = {};
  read_whole_ = false;
  keep_alive_ = false;
  continue_due_ = false;
  version_ = 11;
  if (buffer_.size() > 0) return read_head();
  // The end is told once; a read after it would wait for nothing.
  if (peer_ended_) return close();
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
  request_.peer_uid = peer_uid_;
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
  version_ = parser_->get().version();
  keep_alive_ = parser_->get().keep_alive();
  const std::optional<WireRefusal> refusal = server::read_head(parser_->get(), request_);
  request_.trace = continue_trace(request_.header("traceparent").value_or(""), context_.random);
  if (refusal) return refuse(refusal->error, refusal->status);
  route_request();
}

void HttpConnection::route_request() {
  Router::Match match = context_.router.match(request_.method, request_.encoded_path);
  route_ = match.route;
  if (route_ == nullptr && match.allow.empty()) {
    return refuse(base::not_found("no_such_route", "nothing is served at " + request_.path));
  }
  if (route_ == nullptr) {
    HttpResponse response = context_.config.problem(
        base::unimplemented("method_not_allowed", request_.path + " takes only " + match.allow),
        request_.request_id, 405);
    response.headers.push_back({"Allow", match.allow});
    return write(std::move(response), parser_->is_done() && keep_alive_ && !finishing_);
  }
  request_.params = std::move(match.params);
  if (parser_->content_length().value_or(0) > route_->body_bytes_max) return refuse_large();
  const auto expect = request_.header("expect");
  continue_due_ = !parser_->is_done() && expect && base::lower_ascii(*expect) == "100-continue";
  if (std::holds_alternative<StreamHandler>(route_->handler)) return handle_stream();
  continue_body();
}

void HttpConnection::continue_body() {
  parser_->body_limit(route_->body_bytes_max);
  if (!continue_due_) return read_body();
  continue_due_ = false;
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
  if (error == http::error::body_limit) return refuse_large();
  if (error && is_malformed(error)) {
    return refuse(base::invalid_argument("malformed_request", error.message()));
  }
  if (error) return close();
  read_whole_ = true;
  request_.body = std::move(parser_->get().body());
  if (std::holds_alternative<DeferredHandler>(route_->handler)) return handle_later();
  handle();
}

void HttpConnection::handle() {
  phase_ = Phase::Handling;
  stream_.expires_never();
  const std::size_t bytes = request_.body.size();
  const Result<WorkerPool::Ticket> ticket =
      context_.workers.submit(bytes, [self = shared_from_this()]() mutable {
        const ScopedTrace trace(self->request_.trace, self->context_.tracer);
        HttpResponse response =
            worded(run_handler(*self->route_, self->request_), self->request_, self->context_);
        const auto executor = self->stream_.get_executor();
        boost::asio::post(
            executor, [self = std::move(self), answered = std::move(response)]() mutable {
              if (self->phase_ == Phase::Closed) return;
              self->write(std::move(answered), self->keep_alive_ && !self->finishing_);
            });
      });
  if (!ticket.ok()) {
    refuse(base::unavailable("overloaded", "too many requests wait; try again"));
  }
}

/// What a handler gets that outlives this request here: the body is moved out, the rest copied.
HttpRequest HttpConnection::take_request() {
  std::string body = std::exchange(request_.body, {});
  HttpRequest taken = request_;
  taken.body = std::move(body);
  return taken;
}

void HttpConnection::handle_later() {
  phase_ = Phase::Handling;
  exchange_ = std::make_shared<HttpExchange>(shared_from_this());
  const std::size_t bytes = request_.body.size();
  const Result<WorkerPool::Ticket> ticket = context_.workers.submit(
      bytes, [handler = &std::get<DeferredHandler>(route_->handler), &context = context_,
              request = take_request(), responder = Responder(exchange_)]() mutable {
        run_later(context, *handler, std::move(request), std::move(responder));
      });
  if (!ticket.ok()) {
    return refuse(base::unavailable("overloaded", "too many requests wait; try again"));
  }
  watch();
}

void HttpConnection::handle_stream() {
  phase_ = Phase::Handling;
  exchange_ = std::make_shared<HttpExchange>(shared_from_this());
  stream_.expires_never();
  read_whole_ = parser_->is_done();
  body_parser_.emplace(std::move(*parser_));
  body_parser_->body_limit(route_->body_bytes_max);
  body_parser_->eager(true);
  if (read_whole_) exchange_->end_body({});
  const Result<WorkerPool::Ticket> ticket = context_.streams->submit(
      0, [handler = &std::get<StreamHandler>(route_->handler), &context = context_,
          request = take_request(), reader = BodyReader(exchange_),
          responder = Responder(exchange_)]() mutable {
        run_later(context, *handler, std::move(request), std::move(reader), std::move(responder));
      });
  if (!ticket.ok()) {
    return refuse(base::unavailable("overloaded", "too many requests wait; try again"));
  }
  if (read_whole_) watch();
}

void HttpConnection::on_answer(Result<HttpResponse> answered) {
  if (phase_ != Phase::Handling) return;
  const ScopedTrace trace(request_.trace);
  write(worded(std::move(answered), request_, context_), read_whole_ && keep_alive_ && !finishing_);
}

void HttpConnection::refuse(const Error& error, std::optional<int> status) {
  // Where a request ends is unknown if it was not read whole.
  const bool whole = read_whole_ || (route_ == nullptr && parser_->is_done());
  write(context_.config.problem(error, request_.request_id, status),
        whole && keep_alive_ && !finishing_);
}

void HttpConnection::refuse_large() {
  refuse(
      Error(Code::ResourceExhausted, context_.config.too_large_reason,
            request_.path + " takes at most " + std::to_string(route_->body_bytes_max) + " bytes"),
      413);
}

void HttpConnection::write(HttpResponse response, bool keep_alive) {
  phase_ = Phase::Writing;
  report(response.status);
  const WireForm form = {.version = version_,
                         .head = request_.method == "HEAD",
                         .keep_alive = keep_alive,
                         .now = context_.clock.now()};
  response_ = write_response(std::move(response), form);
  stream_.expires_after(context_.config.write_timeout);
  http::async_write(stream_, *response_, [self = shared_from_this()](ErrorCode error, std::size_t) {
    if (self->phase_ == Phase::Closed) return;
    if (error) return self->close();
    self->end_request(self->response_->keep_alive());
  });
}

void HttpConnection::end_request(bool keep_alive) {
  if (exchange_ != nullptr) std::exchange(exchange_, nullptr)->detach();
  if (keep_alive && !finishing_) return after_reading(&HttpConnection::wait_for_request);
  if (read_whole_ && buffer_.size() == 0) return close();
  // Unread bytes would make the kernel reset the connection and the client lose the answer.
  ErrorCode ignored;
  static_cast<void>(stream_.socket().shutdown(Socket::shutdown_send, ignored));
  phase_ = Phase::Lingering;
  after_reading(&HttpConnection::begin_linger);
}

void HttpConnection::begin_linger() {
  if (peer_ended_) return close();
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
  const Duration span = context_.clock.monotonic() - began_;
  if (context_.tracer != nullptr) tell_span(status, span);
  if (!context_.log.enabled(level)) return;
  const ScopedTrace trace(request_.trace);
  const auto taken = std::chrono::duration<double, std::milli>(span);
  context_.log.write(level, "http request",
                     {{"method", request_.method},
                      {"path", request_.path},
                      {"status", status},
                      {"ms", taken.count()},
                      {"peer", request_.peer},
                      {"request_id", request_.request_id}});
}

/// Of the request whose answer begins now. Its route, not its path: that may name what is nobody's
/// business.
void HttpConnection::tell_span(int status, Duration taken) {
  const std::string route = route_ == nullptr ? "" : route_->path;
  const std::string title = route.empty() ? "HTTP" : request_.method + " " + route;
  Span span(context_.tracer, request_.trace, title, SpanKind::Server, context_.clock.now() - taken);
  if (!route.empty()) {
    span.set("http.request.method", request_.method);
    span.set("http.route", route);
  }
  span.set("http.response.status_code", std::int64_t{status});
  span.set("weir.request_id", request_.request_id);
  if (status >= 500) span.fail(std::to_string(status));
}

}  // namespace weir::server
