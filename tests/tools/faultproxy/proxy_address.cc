// SPDX-License-Identifier: Apache-2.0
#include "tests/tools/faultproxy/proxy_address.h"

#include <sys/un.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/system/error_code.hpp>
#include <charconv>
#include <cstdint>
#include <cstring>

namespace weir::faultproxy {
namespace {

namespace net = boost::asio;
using net::ip::tcp;

Error refused(std::string_view text, std::string_view why) {
  return {base::Code::InvalidArgument, "bad_address",
          std::string("address '").append(text).append("': ").append(why)};
}

Result<ProxyAddress> unix_address(std::string_view text, std::string_view path) {
  if (path.empty() || path.front() != '/' || path.size() >= sizeof(sockaddr_un{}.sun_path)) {
    return refused(text, "the path of a Unix socket is absolute and below 108 bytes");
  }
  return ProxyAddress{.endpoint = net::local::stream_protocol::endpoint(path),
                      .loopback = true,
                      .path = std::string(path)};
}

}  // namespace

Result<ProxyAddress> parse_proxy_address(std::string_view text) {
  constexpr std::string_view kUnix = "unix:";
  if (text.starts_with(kUnix)) return unix_address(text, text.substr(kUnix.size()));
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return refused(text, "write HOST:PORT or unix:/PATH");
  std::string_view host = text.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  const std::string_view digits = text.substr(colon + 1);
  std::uint16_t port = 0;
  const auto [end, failed] = std::from_chars(digits.begin(), digits.end(), port);
  if (failed != std::errc{} || end != digits.end()) {
    return refused(text, "the port is a number from 0 to 65535");
  }
  boost::system::error_code error;
  net::ip::address address = net::ip::make_address(std::string(host), error);
  if (error) {
    net::io_context lookup;
    const auto found = tcp::resolver(lookup).resolve(host, std::string(digits), error);
    if (error || found.empty()) return refused(text, "its host cannot be found");
    address = found.begin()->endpoint().address();
  }
  return ProxyAddress{.endpoint = tcp::endpoint(address, port), .loopback = address.is_loopback()};
}

std::string address_text(const net::generic::stream_protocol::endpoint& endpoint) {
  if (endpoint.protocol().family() == AF_UNIX) {
    sockaddr_un local{};
    std::memcpy(&local, endpoint.data(), endpoint.size());
    return std::string("unix:") + local.sun_path;
  }
  tcp::endpoint ip;
  std::memcpy(ip.data(), endpoint.data(), endpoint.size());
  const std::string host = ip.address().to_string();
  return (ip.address().is_v6() ? '[' + host + ']' : host) + ':' + std::to_string(ip.port());
}

}  // namespace weir::faultproxy
