// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/result.h"
#include "server/http/http_message.h"
#include "server/limits.h"

namespace weir::server {

class HttpExchange;

/// The answer of one request, written block by block (chunked transfer coding). Movable, one thread
/// at a time; may outlive the server. Dropped before `finish`, it cuts the connection, so that the
/// peer cannot take a part for the whole.
class BodyWriter {
 public:
  BodyWriter(BodyWriter&&) noexcept = default;
  BodyWriter(const BodyWriter&) = delete;
  BodyWriter& operator=(const BodyWriter&) = delete;
  BodyWriter& operator=(BodyWriter&& other) noexcept;
  ~BodyWriter();

  /// Hands a block on; waits while `kHttpStreamBufferBytes` wait to be sent. Fails with UNAVAILABLE
  /// `peer_gone` once the connection is closed, also because the peer stopped reading.
  Result<void> write(std::string block);
  /// The same without waiting: false, and nothing is taken, if `waiting_max` bytes wait already.
  Result<bool> offer(std::string block, std::size_t waiting_max = kHttpStreamBufferBytes);
  /// Calls `sent` once when nothing waits any longer, or the connection is closed; at once if that
  /// is so already. On the network thread, so it must not block. It must not own this writer.
  void when_sent(std::move_only_function<void()> sent);
  /// Ends the answer; the connection may serve the next request.
  Result<void> finish();

  /// As the Responder's, for answers that go on for long.
  void when_hurried(std::move_only_function<void()> hurry);
  bool is_hurried() const;

 private:
  friend class Responder;
  explicit BodyWriter(std::shared_ptr<HttpExchange> exchange) : exchange_(std::move(exchange)) {}
  std::shared_ptr<HttpExchange> exchange_;
};

/// The body of one request, read block by block; nothing is read ahead before the first call, and
/// never more than `kHttpStreamBufferBytes`. Movable, one thread at a time.
class BodyReader {
 public:
  BodyReader(BodyReader&&) noexcept = default;
  BodyReader(const BodyReader&) = delete;
  BodyReader& operator=(const BodyReader&) = delete;
  BodyReader& operator=(BodyReader&&) noexcept = default;
  ~BodyReader() = default;

  /// The next bytes; empty at the end. Waits for the peer. Fails with UNAVAILABLE `peer_gone`,
  /// DEADLINE_EXCEEDED `body_too_slow`, RESOURCE_EXHAUSTED `body_too_large` (or the listener's own
  /// word), INVALID_ARGUMENT `malformed_request`; then always again.
  Result<std::string> read();

 private:
  friend class HttpConnection;
  explicit BodyReader(std::shared_ptr<HttpExchange> exchange) : exchange_(std::move(exchange)) {}
  std::shared_ptr<HttpExchange> exchange_;
};

/// The right to answer one request, once, at any time, from any thread; may outlive the server.
/// Dropped without an answer it answers itself: 503 `draining` if the listener stops, else 500.
class Responder {
 public:
  Responder(Responder&&) noexcept = default;
  Responder(const Responder&) = delete;
  Responder& operator=(const Responder&) = delete;
  Responder& operator=(Responder&& other) noexcept;
  ~Responder();

  /// Sends the answer; an Error becomes problem details, as from any handler. A second answer is
  /// our own mistake and stops the program. To a peer that is gone it goes nowhere.
  void answer(Result<HttpResponse> response);
  /// Begins an answer that is written in blocks; the body in `head` must be empty. After it the
  /// Responder is used up.
  BodyWriter begin(HttpResponse head);

  /// Calls `hurry` once when there is no point in waiting longer: the peer has gone or has closed
  /// its sending side, or the listener stops. At once if that is so already; not after an answer.
  /// On the network thread, so it must not block; it may answer (an answer still reaches who only
  /// closed its sending side). It must not own this Responder.
  void when_hurried(std::move_only_function<void()> hurry);
  bool is_hurried() const;
  /// True once the peer has gone, or at least has closed its sending side.
  bool is_peer_gone() const;

 private:
  friend class HttpConnection;
  explicit Responder(std::shared_ptr<HttpExchange> exchange) : exchange_(std::move(exchange)) {}
  void give_up();
  std::shared_ptr<HttpExchange> exchange_;
};

}  // namespace weir::server
