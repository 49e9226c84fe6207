// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "base/text.h"

namespace weir::server {

/// What a test sees of an answer.
struct SeenResponse {
  int status = 0;
  std::string head;  // status line and fields, as they came
  std::string body;

  /// The value of a field, or "(none)".
  std::string field(std::string_view name) const {
    for (const std::string_view line : base::split(head, '\n')) {
      const std::size_t colon = line.find(':');
      if (colon == std::string_view::npos) continue;
      if (base::lower_ascii(line.substr(0, colon)) == base::lower_ascii(name)) {
        return std::string(base::trim(line.substr(colon + 1)));
      }
    }
    return "(none)";
  }
};

/// A client over a bare loopback socket, to send what no proper client would.
class HttpClient {
 public:
  static constexpr int kPatienceMs = 20'000;

  explicit HttpClient(std::uint16_t port) : socket_(socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connected_ =
        connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
  }
  /// Over a Unix socket.
  explicit HttpClient(const std::string& path) : socket_(socket(AF_UNIX, SOCK_STREAM, 0)) {
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    path.copy(static_cast<char*>(address.sun_path), sizeof(address.sun_path) - 1);
    connected_ =
        connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
  }
  ~HttpClient() { ::close(socket_); }
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  bool connected() const { return connected_; }
  int descriptor() const { return socket_; }

  /// False if the server has closed.
  bool send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t sent = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  }

  void end_sending() { shutdown(socket_, SHUT_WR); }

  /// Sends what the socket takes without waiting; how much that was.
  std::size_t offer(std::string_view bytes) {
    const ssize_t sent = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    return sent <= 0 ? 0 : static_cast<std::size_t>(sent);
  }

  /// Reads the head of an answer and leaves its body to `read_chunk` or `read_rest`.
  SeenResponse read_head() { return read(true); }

  /// The next chunk of an answer in chunks, empty at the end; "(cut)" if the server closed before.
  std::string read_chunk() {
    const auto line_end = [this] { return buffer_.find("\r\n"); };
    while (line_end() == std::string::npos) {
      if (!fill()) return "(cut)";
    }
    std::size_t length = 0;
    std::from_chars(buffer_.data(), buffer_.data() + line_end(), length, 16);
    buffer_.erase(0, line_end() + 2);
    while (buffer_.size() < length + 2) {
      if (!fill()) return "(cut)";
    }
    std::string chunk = buffer_.substr(0, length);
    buffer_.erase(0, length + 2);
    return chunk;
  }

  /// All that comes until the server closes.
  std::string read_rest() {
    while (fill()) {
    }
    return std::exchange(buffer_, {});
  }

  /// Reads one answer; `to_head`: it has no body, whatever length it tells.
  SeenResponse read(bool to_head = false) {
    SeenResponse seen;
    std::size_t end = 0;
    while ((end = buffer_.find("\r\n\r\n")) == std::string::npos) {
      if (!fill()) return seen;
    }
    seen.head = buffer_.substr(0, end + 2);
    buffer_.erase(0, end + 4);
    std::from_chars(seen.head.data() + 9, seen.head.data() + 12, seen.status);
    std::size_t length = 0;
    const std::string told = seen.field("content-length");
    std::from_chars(told.data(), told.data() + told.size(), length);
    if (to_head) return seen;
    while (buffer_.size() < length && fill()) {
    }
    seen.body = buffer_.substr(0, length);
    buffer_.erase(0, length);
    return seen;
  }

  SeenResponse ask(std::string_view request) {
    send(request);
    return read();
  }

  SeenResponse get(const std::string& path) {
    return ask("GET " + path + " HTTP/1.1\r\nHost: x\r\n\r\n");
  }

  /// True if the server closes without sending more.
  bool is_closed() { return buffer_.empty() && !fill(); }

 private:
  bool fill() {
    pollfd wanted = {socket_, POLLIN, 0};
    if (poll(&wanted, 1, kPatienceMs) <= 0) {
      ADD_FAILURE() << "the server neither answers nor closes";
      return false;
    }
    std::array<char, 4096> block = {};
    const ssize_t got = recv(socket_, block.data(), block.size(), 0);
    if (got <= 0) return false;
    buffer_.append(block.data(), static_cast<std::size_t>(got));
    return true;
  }

  int socket_;
  bool connected_ = false;
  std::string buffer_;
};

}  // namespace weir::server
