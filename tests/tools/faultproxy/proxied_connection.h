// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/random.h"
#include "tests/tools/faultproxy/limits.h"
#include "tests/tools/faultproxy/message_framer.h"
#include "tests/tools/faultproxy/rule_book.h"

namespace weir::faultproxy {

/// What went through one pair.
struct PairCounts {
  std::uint64_t connections = 0;
  std::array<std::uint64_t, 2> bytes = {};   // by Direction
  std::array<std::uint64_t, 2> writes = {};  // by Direction
  std::map<Message, std::uint64_t> messages = {};
};

/// What all connections share. One thread.
struct ProxyContext {
  boost::asio::io_context& network;
  Protocol protocol;
  RuleBook& rules;
  base::SeededRandom random{1};
};

/// One client and its server: passes bytes on as the rules say, until both have ended or one
/// breaks.
class ProxiedConnection : public std::enable_shared_from_this<ProxiedConnection> {
 public:
  using Socket = boost::asio::generic::stream_protocol::socket;
  using Endpoint = boost::asio::generic::stream_protocol::endpoint;
  using Closed = std::function<void(ProxiedConnection&)>;

  /// `closed` is called once, at the end.
  ProxiedConnection(ProxyContext& context, std::size_t pair, PairCounts& counts, Socket client,
                    Closed closed);

  void start(const Endpoint& target);
  /// The rules have changed.
  void wake();
  /// Breaks both sides, with RST where that exists.
  void reset();
  std::size_t pair() const { return pair_; }

 private:
  struct Piece {
    std::string bytes;
    Moment due;
  };
  /// One direction.
  struct Way {
    Way(Direction way, Socket& source, Socket& sink, boost::asio::io_context& network)
        : direction(way), from(source), to(sink), timer(network) {}
    Direction direction;
    Socket& from;
    Socket& to;
    boost::asio::steady_timer timer;
    std::deque<Piece> held;
    std::size_t held_bytes = 0;
    std::size_t written = 0;  // of the first piece
    Moment next_write;
    bool counted_drop = false;  // of the first piece
    bool reading = false;
    bool writing = false;
    bool ended = false;        // nothing more will be read
    bool reset_after = false;  // once all is written, both sides break
    bool shut = false;         // the sink knows that nothing more comes
    std::array<char, kReadBytes> bytes;
  };

  void read(Way& way);
  void on_read(Way& way, std::size_t size);
  /// False where the connection was cut.
  bool take(Way& way, Frame frame);
  void hold(Way& way, std::string bytes);
  void cut_after_request(Way& way);
  void write(Way& way);
  bool must_wait(Way& way, Moment now);
  void on_written(Way& way, std::size_t size);
  void wait_until(Way& way, Moment moment);
  void end_of(Way& way);
  void close_all();

  ProxyContext& context_;
  const std::size_t pair_;
  PairCounts& counts_;
  Closed closed_;
  Socket client_;
  Socket server_;
  MessageFramer framer_;
  Way to_server_;
  Way to_client_;
  bool connected_ = false;
  bool cut_ = false;  // the client is gone; the server is given what it sent before
  bool over_ = false;
};

}  // namespace weir::faultproxy
