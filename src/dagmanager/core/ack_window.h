// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "graph/ids.h"

/// Acknowledgement of streamed chunks (contract section 3.8).
///
/// A stream may have kAckWindow chunks unacknowledged. The public client does not say which stream
/// or chunk it acknowledges: it names a sentinel and sends chunk 0. So the streams of one sentinel
/// on one connection form a **group** and share its ACKs, round-robin over members that owe some;
/// because each client acknowledges every chunk before it reads the next, the window then holds for
/// the sum. Ended streams stay members until they are paid or 30 s old; cancelled ones leave at
/// once.
///
/// **Stall.** A silent client in a group takes ACKs that were meant for others. When all open
/// members of a group that has, or had, several have a full window and no ACK came for 1 s, one
/// member at a time gets one chunk more and 1 s (a probe). The member that brings an ACK is alive:
/// it owes nothing then, and the others are doubted: credited only when nobody else owes. One that
/// brings none is not tried again before the group's next ACK; the chunk more is written off, so
/// that it can be then.
///
/// A stream whose window was full without credit for the time-out ends with `ack_timeout`. While
/// its group is stalled it ends only after its probe. Of a stalled group, and of a doubted member,
/// the time runs from the group's last ACK: that may have been its own client's.
///
/// Pure: time comes in with each call, what to do comes out. Not thread-safe; the owner locks.
namespace weir::dagmanager {

using StreamId = std::uint64_t;

/// What a call changed: streams that may send again, and streams whose client stopped
/// acknowledging.
struct AckChanges {
  std::vector<StreamId> released;
  std::vector<StreamId> timed_out;
  bool due_sooner = false;  ///< next_due() may be earlier than it was
};

class AckWindows {
 public:
  explicit AckWindows(Duration timeout) : timeout_(timeout) {}

  /// A stream of `sentinel` begins on `connection` (the peer's address).
  StreamId open(const graph::SentinelId& sentinel, const std::string& connection);

  /// True if the stream may send its next chunk now; `sent` must follow.
  bool may_send(StreamId stream) const;
  /// `chunk` (from 1) was sent at `now`.
  void sent(StreamId stream, std::uint32_t chunk, Duration now);

  /// The stream sent its last chunk and ended well.
  void ended(StreamId stream, Duration now);
  /// The caller gave up, or the stream failed. next_due() may be earlier then.
  void cancelled(StreamId stream);

  /// An ACK came in. False if no stream here is meant.
  bool acknowledged(const graph::SentinelId& sentinel, const std::string& connection,
                    std::uint32_t chunk, Duration now, AckChanges& changes);

  /// Deals with what is due at `now`: probes, time-outs, old members.
  AckChanges due(Duration now);
  /// When `due` should be called next, if ever.
  std::optional<Duration> next_due() const;

  std::size_t open_streams() const;
  /// Chunks sent and not acknowledged.
  std::size_t unacknowledged(StreamId stream) const;

 private:
  struct Stream {
    std::vector<std::uint32_t> owed;  // chunk numbers, rising
    bool open = true;
    bool probing = false;  // was given one chunk over its window
    bool tried = false;    // a probe of it brought nothing since the group's last ACK
    bool doubted = false;
    Duration ended_at{};
    std::optional<Duration> full_since;
  };
  struct Group {
    std::map<StreamId, Stream> streams;
    StreamId turn = 0;    // the member credited last
    bool shared = false;  // has, or had, several members
    Duration last_ack{};
    std::optional<Duration> probe_until;
  };
  using GroupKey = std::pair<std::string, std::string>;  // sentinel, connection

  Group* find_group(const graph::SentinelId& sentinel, const std::string& connection);
  bool settle_probe(Group& group, std::uint32_t chunk, AckChanges& changes);
  static StreamId choose(Group& group, std::uint32_t chunk);
  void credit(Group& group, StreamId stream, std::uint32_t chunk, AckChanges& changes);
  static bool stalled(const Group& group);
  static void probe(Group& group, Duration now, AckChanges& changes);
  /// Takes the one chunk more back; `failed`: the member did not answer and is not tried again.
  static void end_probe(Group& group, bool failed);
  std::optional<Duration> deadline(const Group& group, const Stream& stream) const;
  std::optional<Duration> next_due(const Group& group) const;
  Stream* find(StreamId stream);
  const Stream* find(StreamId stream) const;
  void drop(StreamId stream);

  Duration timeout_;
  StreamId last_ = 0;
  std::map<GroupKey, Group> groups_;
  std::map<StreamId, GroupKey> group_of_;
};

}  // namespace weir::dagmanager
