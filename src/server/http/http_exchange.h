// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "base/mutex.h"
#include "base/result.h"
#include "server/http/http_message.h"

namespace weir::server {

class HttpConnection;

/// What the handles of one request (Responder, BodyReader, BodyWriter) share with its connection.
/// The handles' side is called from any thread and hands over to the network thread; the
/// connection's side is called on the network thread only. Blocks wait here, in both directions,
/// under a bound.
///
/// Owns the connection, and is owned by it, until `detach`, which the connection calls when the
/// request has ended one way or the other: from then on everything handed over goes nowhere.
class HttpExchange : public std::enable_shared_from_this<HttpExchange> {
 public:
  /// What the connection has to send next.
  struct Outgoing {
    enum class Kind : std::uint8_t { None, Block, End, Cut };
    Kind kind = Kind::None;
    std::string block = {};
  };

  explicit HttpExchange(std::shared_ptr<HttpConnection> connection);

  // The handles' side; what each promises is said in http_responder.h.
  void answer(Result<HttpResponse> response) WEIR_EXCLUDES(mutex_);
  void give_up() WEIR_EXCLUDES(mutex_);
  void begin(HttpResponse head) WEIR_EXCLUDES(mutex_);
  Result<void> write(std::string block) WEIR_EXCLUDES(mutex_);
  Result<bool> offer(std::string block, std::size_t waiting_max) WEIR_EXCLUDES(mutex_);
  void when_sent(std::move_only_function<void()> sent) WEIR_EXCLUDES(mutex_);
  Result<void> finish() WEIR_EXCLUDES(mutex_);
  void cut() WEIR_EXCLUDES(mutex_);
  Result<std::string> read() WEIR_EXCLUDES(mutex_);
  void when_hurried(std::move_only_function<void()> hurry) WEIR_EXCLUDES(mutex_);
  bool is_hurried() const WEIR_EXCLUDES(mutex_);
  bool is_peer_gone() const WEIR_EXCLUDES(mutex_);

  // The connection's side.
  /// Takes a block of the body; true if the next may be read at once.
  bool put(std::string block) WEIR_EXCLUDES(mutex_);
  /// The body ends here, or cannot be read further.
  void end_body(std::optional<Error> error) WEIR_EXCLUDES(mutex_);
  /// The next thing to send; None means that the exchange will call again.
  Outgoing take() WEIR_EXCLUDES(mutex_);
  enum class Why : std::uint8_t { PeerGone, Stopping };
  void hurry(Why why) WEIR_EXCLUDES(mutex_);
  void detach() WEIR_EXCLUDES(mutex_);

 private:
  /// Runs `act` on the network thread, if the request is still this one then.
  void post(std::move_only_function<void(HttpConnection&)> act) WEIR_REQUIRES(mutex_);
  /// Has the connection ask for what to send, unless it does.
  void wake_sender() WEIR_REQUIRES(mutex_);
  void push(std::string block) WEIR_REQUIRES(mutex_);

  mutable base::Mutex mutex_;
  base::CondVar changed_;
  std::shared_ptr<HttpConnection> connection_ WEIR_GUARDED_BY(mutex_);
  std::move_only_function<void()> hurry_ WEIR_GUARDED_BY(mutex_);
  bool answered_ WEIR_GUARDED_BY(mutex_) = false;
  bool hurried_ WEIR_GUARDED_BY(mutex_) = false;
  bool peer_gone_ WEIR_GUARDED_BY(mutex_) = false;
  bool stopping_ WEIR_GUARDED_BY(mutex_) = false;

  std::deque<std::string> in_ WEIR_GUARDED_BY(mutex_);
  std::size_t in_bytes_ WEIR_GUARDED_BY(mutex_) = 0;
  bool reading_ WEIR_GUARDED_BY(mutex_) = false;  // the connection reads, or will
  bool body_ended_ WEIR_GUARDED_BY(mutex_) = false;
  std::optional<Error> body_error_ WEIR_GUARDED_BY(mutex_);

  std::deque<std::string> out_ WEIR_GUARDED_BY(mutex_);
  std::size_t out_bytes_ WEIR_GUARDED_BY(mutex_) = 0;
  bool sending_ WEIR_GUARDED_BY(mutex_) = false;  // the connection sends, or will
  std::move_only_function<void()> sent_ WEIR_GUARDED_BY(mutex_);
  Outgoing::Kind out_end_ WEIR_GUARDED_BY(mutex_) = Outgoing::Kind::None;
};

}  // namespace weir::server
