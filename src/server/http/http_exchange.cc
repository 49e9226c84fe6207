// SPDX-License-Identifier: Apache-2.0
#include "server/http/http_exchange.h"

#include <boost/asio/post.hpp>

#include "base/assert.h"
#include "server/http/http_connection.h"
#include "server/limits.h"

namespace weir::server {
namespace {

Error peer_gone() { return base::unavailable("peer_gone", "the connection is closed"); }

}  // namespace

HttpExchange::HttpExchange(std::shared_ptr<HttpConnection> connection)
    : connection_(std::move(connection)) {}

void HttpExchange::post(std::move_only_function<void(HttpConnection&)> act) {
  if (connection_ == nullptr) return;
  boost::asio::post(connection_->executor(), [connection = connection_, self = shared_from_this(),
                                              then = std::move(act)]() mutable {
    if (connection->serves(*self)) then(*connection);
  });
}

void HttpExchange::answer(Result<HttpResponse> response) {
  std::move_only_function<void()> unused;
  const base::MutexLock lock(mutex_);
  WEIR_ASSERT(!answered_);
  answered_ = true;
  unused = std::exchange(hurry_, nullptr);
  post([answer = std::move(response)](HttpConnection& connection) mutable {
    connection.on_answer(std::move(answer));
  });
}

void HttpExchange::give_up() {
  bool stopping = false;
  {
    const base::MutexLock lock(mutex_);
    stopping = stopping_;
  }
  if (stopping) return answer(base::unavailable("draining", "the server stops; try again"));
  answer(base::internal("the handler dropped its request without an answer"));
}

void HttpExchange::begin(HttpResponse head) {
  std::move_only_function<void()> unused;
  const base::MutexLock lock(mutex_);
  WEIR_ASSERT(!answered_);
  answered_ = true;
  sending_ = true;  // the connection asks for blocks once the head is out
  unused = std::exchange(hurry_, nullptr);
  post([answer = std::move(head)](HttpConnection& connection) { connection.on_begin(answer); });
}

Result<void> HttpExchange::write(std::string block) {
  const base::MutexLock lock(mutex_);
  while (connection_ != nullptr && out_bytes_ >= kHttpStreamBufferBytes) changed_.wait(mutex_);
  if (connection_ == nullptr) return peer_gone();
  push(std::move(block));
  return {};
}

Result<bool> HttpExchange::offer(std::string block, std::size_t waiting_max) {
  const base::MutexLock lock(mutex_);
  if (connection_ == nullptr) return peer_gone();
  if (out_bytes_ >= waiting_max) return false;
  push(std::move(block));
  return true;
}

void HttpExchange::push(std::string block) {
  if (block.empty()) return;
  out_bytes_ += block.size();
  out_.push_back(std::move(block));
  wake_sender();
}

void HttpExchange::when_sent(std::move_only_function<void()> sent) {
  {
    const base::MutexLock lock(mutex_);
    if (connection_ != nullptr && out_bytes_ > 0) {
      sent_ = std::move(sent);
      return;
    }
  }
  sent();
}

Result<void> HttpExchange::finish() {
  const base::MutexLock lock(mutex_);
  hurry_ = nullptr;
  if (connection_ == nullptr) return peer_gone();
  out_end_ = Outgoing::Kind::End;
  wake_sender();
  return {};
}

void HttpExchange::cut() {
  const base::MutexLock lock(mutex_);
  out_end_ = Outgoing::Kind::Cut;
  wake_sender();
}

void HttpExchange::wake_sender() {
  if (sending_) return;
  sending_ = true;
  post([](HttpConnection& connection) { connection.send_blocks(); });
}

Result<std::string> HttpExchange::read() {
  const base::MutexLock lock(mutex_);
  const auto read_on = [this]() WEIR_REQUIRES(mutex_) {
    if (reading_ || body_ended_) return;
    reading_ = true;
    post([](HttpConnection& connection) { connection.read_block(); });
  };
  while (in_.empty()) {
    if (body_error_) return *body_error_;
    if (body_ended_) return std::string();
    if (connection_ == nullptr) return peer_gone();
    read_on();
    changed_.wait(mutex_);
  }
  std::string block = std::move(in_.front());
  in_.pop_front();
  in_bytes_ -= block.size();
  read_on();
  return block;
}

void HttpExchange::when_hurried(std::move_only_function<void()> hurry) {
  {
    const base::MutexLock lock(mutex_);
    if (!hurried_) {
      hurry_ = std::move(hurry);
      return;
    }
  }
  hurry();
}

bool HttpExchange::is_hurried() const {
  const base::MutexLock lock(mutex_);
  return hurried_;
}

bool HttpExchange::is_peer_gone() const {
  const base::MutexLock lock(mutex_);
  return peer_gone_;
}

bool HttpExchange::put(std::string block) {
  const base::MutexLock lock(mutex_);
  in_bytes_ += block.size();
  // A peer that sends byte by byte must not cost a string a byte.
  if (!in_.empty() && in_.back().size() + block.size() <= kHttpStreamBlockBytes) {
    in_.back() += block;
  } else {
    in_.push_back(std::move(block));
  }
  reading_ = in_bytes_ + kHttpStreamBlockBytes <= kHttpStreamBufferBytes;
  changed_.notify_all();
  return reading_;
}

void HttpExchange::end_body(std::optional<Error> error) {
  const base::MutexLock lock(mutex_);
  body_ended_ = true;
  body_error_ = std::move(error);
  changed_.notify_all();
}

HttpExchange::Outgoing HttpExchange::take() {
  std::move_only_function<void()> told;
  Outgoing next;
  {
    const base::MutexLock lock(mutex_);
    if (out_end_ == Outgoing::Kind::Cut) return {.kind = Outgoing::Kind::Cut};
    if (out_.empty()) {
      sending_ = out_end_ != Outgoing::Kind::None;
      return {.kind = out_end_};
    }
    next = {.kind = Outgoing::Kind::Block, .block = std::move(out_.front())};
    out_.pop_front();
    out_bytes_ -= next.block.size();
    if (out_bytes_ == 0) told = std::exchange(sent_, nullptr);
    changed_.notify_all();
  }
  if (told) told();
  return next;
}

void HttpExchange::hurry(Why why) {
  std::move_only_function<void()> told;
  {
    const base::MutexLock lock(mutex_);
    (why == Why::PeerGone ? peer_gone_ : stopping_) = true;
    hurried_ = true;
    told = std::exchange(hurry_, nullptr);
  }
  if (told) told();
}

void HttpExchange::detach() {
  std::shared_ptr<HttpConnection> released;
  std::move_only_function<void()> told;
  std::move_only_function<void()> sent;
  {
    const base::MutexLock lock(mutex_);
    released = std::exchange(connection_, nullptr);
    peer_gone_ = true;
    hurried_ = true;
    told = std::exchange(hurry_, nullptr);
    sent = std::exchange(sent_, nullptr);
    changed_.notify_all();
  }
  if (told) told();
  if (sent) sent();
}

}  // namespace weir::server
