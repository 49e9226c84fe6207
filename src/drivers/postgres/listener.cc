// SPDX-License-Identifier: Apache-2.0
#include "drivers/postgres/listener.h"

#include <libpq-fe.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "drivers/postgres/connection.h"
#include "drivers/postgres/errors.h"
#include "drivers/postgres/session.h"

namespace weir::postgres {
namespace {

constexpr int kSilenceSeconds = static_cast<int>(kListenerSilence.count());
constexpr int kProbes = 3;

}  // namespace

void Listener::Close::operator()(pg_conn* connection) const { PQfinish(connection); }

Result<std::unique_ptr<Listener>> Listener::connect(const ConnectOptions& options,
                                                    std::span<const char* const> channels) {
  WEIR_TRY(pg_conn* const session, open_session(options));
  std::unique_ptr<Listener> listener(new Listener(session));
  listener->keep_alive();
  WEIR_CHECK(listener->listen(channels));
  return listener;
}

Result<void> Listener::listen(std::span<const char* const> channels) {
  for (const char* channel : channels) {
    const std::string sql = std::string("LISTEN ") + channel;
    const std::unique_ptr<PGresult, decltype(&PQclear)> done(PQexec(connection_.get(), sql.c_str()),
                                                             &PQclear);
    if (PQresultStatus(done.get()) != PGRES_COMMAND_OK) return lost();
  }
  return {};
}

/// A session that only listens sends nothing of its own, so the kernel asks for it. On a Unix
/// socket there is no network to die; the calls then change nothing.
void Listener::keep_alive() const {
  const int descriptor = PQsocket(connection_.get());
  const int on = 1;
  const int idle = kSilenceSeconds / 2;
  const int pause = std::max(1, kSilenceSeconds / 2 / kProbes);
  const int probes = kProbes;
  (void)setsockopt(descriptor, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
  (void)setsockopt(descriptor, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof idle);
  (void)setsockopt(descriptor, IPPROTO_TCP, TCP_KEEPINTVL, &pause, sizeof pause);
  (void)setsockopt(descriptor, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof probes);
}

Result<std::vector<std::string>> Listener::wait(int wake) {
  while (true) {
    if (PQconsumeInput(connection_.get()) == 0) return lost();
    std::vector<std::string> heard = take_heard();
    if (!heard.empty()) return heard;
    std::array<pollfd, 2> ready = {
        {{.fd = PQsocket(connection_.get()), .events = POLLIN, .revents = 0},
         {.fd = wake, .events = POLLIN, .revents = 0}}};
    if (poll(ready.data(), ready.size(), -1) < 0 && errno != EINTR) return lost();
    if (ready[1].revents != 0) return heard;
  }
}

std::vector<std::string> Listener::take_heard() {
  std::vector<std::string> channels;
  while (true) {
    const std::unique_ptr<PGnotify, decltype(&PQfreemem)> notice(PQnotifies(connection_.get()),
                                                                 &PQfreemem);
    if (!notice) return channels;
    if (std::ranges::find(channels, notice->relname) == channels.end()) {
      channels.emplace_back(notice->relname);
    }
  }
}

Error Listener::lost() const {
  return base::unavailable(std::string(kPostgresUnavailable),
                           "listen: " + one_line(PQerrorMessage(connection_.get())));
}

}  // namespace weir::postgres
