// SPDX-License-Identifier: Apache-2.0
#include "tests/tools/faultproxy/proxied_connection.h"

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/socket_base.hpp>
#include <boost/asio/write.hpp>
#include <boost/system/error_code.hpp>
#include <utility>

namespace weir::faultproxy {
namespace {

namespace net = boost::asio;
using boost::system::error_code;
using std::chrono::steady_clock;

std::size_t number(Direction direction) { return static_cast<std::size_t>(direction); }

bool is_reply(Message message) {
  return message == Message::CommitReply || message == Message::CreateTopicsReply;
}

/// The peer sees a reset, not an end.
void break_off(ProxiedConnection::Socket& socket) {
  error_code ignored;
  socket.set_option(net::socket_base::linger(true, 0), ignored);
  socket.close(ignored);
}

}  // namespace

ProxiedConnection::ProxiedConnection(ProxyContext& context, std::size_t pair, PairCounts& counts,
                                     Socket client, Closed closed)
    : context_(context),
      pair_(pair),
      counts_(counts),
      closed_(std::move(closed)),
      client_(std::move(client)),
      server_(context.network),
      framer_(context.protocol),
      to_server_(Direction::ToServer, client_, server_, context.network),
      to_client_(Direction::ToClient, server_, client_, context.network) {}

void ProxiedConnection::start(const Endpoint& target) {
  server_.async_connect(target, [self = shared_from_this()](error_code error) {
    if (self->over_) return;
    if (error) return self->reset();
    self->connected_ = true;
    self->read(self->to_server_);
    self->read(self->to_client_);
  });
}

void ProxiedConnection::wake() {
  if (!connected_ || over_) return;
  to_server_.timer.cancel();
  write(to_server_);
  if (over_ || cut_) return;  // the timer of a cut's other way ends its connection
  to_client_.timer.cancel();
  write(to_client_);
}

void ProxiedConnection::reset() {
  if (over_) return;
  break_off(client_);
  break_off(server_);
  close_all();
}

void ProxiedConnection::read(Way& way) {
  if (over_ || way.reading || way.ended || way.held_bytes >= kHeldBytesMax) return;
  way.reading = true;
  way.from.async_read_some(net::buffer(way.bytes),
                           [self = shared_from_this(), &way](error_code error, std::size_t size) {
                             way.reading = false;
                             if (self->over_) return;
                             if (!error) return self->on_read(way, size);
                             way.ended = true;
                             way.reset_after = way.reset_after || error != net::error::eof;
                             self->write(way);
                           });
}

void ProxiedConnection::on_read(Way& way, std::size_t size) {
  const std::string_view bytes(way.bytes.data(), size);
  if (cut_) return read(way);  // an answer that nobody will see
  const bool to_server = way.direction == Direction::ToServer;
  std::vector<Frame> frames = to_server ? framer_.from_client(bytes) : framer_.from_server(bytes);
  for (Frame& frame : frames) {
    if (!take(way, std::move(frame))) return;
  }
  if (framer_.broken()) return reset();
  write(way);
  read(way);
}

bool ProxiedConnection::take(Way& way, Frame frame) {
  const Moment now = steady_clock::now();
  LiveRule* rule = nullptr;
  if (frame.message != Message::None) {
    ++counts_.messages[frame.message];
    rule = context_.rules.find_cut(frame.message, pair_, now);
  }
  if (rule != nullptr) {
    ++rule->hits;
    if (is_reply(frame.message)) {
      reset();
      return false;
    }
    hold(way, std::move(frame.bytes));
    cut_after_request(way);
    return false;
  }
  LiveRule* breaks = context_.rules.find(FaultKind::ResetAfter, pair_, way.direction, now);
  if (breaks != nullptr) {
    ++breaks->hits;
    frame.bytes.resize(std::min(frame.bytes.size(), *breaks->rule.bytes));
    hold(way, std::move(frame.bytes));
    way.ended = true;
    way.reset_after = true;
    write(way);
    return false;
  }
  hold(way, std::move(frame.bytes));
  return true;
}

void ProxiedConnection::hold(Way& way, std::string bytes) {
  if (bytes.empty()) return;
  Moment due = steady_clock::now();
  if (LiveRule* rule = context_.rules.find(FaultKind::Delay, pair_, way.direction, due)) {
    ++rule->hits;
    const auto jitter = static_cast<std::uint64_t>(rule->rule.jitter.count()) + 1;
    due += rule->rule.delay + std::chrono::milliseconds(context_.random.below(jitter));
  }
  way.held_bytes += bytes.size();
  way.held.push_back({.bytes = std::move(bytes), .due = due});
}

void ProxiedConnection::cut_after_request(Way& way) {
  cut_ = true;
  break_off(client_);
  to_client_.held.clear();
  to_client_.timer.expires_after(kCutDrainMax);
  to_client_.timer.async_wait([self = shared_from_this()](error_code error) {
    if (!error) self->reset();
  });
  way.ended = true;
  write(way);
  read(to_client_);
}

bool ProxiedConnection::must_wait(Way& way, Moment now) {
  if (LiveRule* drop = context_.rules.find(FaultKind::Drop, pair_, way.direction, now)) {
    if (!way.held.empty() && !std::exchange(way.counted_drop, true)) ++drop->hits;
    return true;  // the end of the rule wakes it
  }
  if (way.held.empty()) return false;
  Moment due = way.next_write;
  if (context_.rules.find(FaultKind::Delay, pair_, way.direction, now) != nullptr) {
    due = std::max(due, way.held.front().due);
  }
  if (due <= now) return false;
  wait_until(way, due);
  return true;
}

void ProxiedConnection::write(Way& way) {
  const Moment now = steady_clock::now();
  if (over_ || way.writing) return;
  if (cut_ && way.direction == Direction::ToClient) {
    if (way.ended) reset();  // the server has taken what there was, and has ended
    return;
  }
  if (context_.rules.find(FaultKind::Slow, pair_, way.direction, now) == nullptr) {
    way.next_write = now;
  }
  if (must_wait(way, now)) return;
  if (way.held.empty()) return end_of(way);
  const Piece& piece = way.held.front();
  std::size_t size = piece.bytes.size() - way.written;
  if (LiveRule* slice = context_.rules.find(FaultKind::Slice, pair_, way.direction, now)) {
    ++slice->hits;
    size = std::min(size, *slice->rule.bytes);
  }
  if (LiveRule* slow = context_.rules.find(FaultKind::Slow, pair_, way.direction, now)) {
    ++slow->hits;
    const std::size_t rate = slow->rule.bytes_per_second;
    size = std::min(size, std::max<std::size_t>(1, rate / kSlowWritesPerSecond));
    way.next_write = now + std::chrono::microseconds(size * 1'000'000 / rate);
  }
  way.writing = true;
  net::async_write(way.to, net::buffer(piece.bytes.data() + way.written, size),
                   [self = shared_from_this(), &way](error_code error, std::size_t written) {
                     way.writing = false;
                     if (self->over_) return;
                     if (self->cut_ && way.direction == Direction::ToClient) return;
                     if (error) return self->reset();
                     self->on_written(way, written);
                   });
}

void ProxiedConnection::on_written(Way& way, std::size_t size) {
  counts_.bytes[number(way.direction)] += size;
  ++counts_.writes[number(way.direction)];
  way.held_bytes -= size;
  way.written += size;
  if (way.written == way.held.front().bytes.size()) {
    way.held.pop_front();
    way.written = 0;
    way.counted_drop = false;
  }
  write(way);
  read(way);
}

void ProxiedConnection::wait_until(Way& way, Moment moment) {
  way.timer.expires_at(moment);
  way.timer.async_wait([self = shared_from_this(), &way](error_code error) {
    if (!error) self->write(way);
  });
}

void ProxiedConnection::end_of(Way& way) {
  if (!way.ended || way.shut) return;
  if (way.reset_after) return reset();
  way.shut = true;
  error_code ignored;
  way.to.shutdown(net::socket_base::shutdown_send, ignored);
  if (to_server_.shut && to_client_.shut) close_all();
}

void ProxiedConnection::close_all() {
  over_ = true;
  error_code ignored;
  client_.close(ignored);
  server_.close(ignored);
  to_server_.timer.cancel();
  to_client_.timer.cancel();
  closed_(*this);
}

}  // namespace weir::faultproxy
