// SPDX-License-Identifier: Apache-2.0
#include "bench/events/crowd.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <string_view>
#include <utility>

namespace weir::bench {
namespace {

constexpr double kAnswerSeconds = 30;
constexpr int kPollMs = 50;
constexpr auto kLook = std::chrono::milliseconds(1);
constexpr std::string_view kMark = "\nid: ";

Error failed(const std::string& what) { return base::unavailable("bench_failed", what); }

/// A connection that has sent `request`, or -1.
int asking(int port, const std::string& request) {
  const int handle = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  const bool connected =
      ::connect(handle, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  const bool asked = connected && ::send(handle, request.data(), request.size(), MSG_NOSIGNAL) ==
                                      static_cast<ssize_t>(request.size());
  if (asked && ::fcntl(handle, F_SETFL, O_NONBLOCK) == 0) return handle;
  ::close(handle);
  return -1;
}

}  // namespace

double steady_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

Result<std::unique_ptr<Crowd>> Crowd::gather(const CrowdWanted& wanted, const SentTimes& sent) {
  std::unique_ptr<Crowd> crowd(new Crowd(sent));
  WEIR_CHECK(crowd->connect(wanted));
  crowd->thread_ = std::thread([&crowd = *crowd] { crowd.run(); });
  if (wanted.request.empty()) return crowd;
  const double until = steady_seconds() + kAnswerSeconds;
  while (crowd->answered_ < wanted.readers) {
    if (steady_seconds() > until) {
      return failed(std::to_string(wanted.readers - crowd->answered_) + " readers got no answer");
    }
    std::this_thread::sleep_for(kLook);
  }
  return crowd;
}

Crowd::~Crowd() {
  stopping_ = true;
  if (thread_.joinable()) thread_.join();
  for (const Reader& reader : readers_) ::close(reader.socket);
  for (const int socket : silent_) ::close(socket);
  if (poller_ >= 0) ::close(poller_);
}

Result<void> Crowd::connect(const CrowdWanted& wanted) {
  poller_ = ::epoll_create1(EPOLL_CLOEXEC);
  readers_.resize(wanted.readers);
  for (std::size_t i = 0; i < wanted.silent; ++i) {
    silent_.push_back(asking(wanted.port, wanted.silent_request));
    if (silent_.back() < 0) return failed("a reader cannot connect");
  }
  for (std::size_t i = 0; i < readers_.size(); ++i) {
    readers_[i].socket = asking(wanted.port, wanted.request);
    if (readers_[i].socket < 0) return failed("reader " + std::to_string(i) + " cannot connect");
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.u64 = i;
    ::epoll_ctl(poller_, EPOLL_CTL_ADD, readers_[i].socket, &event);
  }
  return {};
}

void Crowd::run() {
  std::array<epoll_event, 256> events{};
  while (!stopping_) {
    const int count =
        ::epoll_wait(poller_, events.data(), static_cast<int>(events.size()), kPollMs);
    for (int i = 0; i < count; ++i) {
      Reader& reader = readers_[events[static_cast<std::size_t>(i)].data.u64];
      if (read(reader)) continue;
      ::epoll_ctl(poller_, EPOLL_CTL_DEL, reader.socket, nullptr);
      ++lost_;
    }
  }
}

/// False once the connection has ended.
bool Crowd::read(Reader& reader) {
  const ssize_t size = ::recv(reader.socket, buffer_.data(), buffer_.size(), 0);
  if (size < 0) return errno == EAGAIN || errno == EINTR;
  if (size == 0) return false;
  if (!reader.answered) {
    reader.answered = true;
    ++answered_;
  }
  reader.text.append(buffer_.data(), static_cast<std::size_t>(size));
  search(reader);
  return true;
}

void Crowd::search(Reader& reader) {
  const double now = steady_seconds();
  const base::MutexLock lock(mutex_);
  std::size_t from = 0;
  while (true) {
    const std::size_t at = reader.text.find(kMark, from);
    const std::size_t end = at == std::string::npos ? at : reader.text.find('\n', at + 1);
    if (end == std::string::npos) {
      // Behind the last mark there may be half of one.
      const std::size_t kept = std::min(reader.text.size(), kMark.size() - 1);
      from = at != std::string::npos ? at : std::max(from, reader.text.size() - kept);
      break;
    }
    std::int64_t number = 0;
    std::from_chars(reader.text.data() + at + kMark.size(), reader.text.data() + end, number);
    from = end;
    if (!sent_.has(number)) continue;
    milliseconds_.push_back((now - sent_.at(number)) * 1000);
    ++had_[sent_.place(number)];
  }
  reader.text.erase(0, from);
}

Result<std::vector<double>> Crowd::take(std::int64_t number, double seconds_max) {
  const double until = steady_seconds() + seconds_max;
  const std::atomic<std::size_t>& had = had_[sent_.place(number)];
  while (had < readers_.size()) {
    if (steady_seconds() > until || lost_ > 0) {
      return failed(std::to_string(had) + " of " + std::to_string(readers_.size()) +
                    " readers had event " + std::to_string(number) + ", " + std::to_string(lost_) +
                    " were cut off");
    }
    std::this_thread::sleep_for(kLook);
  }
  const base::MutexLock lock(mutex_);
  return std::exchange(milliseconds_, {});
}

}  // namespace weir::bench
