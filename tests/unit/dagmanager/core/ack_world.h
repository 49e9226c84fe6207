// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "dagmanager/core/ack_window.h"
#include "dagmanager/core/limits.h"

/// Streams and their clients in virtual time, for tests of the acknowledgement windows.
namespace weir::dagmanager {

/// One stream and who reads it. A client takes a chunk, acknowledges it `delay` later, and only
/// then takes the next, as the public client does.
struct AckClient {
  enum class Mode { Reads, Silent, Cancels };

  Mode mode = Mode::Reads;
  Duration delay = std::chrono::milliseconds(1);
  std::uint32_t chunks = 30;
  std::string sentinel = "s-sentinel";
  std::string connection = "peer-1";
  bool names_chunks = false;        ///< acknowledges with the chunk's number instead of 0
  std::uint32_t cancels_after = 5;  ///< chunks read
  Duration starts{};

  // What became of it.
  StreamId stream = 0;
  std::uint32_t sent = 0;
  std::uint32_t read = 0;
  std::optional<Duration> acknowledges_at = {};
  bool opened = false;
  bool ended = false;  ///< the last chunk was sent
  bool cancelled = false;
  bool timed_out = false;
  Duration gone_at{};

  bool complete() const { return ended && read == chunks; }
  bool member() const { return opened && !cancelled && !timed_out; }
};

class AckWorld {
 public:
  explicit AckWorld(std::vector<AckClient> clients, Duration timeout = std::chrono::seconds(30))
      : windows_(timeout), clients_(std::move(clients)) {
    number_groups();
  }

  /// Runs until nothing can happen any more. False if that does not come about.
  bool run() {
    for (int events = 0; events < kEventsMax; ++events) {
      const auto at = next_event();
      if (!at) return true;
      now_ = std::max(now_, *at);
      step();
    }
    return false;
  }

  const std::vector<AckClient>& clients() const { return clients_; }
  AckWindows& windows() { return windows_; }
  Duration now() const { return now_; }
  /// Most chunks that a group ever held unacknowledged over what ten a member allow.
  std::int64_t most_over_window() const { return most_over_; }
  std::size_t most_of_one() const { return most_of_one_; }

 private:
  static constexpr int kEventsMax = 100'000;

  std::optional<Duration> next_event() const {
    std::optional<Duration> at = windows_.next_due();
    const auto sooner = [&](Duration other) {
      if (!at || other < *at) at = other;
    };
    for (const AckClient& client : clients_) {
      if (!client.opened) sooner(client.starts);
      if (client.acknowledges_at) sooner(*client.acknowledges_at);
    }
    return at;
  }

  void step() {
    for (AckClient& client : clients_) {
      if (!client.opened && client.starts <= now_) open(client);
    }
    for (AckClient& client : clients_) {
      if (client.acknowledges_at && *client.acknowledges_at <= now_) acknowledge(client);
    }
    const auto due = windows_.next_due();
    if (due && *due <= now_) apply(windows_.due(now_));
    measure();
  }

  void open(AckClient& client) {
    client.stream = windows_.open(graph::SentinelId(client.sentinel), client.connection);
    client.opened = true;
    pump(client);
  }

  void pump(AckClient& client) {
    while (!client.ended && windows_.may_send(client.stream)) {
      windows_.sent(client.stream, ++client.sent, now_);
      if (client.sent == client.chunks) {
        client.ended = true;
        client.gone_at = now_;
        windows_.ended(client.stream, now_);
      }
    }
    take(client);
  }

  /// The client takes the next chunk, if it is that kind and there is one.
  void take(AckClient& client) const {
    if (client.mode == AckClient::Mode::Silent || client.cancelled || client.acknowledges_at)
      return;
    if (client.read < client.sent) client.acknowledges_at = now_ + client.delay;
  }

  void acknowledge(AckClient& client) {
    client.acknowledges_at.reset();
    ++client.read;
    AckChanges changes;
    windows_.acknowledged(graph::SentinelId(client.sentinel), client.connection,
                          client.names_chunks ? client.read : 0, now_, changes);
    apply(changes);
    if (client.mode == AckClient::Mode::Cancels && client.read == client.cancels_after) {
      windows_.cancelled(client.stream);
      client.cancelled = true;
    }
    take(client);
  }

  void apply(const AckChanges& changes) {
    for (AckClient& client : clients_) {
      if (!client.opened) continue;
      if (std::ranges::find(changes.timed_out, client.stream) != changes.timed_out.end()) {
        client.timed_out = true;
        client.gone_at = now_;
      } else if (std::ranges::find(changes.released, client.stream) != changes.released.end()) {
        pump(client);
      }
    }
  }

  void measure() {
    std::ranges::fill(over_, 0);
    for (std::size_t i = 0; i < clients_.size(); ++i) {
      const AckClient& client = clients_[i];
      if (!client.opened) continue;
      const std::size_t owed = windows_.unacknowledged(client.stream);
      most_of_one_ = std::max(most_of_one_, owed);
      if (owed > 0) over_[group_of_[i]] += static_cast<std::int64_t>(owed) - kAckWindow;
    }
    for (const std::int64_t chunks : over_) most_over_ = std::max(most_over_, chunks);
  }

  /// Numbers of the groups that the clients' streams form.
  void number_groups() {
    std::map<std::pair<std::string, std::string>, std::size_t> groups;
    for (const AckClient& client : clients_) {
      const std::pair key(client.sentinel, client.connection);
      group_of_.push_back(groups.try_emplace(key, groups.size()).first->second);
    }
    over_.resize(groups.size());
  }

  AckWindows windows_;
  std::vector<AckClient> clients_;
  std::vector<std::size_t> group_of_;  // by client
  std::vector<std::int64_t> over_;     // by group: chunks owed beyond ten a member
  Duration now_{};
  std::int64_t most_over_ = 0;
  std::size_t most_of_one_ = 0;
};

}  // namespace weir::dagmanager
