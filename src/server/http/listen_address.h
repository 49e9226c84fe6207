// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace weir::server {

/// Where a listener binds: a TCP port, or, if there is a path, a Unix socket.
struct ListenAddress {
  std::string host = "127.0.0.1";
  std::uint16_t port = 0;  // 0: any free one
  std::string path = {};   // of a Unix socket; host and port then mean nothing

  bool is_unix() const { return !path.empty(); }
  /// "127.0.0.1:8001", "[::1]:8001", "unix:/run/weir/internal.sock".
  std::string text() const;
};

/// True for 127.0.0.0/8, ::1 (also in brackets) and `localhost`: only this machine reaches it.
bool is_loopback(std::string_view host);

}  // namespace weir::server
