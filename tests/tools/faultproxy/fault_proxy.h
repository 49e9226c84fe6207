// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstddef>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "tests/tools/faultproxy/proxied_connection.h"
#include "tests/tools/faultproxy/proxy_address.h"

namespace weir::faultproxy {

struct ProxyPair {
  ProxyAddress listen;
  ProxyAddress target;
};

/// Listens for each pair and passes on what comes, but for what rules do. One thread: all is called
/// where `network` runs, or before it does.
class FaultProxy {
 public:
  FaultProxy(boost::asio::io_context& network, Protocol protocol, std::vector<ProxyPair> pairs);
  ~FaultProxy();
  FaultProxy(const FaultProxy&) = delete;
  FaultProxy& operator=(const FaultProxy&) = delete;

  Result<void> listen();
  /// Where each pair listens and what it is for, as JSON.
  std::string pairs_json() const;
  /// Answers one command of the control door, both without their line's end:
  ///   {"add": RULE}   {"remove": NUMBER}   {"clear": true}   {"show": true}
  /// with {"ok": true, …} or {"ok": false, "error": …}.
  std::string command(std::string_view line);

 private:
  using Acceptor = boost::asio::basic_socket_acceptor<boost::asio::generic::stream_protocol>;
  struct Door {
    Door(ProxyPair of, boost::asio::io_context& network) : pair(std::move(of)), acceptor(network) {}
    ProxyPair pair;
    Acceptor acceptor;
    PairCounts counts;
    bool listening = false;
  };

  Result<void> bind(Door& door);
  Result<void> open(std::size_t number);
  void accept(std::size_t number);
  void on_accept(std::size_t number, ProxiedConnection::Socket client);
  std::string add(std::string_view rule);
  std::string show();
  /// After each change of the rules: ends, doors, connections.
  void apply_rules();
  void apply_reset(std::uint64_t id);
  void sync_doors();

  boost::asio::io_context& network_;
  RuleBook rules_;
  ProxyContext context_;
  boost::asio::steady_timer sweep_;
  std::vector<std::unique_ptr<Door>> doors_;
  std::set<ProxiedConnection*> connections_;
};

}  // namespace weir::faultproxy
