// SPDX-License-Identifier: Apache-2.0
#include "cli/up/ports.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <optional>
#include <string>

#include "cli/up/limits.h"
#include "drivers/process/file_descriptor.h"

namespace weir::cli {
namespace {

/// A bound socket of loopback that does not listen.
struct BoundPort {
  process::FileDescriptor socket;
  std::uint16_t port = 0;
};

std::optional<BoundPort> bind_port(std::uint16_t wanted) {
  BoundPort bound;
  bound.socket = process::FileDescriptor(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  // As the listeners do: connections that are only closing do not count.
  const int on = 1;
  setsockopt(bound.socket.number(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(wanted);
  socklen_t length = sizeof address;
  auto* raw = reinterpret_cast<sockaddr*>(&address);
  if (bind(bound.socket.number(), raw, length) != 0) return {};
  // Another's socket may be bound with the same leave; only one of both can listen.
  if (listen(bound.socket.number(), 1) != 0) return {};
  if (getsockname(bound.socket.number(), raw, &length) != 0) return {};
  bound.port = ntohs(address.sin_port);
  return bound;
}

std::optional<BoundPort> any_port(Random& random) {
  for (int attempt = 0; attempt < kPortTriesMax; ++attempt) {
    const auto port = static_cast<std::uint16_t>(
        kFreePortFirst + random.next() % (kFreePortLast - kFreePortFirst + 1));
    if (std::optional<BoundPort> bound = bind_port(port)) return bound;
  }
  return bind_port(0);
}

Result<BoundPort> find_port(std::uint16_t wanted, const char* flag, Clock& clock, Random& random) {
  if (wanted == 0) {
    if (std::optional<BoundPort> bound = any_port(random)) return *std::move(bound);
    return base::unavailable("port_taken", "127.0.0.1 has no free port left");
  }
  const Duration until = clock.monotonic() + kPortWait;
  while (true) {
    if (std::optional<BoundPort> bound = bind_port(wanted)) return *std::move(bound);
    if (clock.monotonic() >= until) break;
    clock.sleep_for(kReadyLook);
  }
  return base::failed_precondition("port_taken", "port " + std::to_string(wanted) +
                                                     " of 127.0.0.1 is taken by another program: "
                                                     "give another with " +
                                                     flag + " (0 takes a free one)");
}

}  // namespace

Result<UpPorts> choose_ports(const UpPorts& wanted, Clock& clock, Random& random) {
  WEIR_TRY(const BoundPort grpc, find_port(wanted.grpc, "--grpc-port", clock, random));
  WEIR_TRY(const BoundPort http, find_port(wanted.http, "--http-port", clock, random));
  UpPorts ports{.grpc = grpc.port, .http = http.port};
  if (wanted.tasks) {
    WEIR_TRY(const BoundPort tasks, find_port(*wanted.tasks, "--tasks-port", clock, random));
    ports.tasks = tasks.port;
  }
  return ports;
}

}  // namespace weir::cli
