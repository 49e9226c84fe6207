// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/generic/stream_protocol.hpp>
#include <string>
#include <string_view>

#include "base/result.h"

namespace weir::faultproxy {

/// Where something listens, as it is written: `HOST:PORT`, `[HOST]:PORT` or `unix:/PATH`.
struct ProxyAddress {
  boost::asio::generic::stream_protocol::endpoint endpoint = {};
  bool loopback = false;
  /// Of a Unix socket.
  std::string path = {};
};

/// A name is looked up once, now.
Result<ProxyAddress> parse_proxy_address(std::string_view text);
std::string address_text(const boost::asio::generic::stream_protocol::endpoint& endpoint);

}  // namespace weir::faultproxy
