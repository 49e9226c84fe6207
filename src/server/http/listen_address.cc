// SPDX-License-Identifier: Apache-2.0
#include "server/http/listen_address.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include "base/text.h"

namespace weir::server {
namespace {

std::string_view without_brackets(std::string_view host) {
  if (host.starts_with('[') && host.ends_with(']')) return host.substr(1, host.size() - 2);
  return host;
}

}  // namespace

std::string ListenAddress::text() const {
  if (is_unix()) return "unix:" + path;
  const std::string bare(without_brackets(host));
  const bool version_6 = bare.contains(':');
  return (version_6 ? "[" + bare + "]" : bare) + ":" + std::to_string(port);
}

bool is_loopback(std::string_view host) {
  const std::string bare = base::lower_ascii(without_brackets(host));
  if (bare == "localhost") return true;
  in_addr version_4 = {};
  if (inet_pton(AF_INET, bare.c_str(), &version_4) == 1) {
    return (ntohl(version_4.s_addr) >> 24) == 127;
  }
  in6_addr version_6 = {};
  return inet_pton(AF_INET6, bare.c_str(), &version_6) == 1 && IN6_IS_ADDR_LOOPBACK(&version_6);
}

}  // namespace weir::server
