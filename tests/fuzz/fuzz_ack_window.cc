// SPDX-License-Identifier: Apache-2.0
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "dagmanager/core/ack_window.h"
#include "tests/fuzz/fuzzing.h"
#include "tests/unit/dagmanager/core/ack_world.h"

/// Bytes in, calls of the chunk and acknowledgement machine out (contract section 3.8). An input is
/// either calls in any order, or streams with their clients: then every live one must end complete.

namespace {

using std::chrono::milliseconds;
using weir::Duration;
using weir::dagmanager::AckChanges;
using weir::dagmanager::AckClient;
using weir::dagmanager::AckWindows;
using weir::dagmanager::AckWorld;
using weir::dagmanager::StreamId;
using weir::fuzz::Bytes;
using weir::fuzz::require;

constexpr std::size_t kOwedMax = 11;
constexpr int kCallsMax = 256;
constexpr std::size_t kStreamsMax = 12;

/// Calls in any order, also such as no server makes.
class Calls {
 public:
  explicit Calls(Bytes bytes) : bytes_(bytes) {}

  void run() {
    for (int call = 0; call < kCallsMax && !bytes_.empty(); ++call) {
      one_call();
      require(windows_.open_streams() <= streams_.size(), "no more streams than were opened");
    }
    come_to_rest();
  }

 private:
  void one_call() {
    AckChanges changes;
    switch (bytes_.below(6)) {
      case 0:
        if (streams_.size() < kStreamsMax) {
          streams_.push_back(windows_.open(sentinel(), connection()));
        }
        break;
      case 1:
        for (unsigned chunks = bytes_.below(16); chunks > 0; --chunks) send();
        break;
      case 2:
        windows_.acknowledged(sentinel(), connection(), bytes_.below(4), now_, changes);
        break;
      case 3:
        windows_.ended(stream(), now_);
        break;
      case 4:
        windows_.cancelled(stream());
        break;
      default:
        now_ += milliseconds(50) * bytes_.byte();
        changes = windows_.due(now_);
        break;
    }
    for (const StreamId late : changes.timed_out) {
      require(!windows_.may_send(late), "a stream that timed out is gone");
    }
  }

  void send() {
    const StreamId to = stream();
    if (!windows_.may_send(to)) return;
    windows_.sent(to, ++chunk_, now_);
    require(windows_.unacknowledged(to) <= kOwedMax, "at most eleven chunks are owed");
  }

  /// With no more calls, time alone ends every stream.
  void come_to_rest() {
    for (int i = 0; i < 10 * kCallsMax; ++i) {
      const auto at = windows_.next_due();
      if (!at) break;
      require(*at > now_ || i == 0 || ++stood_ < kCallsMax, "time goes on");
      now_ = std::max(now_, *at);
      windows_.due(now_);
    }
    require(!windows_.next_due(), "it comes to rest");
  }

  weir::graph::SentinelId sentinel() {
    return weir::graph::SentinelId(bytes_.below(2) == 0 ? "a-sentinel" : "b-sentinel");
  }
  std::string connection() { return bytes_.below(3) == 0 ? "p" : "q"; }
  StreamId stream() {
    return streams_.empty() ? 77 : streams_[bytes_.below(static_cast<unsigned>(streams_.size()))];
  }

  Bytes bytes_;
  AckWindows windows_{std::chrono::seconds(30)};
  std::vector<StreamId> streams_;
  Duration now_{};
  std::uint32_t chunk_ = 0;
  int stood_ = 0;
};

AckClient client_from(Bytes& bytes) {
  AckClient client;
  const unsigned kind = bytes.below(4);
  if (kind == 2) client.mode = AckClient::Mode::Silent;
  if (kind == 3) client.mode = AckClient::Mode::Cancels;
  // Below the second that a probe waits.
  client.delay = milliseconds(1 + 3 * bytes.byte());
  client.chunks = 1 + bytes.below(32);
  client.starts = milliseconds(20) * bytes.byte();
  client.cancels_after = 1 + bytes.below(20);
  const std::uint8_t flags = bytes.byte();
  if ((flags & 3) == 3) client.sentinel = "other-sentinel";
  if ((flags & 12) == 12) client.connection = "peer-2";
  return client;
}

void play(Bytes bytes) {
  std::vector<AckClient> clients;
  while (!bytes.empty() && clients.size() < 6) clients.push_back(client_from(bytes));
  AckWorld world(std::move(clients));
  require(world.run(), "it comes to rest");
  for (const AckClient& client : world.clients()) {
    if (client.mode == AckClient::Mode::Silent) continue;
    require(!client.timed_out, "nobody who reads is cut off");
    require(client.cancelled || client.complete(), "every live stream ends complete");
  }
  require(world.most_of_one() <= kOwedMax, "at most eleven chunks are owed");
  require(world.most_over_window() <= 1, "ten chunks a member, and one");
  require(world.windows().open_streams() == 0, "no stream is left");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const Bytes bytes(data + 1, size - 1);
  if (data[0] % 2 == 0) {
    Calls(bytes).run();
  } else {
    play(bytes);
  }
  return 0;
}
