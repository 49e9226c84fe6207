// SPDX-License-Identifier: Apache-2.0
#include "tests/integration/postgres/cutting_proxy.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <cstring>

#include "base/text.h"
#include "drivers/postgres/dsn.h"
#include "drivers/process/pid_fd.h"

namespace weir::postgres {
namespace {

sockaddr_un address_in(const std::string& folder) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string path = folder + "/.s.PGSQL.5432";
  EXPECT_LT(path.size(), sizeof address.sun_path);
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  return address;
}

/// Passes what can be read on; false at the end of the stream.
bool pass(int from, int to) {
  std::array<char, 65'536> bytes{};
  const ssize_t got = read(from, bytes.data(), bytes.size());
  if (got <= 0) return false;
  for (ssize_t sent = 0; sent < got;) {
    const ssize_t n =
        send(to, bytes.data() + sent, static_cast<std::size_t>(got - sent), MSG_NOSIGNAL);
    if (n < 0) return false;
    sent += n;
  }
  return true;
}

}  // namespace

CuttingProxy::CuttingProxy(const std::string& dsn) : server_dsn_(dsn) {
  const auto parts = parse_dsn(dsn);
  EXPECT_TRUE(parts.ok());
  if (parts.ok()) server_folder_ = parts->host;
  std::string folder = "/tmp/weir-proxy-XXXXXX";
  EXPECT_NE(mkdtemp(folder.data()), nullptr);
  folder_ = folder;
  listener_ = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_un address = address_in(folder_.string());
  EXPECT_EQ(bind(listener_, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  EXPECT_EQ(listen(listener_, 1), 0);
  thread_ = std::thread([this] { serve(); });
}

CuttingProxy::~CuttingProxy() {
  shutdown(listener_, SHUT_RDWR);  // Ends an accept that nobody came for.
  thread_.join();
  close(listener_);
  std::filesystem::remove_all(folder_);
}

std::string CuttingProxy::dsn() const {
  const auto parts = parse_dsn(server_dsn_);
  return "postgresql://" + parts->user + "@/" + parts->database +
         "?host=" + base::percent_encode(folder_.string());
}

void CuttingProxy::serve() {
  const process::FileDescriptor client(accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC));
  if (!client.open()) return;
  const process::FileDescriptor server(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const sockaddr_un address = address_in(server_folder_);
  if (connect(server.number(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    return;
  while (true) {
    std::array<pollfd, 2> ends = {{{.fd = client.number(), .events = POLLIN, .revents = 0},
                                   {.fd = server.number(), .events = POLLIN, .revents = 0}}};
    if (poll(ends.data(), ends.size(), -1) < 0) continue;
    if (ends[1].revents != 0) {
      if (lose_ || !pass(server.number(), client.number())) return;
    }
    if (ends[0].revents != 0 && !pass(client.number(), server.number())) return;
  }
}

}  // namespace weir::postgres
