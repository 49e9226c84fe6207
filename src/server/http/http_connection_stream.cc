// SPDX-License-Identifier: Apache-2.0
// The part of a connection that moves bodies block by block, and watches a peer that waits.
#include <sys/socket.h>

#include <boost/asio/error.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/error.hpp>
#include <boost/beast/http/chunk_encode.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/write.hpp>
#include <string_view>
#include <utility>

#include "server/http/http_connection.h"
#include "server/limits.h"

namespace weir::server {
namespace {

namespace http = boost::beast::http;
namespace net = boost::asio;

/// Sends what must fit into the socket's buffer; false if it does not.
bool send_now(int socket, std::string_view bytes) {
  const ssize_t sent = ::send(socket, bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  return sent == static_cast<ssize_t>(bytes.size());
}

}  // namespace

void HttpConnection::read_block() {
  const bool wanted = phase_ == Phase::Handling || phase_ == Phase::Streaming;
  if (!wanted || reading_ || read_whole_) return;
  if (continue_due_) {
    // Nothing else is under way in this direction before the answer, and its bytes are few: a
    // buffer that is full of earlier answers means a peer that does not read.
    continue_due_ = false;
    if (phase_ == Phase::Handling && !send_now(stream_.socket().native_handle(), kContinue)) {
      return close();
    }
  }
  block_.resize(kHttpStreamBlockBytes);
  auto& body = body_parser_->get().body();
  body.data = block_.data();
  body.size = block_.size();
  parse_block();
}

/// Takes what is buffered apart, and reads only if that holds nothing of the body.
void HttpConnection::parse_block() {
  ErrorCode error = http::error::need_more;
  if (buffer_.size() > 0) buffer_.consume(body_parser_->put(buffer_.data(), error));
  const bool got = body_parser_->get().body().size < block_.size();
  if (error != http::error::need_more || got) return on_block(error);
  if (peer_ended_) return close();
  // What is left in the buffer is the head of a chunk, or its trailer.
  if (buffer_.size() > kHttpHeaderBytesMax) return on_block(http::error::header_limit);
  reading_ = true;
  stream_.expires_after(context_.config.stream_timeout);
  stream_.async_read_some(buffer_.prepare(kHttpStreamBlockBytes),
                          [self = shared_from_this()](ErrorCode failed, std::size_t bytes) {
                            self->reading_ = false;
                            self->buffer_.commit(bytes);
                            if (self->went_on()) return;
                            if (failed) return self->end_block(failed);
                            self->parse_block();
                          });
}

void HttpConnection::on_block(ErrorCode error) {
  const bool broken = error && error != http::error::need_buffer && error != http::error::need_more;
  if (broken) return end_block(error);
  const std::size_t got = block_.size() - body_parser_->get().body().size;
  bool more = true;
  if (got > 0) {
    // Moved if it is well filled; what a slow peer sends is copied out, so that its blocks weigh
    // what they hold.
    const bool full = got > kHttpStreamBlockBytes / 2;
    if (full) block_.resize(got);
    more = exchange_->put(full ? std::move(block_) : block_.substr(0, got));
  }
  if (body_parser_->is_done()) {
    read_whole_ = true;
    exchange_->end_body({});
    return watch();
  }
  if (more) read_block();
}

void HttpConnection::end_block(ErrorCode error) {
  if (error == http::error::body_limit) {
    return exchange_->end_body(Error(
        Code::ResourceExhausted, context_.config.too_large_reason,
        request_.path + " takes at most " + std::to_string(route_->body_bytes_max) + " bytes"));
  }
  if (error == boost::beast::error::timeout) {
    exchange_->end_body(Error(Code::DeadlineExceeded, "body_too_slow", "the peer sends no more"));
    return close();
  }
  const bool malformed = is_malformed(error);
  // An answer that is on its way decides by itself how the connection ends.
  if (!malformed && phase_ == Phase::Writing) return;
  if (!malformed) return close();
  exchange_->end_body(base::invalid_argument("malformed_request", error.message()));
}

void HttpConnection::watch() {
  if (peer_ended_) return exchange_->hurry(HttpExchange::Why::PeerGone);
  if (reading_ || buffer_.size() >= kHttpAheadBytesMax) return;
  reading_ = true;
  stream_.expires_never();
  stream_.async_read_some(buffer_.prepare(kReadBytes),
                          [self = shared_from_this()](ErrorCode error, std::size_t bytes) {
                            self->on_watched(error, bytes);
                          });
}

void HttpConnection::on_watched(ErrorCode error, std::size_t bytes) {
  reading_ = false;
  buffer_.commit(bytes);
  if (went_on()) return;
  if (!error) return watch();
  if (error != net::error::eof) return close();
  // It may only have closed its sending side and still want the answer.
  peer_ended_ = true;
  if (exchange_ != nullptr) exchange_->hurry(HttpExchange::Why::PeerGone);
}

void HttpConnection::after_reading(Step step) {
  if (!reading_) return (this->*step)();
  step_ = step;
  ErrorCode ignored;
  static_cast<void>(stream_.socket().cancel(ignored));
}

/// True if the read that ended was no longer wanted: the connection has closed, or goes on.
bool HttpConnection::went_on() {
  const Step step = std::exchange(step_, nullptr);
  if (phase_ == Phase::Closed) return true;
  if (step == nullptr) return false;
  (this->*step)();
  return true;
}

void HttpConnection::on_begin(const HttpResponse& head) {
  if (phase_ != Phase::Handling) return;
  phase_ = Phase::Streaming;
  report(head.status);
  head_ =
      write_head(head, {.version = version_,
                        .head = request_.method == "HEAD",
                        .keep_alive = read_whole_ && keep_alive_ && version_ >= 11 && !finishing_,
                        .now = context_.clock.now()});
  head_serializer_.emplace(*head_);
  stream_.expires_after(context_.config.write_timeout);
  http::async_write_header(stream_, *head_serializer_,
                           [self = shared_from_this()](ErrorCode error, std::size_t) {
                             if (self->phase_ == Phase::Closed) return;
                             if (error) return self->close();
                             self->send_blocks();
                           });
}

void HttpConnection::send_blocks() {
  if (phase_ != Phase::Streaming) return;
  HttpExchange::Outgoing next = exchange_->take();
  while (next.kind == HttpExchange::Outgoing::Kind::Block && request_.method == "HEAD") {
    next = exchange_->take();
  }
  if (next.kind == HttpExchange::Outgoing::Kind::None) return;
  if (next.kind == HttpExchange::Outgoing::Kind::Cut) return close();
  if (next.kind == HttpExchange::Outgoing::Kind::End) return send_last();
  sent_ = std::move(next.block);
  const auto sent = [self = shared_from_this()](ErrorCode error, std::size_t) {
    if (self->phase_ == Phase::Closed) return;
    if (error) return self->close();
    self->send_blocks();
  };
  stream_.expires_after(context_.config.write_timeout);
  if (head_->chunked())
    return net::async_write(stream_, http::make_chunk(net::buffer(sent_)), sent);
  net::async_write(stream_, net::buffer(sent_), sent);
}

void HttpConnection::send_last() {
  const auto ended = [self = shared_from_this()](ErrorCode error, std::size_t) {
    if (self->phase_ == Phase::Closed) return;
    if (error) return self->close();
    const bool keep = self->head_->keep_alive();
    self->end_request(keep);
  };
  if (!head_->chunked() || request_.method == "HEAD") return ended({}, 0);
  stream_.expires_after(context_.config.write_timeout);
  net::async_write(stream_, http::make_chunk_last(), ended);
}

}  // namespace weir::server
