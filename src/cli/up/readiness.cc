// SPDX-License-Identifier: Apache-2.0
#include "cli/up/readiness.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <array>
#include <string>
#include <string_view>

#include "cli/up/limits.h"
#include "drivers/process/file_descriptor.h"

namespace weir::cli {
namespace {

void limit_waits(int socket) {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(kReadyAnswerTimeout);
  const timeval limit{.tv_sec = seconds.count(), .tv_usec = 0};
  setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
}

bool connect_to(int socket, const server::ListenAddress& http) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(http.port);
  return inet_pton(AF_INET, http.host.c_str(), &address.sin_addr) == 1 &&
         connect(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
}

}  // namespace

bool is_ready(const server::ListenAddress& http) {
  const process::FileDescriptor connection(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  limit_waits(connection.number());
  if (!connect_to(connection.number(), http)) return false;
  const std::string request =
      "GET /readyz HTTP/1.1\r\nHost: " + http.text() + "\r\nConnection: close\r\n\r\n";
  if (send(connection.number(), request.data(), request.size(), MSG_NOSIGNAL) !=
      static_cast<ssize_t>(request.size())) {
    return false;
  }
  constexpr std::string_view kOk = "HTTP/1.1 200";
  std::array<char, kOk.size()> head{};
  const ssize_t count = recv(connection.number(), head.data(), head.size(), MSG_WAITALL);
  return count == static_cast<ssize_t>(kOk.size()) &&
         std::string_view(head.data(), head.size()) == kOk;
}

}  // namespace weir::cli
