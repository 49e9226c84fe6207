// SPDX-License-Identifier: Apache-2.0
#include "server/http/http_responder.h"

#include <utility>

#include "base/assert.h"
#include "server/http/http_exchange.h"

namespace weir::server {

BodyWriter& BodyWriter::operator=(BodyWriter&& other) noexcept {
  if (this == &other) return *this;
  if (exchange_ != nullptr) exchange_->cut();
  exchange_ = std::move(other.exchange_);
  return *this;
}

BodyWriter::~BodyWriter() {
  if (exchange_ != nullptr) exchange_->cut();
}

Result<void> BodyWriter::write(std::string block) {
  WEIR_ASSERT(exchange_ != nullptr);
  return exchange_->write(std::move(block));
}

Result<bool> BodyWriter::offer(std::string block, std::size_t waiting_max) {
  WEIR_ASSERT(exchange_ != nullptr);
  return exchange_->offer(std::move(block), waiting_max);
}

void BodyWriter::when_sent(std::move_only_function<void()> sent) {
  WEIR_ASSERT(exchange_ != nullptr);
  exchange_->when_sent(std::move(sent));
}

Result<void> BodyWriter::finish() {
  WEIR_ASSERT(exchange_ != nullptr);
  return std::exchange(exchange_, nullptr)->finish();
}

void BodyWriter::when_hurried(std::move_only_function<void()> hurry) {
  WEIR_ASSERT(exchange_ != nullptr);
  exchange_->when_hurried(std::move(hurry));
}

bool BodyWriter::is_hurried() const {
  WEIR_ASSERT(exchange_ != nullptr);
  return exchange_->is_hurried();
}

Result<std::string> BodyReader::read() {
  WEIR_ASSERT(exchange_ != nullptr);
  return exchange_->read();
}

Responder& Responder::operator=(Responder&& other) noexcept {
  if (this == &other) return *this;
  give_up();
  exchange_ = std::move(other.exchange_);
  return *this;
}

Responder::~Responder() { give_up(); }

void Responder::give_up() {
  if (exchange_ != nullptr) std::exchange(exchange_, nullptr)->give_up();
}

void Responder::answer(Result<HttpResponse> response) {
  WEIR_ASSERT(exchange_ != nullptr);
  std::exchange(exchange_, nullptr)->answer(std::move(response));
}

BodyWriter Responder::begin(HttpResponse head) {
  WEIR_ASSERT(exchange_ != nullptr);
  WEIR_ASSERT(head.body.empty());
  exchange_->begin(std::move(head));
  return BodyWriter(std::exchange(exchange_, nullptr));
}

void Responder::when_hurried(std::move_only_function<void()> hurry) {
  WEIR_ASSERT(exchange_ != nullptr);
  exchange_->when_hurried(std::move(hurry));
}

bool Responder::is_hurried() const {
  WEIR_ASSERT(exchange_ != nullptr);
  return exchange_->is_hurried();
}

bool Responder::is_peer_gone() const {
  WEIR_ASSERT(exchange_ != nullptr);
  return exchange_->is_peer_gone();
}

}  // namespace weir::server
