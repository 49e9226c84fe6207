// SPDX-License-Identifier: Apache-2.0
#include "bench/events/bare_fanout.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <utility>

#include "drivers/postgres/connection.h"

namespace weir::bench {

Result<std::unique_ptr<BareFanout>> BareFanout::start(const std::string& dsn,
                                                      std::size_t block_bytes, std::int64_t first) {
  const std::array<const char*, 1> channels = {kChannel};
  WEIR_TRY(auto listener, postgres::Listener::connect({.dsn = dsn}, channels));
  std::unique_ptr<BareFanout> fanout(new BareFanout(std::move(listener), block_bytes, first));
  fanout->listening_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  if (::bind(fanout->listening_, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
      ::listen(fanout->listening_, SOMAXCONN) != 0 ||
      ::getsockname(fanout->listening_, reinterpret_cast<sockaddr*>(&address), &size) != 0 ||
      ::pipe2(fanout->wake_, O_CLOEXEC) != 0) {
    return base::unavailable("bench_failed", "the bare server cannot listen");
  }
  fanout->port_ = ntohs(address.sin_port);
  return fanout;
}

BareFanout::~BareFanout() {
  ::close(wake_[1]);
  if (thread_.joinable()) thread_.join();
  for (const int socket : sockets_) ::close(socket);
  ::close(listening_);
  ::close(wake_[0]);
}

void BareFanout::admit(std::size_t count) {
  while (sockets_.size() < count) {
    const int socket = ::accept4(listening_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
    const int on = 1;
    ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    sockets_.push_back(socket);
  }
  thread_ = std::thread([this] { run(); });
}

void BareFanout::run() {
  while (true) {
    const auto heard = listener_->wait(wake_[0]);
    if (!heard.ok() || heard->empty()) return;
    for (const std::int64_t end = counted_; next_ < end; ++next_) tell(next_);
  }
}

void BareFanout::tell(std::int64_t number) {
  std::string block = "\nid: " + std::to_string(number) + "\n";
  if (block.size() < block_bytes_) block.append(block_bytes_ - block.size(), 'x');
  // Who has no room gets nothing: nothing waits for a reader.
  for (const int socket : sockets_) {
    [[maybe_unused]] const ssize_t size =
        ::send(socket, block.data(), block.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  }
}

}  // namespace weir::bench
