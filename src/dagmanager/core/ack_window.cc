// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/core/ack_window.h"

#include <algorithm>

#include "dagmanager/core/limits.h"

namespace weir::dagmanager {
namespace {

constexpr std::size_t kWindow = static_cast<std::size_t>(kAckWindow);

void keep_earliest(std::optional<Duration>& earliest, Duration at) {
  if (!earliest || at < *earliest) earliest = at;
}

}  // namespace

StreamId AckWindows::open(const graph::SentinelId& sentinel, const std::string& connection) {
  const StreamId stream = ++last_;
  const GroupKey key{sentinel.text(), connection};
  groups_[key].streams.emplace(stream, Stream{});
  group_of_.emplace(stream, key);
  return stream;
}

bool AckWindows::may_send(StreamId stream) const {
  const Stream* found = find(stream);
  if (found == nullptr || !found->open) return false;
  return found->owed.size() < kWindow + (found->probing ? 1 : 0);
}

void AckWindows::sent(StreamId stream, std::uint32_t chunk, Duration now) {
  Stream* found = find(stream);
  if (found == nullptr) return;
  found->owed.push_back(chunk);
  if (found->owed.size() < kWindow || found->full_since) return;
  found->full_since = now;
  Group& group = groups_.at(group_of_.at(stream));
  group.last_ack = std::max(group.last_ack, now);  // the stall counts from the window's filling
}

void AckWindows::ended(StreamId stream, Duration now) {
  Stream* found = find(stream);
  if (found == nullptr) return;
  found->open = false;
  found->ended_at = now;
  found->full_since.reset();
  if (found->owed.empty()) drop(stream);
}

void AckWindows::cancelled(StreamId stream) { drop(stream); }

bool AckWindows::acknowledged(const graph::SentinelId& sentinel, const std::string& connection,
                              std::uint32_t chunk, Duration now, AckChanges& changes) {
  Group* group = find_group(sentinel, connection);
  if (group == nullptr) return false;
  group->last_ack = now;
  for (auto& [id, stream] : group->streams) stream.tried = false;
  const auto prober = std::ranges::find_if(
      group->streams, [](const auto& member) { return member.second.probing; });
  if (group->probe_until && prober != group->streams.end()) {
    // The probed member is alive and has read all it was sent; whoever else owes is in doubt.
    for (auto& [id, stream] : group->streams) stream.doubted = id != prober->first;
    group->probe_until.reset();
    prober->second.probing = false;
    prober->second.owed.clear();
    prober->second.full_since.reset();
    group->turn = prober->first;
    if (prober->second.open) changes.released.push_back(prober->first);
    if (!prober->second.open) drop(prober->first);
    return true;
  }
  const StreamId payee = choose(*group, chunk);
  if (payee == 0) return false;
  credit(*group, payee, chunk, changes);
  return true;
}

AckChanges AckWindows::due(Duration now) {
  AckChanges changes;
  for (auto& [key, group] : groups_) {
    expire(group, now, changes);
    if (group.probe_until && now >= *group.probe_until) {
      group.probe_until.reset();
      for (auto& [id, stream] : group.streams) {
        if (!stream.probing) continue;
        stream.probing = false;
        stream.tried = true;
      }
      probe(group, now, changes);
    } else if (!group.probe_until && stalled(group) && now >= group.last_ack + kAckStall) {
      probe(group, now, changes);
    }
  }
  for (const StreamId stream : changes.timed_out) drop(stream);
  std::vector<StreamId> old;
  for (const auto& [key, group] : groups_) {
    for (const auto& [id, stream] : group.streams) {
      if (!stream.open && now >= stream.ended_at + kAckEndedStream) old.push_back(id);
    }
  }
  for (const StreamId stream : old) drop(stream);
  return changes;
}

std::optional<Duration> AckWindows::next_due() const {
  std::optional<Duration> earliest;
  for (const auto& [key, group] : groups_) {
    if (const auto at = next_due(group)) keep_earliest(earliest, *at);
  }
  return earliest;
}

std::size_t AckWindows::open_streams() const {
  std::size_t open = 0;
  for (const auto& [stream, key] : group_of_) open += find(stream)->open ? 1 : 0;
  return open;
}

std::size_t AckWindows::unacknowledged(StreamId stream) const {
  const Stream* found = find(stream);
  return found == nullptr ? 0 : found->owed.size();
}

AckWindows::Group* AckWindows::find_group(const graph::SentinelId& sentinel,
                                          const std::string& connection) {
  const auto exact = groups_.find({sentinel.text(), connection});
  if (exact != groups_.end()) return &exact->second;
  const auto any = groups_.lower_bound({sentinel.text(), ""});
  if (any == groups_.end() || any->first.first != sentinel.text()) return nullptr;
  return &any->second;
}

/// Who an ACK is for: a named chunk's stream, else the next in turn that owes, the doubted last.
StreamId AckWindows::choose(Group& group, std::uint32_t chunk) {
  const auto owes = [&](const Stream& stream, bool doubted) {
    if (stream.owed.empty() || stream.doubted != doubted) return false;
    return chunk == 0 || std::ranges::find(stream.owed, chunk) != stream.owed.end();
  };
  for (const bool doubted : {false, true}) {
    const auto after = group.streams.upper_bound(group.turn);
    for (auto it = after; it != group.streams.end(); ++it) {
      if (owes(it->second, doubted)) return it->first;
    }
    for (auto it = group.streams.begin(); it != after; ++it) {
      if (owes(it->second, doubted)) return it->first;
    }
  }
  return 0;
}

void AckWindows::credit(Group& group, StreamId stream, std::uint32_t chunk, AckChanges& changes) {
  group.turn = stream;
  Stream& payee = group.streams.at(stream);
  const auto paid =
      chunk == 0 ? payee.owed.begin() : std::ranges::find(payee.owed, chunk);
  payee.owed.erase(paid);
  if (payee.owed.size() < kWindow) payee.full_since.reset();
  if (payee.open) {
    changes.released.push_back(stream);
  } else if (payee.owed.empty()) {
    drop(stream);
  }
}

bool AckWindows::stalled(const Group& group) {
  std::size_t open = 0;
  for (const auto& [id, stream] : group.streams) {
    if (!stream.open) continue;
    ++open;
    if (stream.owed.size() < kWindow) return false;
  }
  return open > 0 && group.streams.size() > 1;
}

void AckWindows::probe(Group& group, Duration now, AckChanges& changes) {
  if (!stalled(group)) return;
  const auto untried = [](const auto& member) {
    return member.second.open && !member.second.tried;
  };
  const auto next = std::ranges::find_if(group.streams, untried);
  if (next == group.streams.end()) return;
  next->second.probing = true;
  group.probe_until = now + kAckStall;
  changes.released.push_back(next->first);
}

/// A doubted member waits while others move on: its own client may be alive, and its time-out runs
/// from when it is its turn to be probed.
bool AckWindows::excused(const Group& group, const Stream& stream) {
  return stream.doubted && std::ranges::any_of(group.streams, [](const auto& member) {
           return member.second.open && !member.second.doubted;
         });
}

void AckWindows::expire(Group& group, Duration now, AckChanges& changes) {
  for (auto& [id, stream] : group.streams) {
    if (!stream.open || !stream.full_since) continue;
    if (excused(group, stream)) {
      stream.full_since = now;
    } else if (now >= *stream.full_since + timeout_) {
      changes.timed_out.push_back(id);
    }
  }
}

std::optional<Duration> AckWindows::next_due(const Group& group) const {
  std::optional<Duration> earliest;
  for (const auto& [id, stream] : group.streams) {
    if (stream.open && stream.full_since && !excused(group, stream)) keep_earliest(earliest, *stream.full_since + timeout_);
    if (!stream.open) keep_earliest(earliest, stream.ended_at + kAckEndedStream);
  }
  if (group.probe_until) {
    keep_earliest(earliest, *group.probe_until);
  } else if (stalled(group) && std::ranges::any_of(group.streams, [](const auto& member) {
               return member.second.open && !member.second.tried;
             })) {
    keep_earliest(earliest, group.last_ack + kAckStall);
  }
  return earliest;
}

AckWindows::Stream* AckWindows::find(StreamId stream) {
  const auto key = group_of_.find(stream);
  if (key == group_of_.end()) return nullptr;
  return &groups_.at(key->second).streams.at(stream);
}

const AckWindows::Stream* AckWindows::find(StreamId stream) const {
  const auto key = group_of_.find(stream);
  if (key == group_of_.end()) return nullptr;
  return &groups_.at(key->second).streams.at(stream);
}

void AckWindows::drop(StreamId stream) {
  const auto key = group_of_.find(stream);
  if (key == group_of_.end()) return;
  const auto group = groups_.find(key->second);
  if (group->second.streams.at(stream).probing) group->second.probe_until.reset();
  group->second.streams.erase(stream);
  if (group->second.streams.empty()) groups_.erase(group);
  group_of_.erase(key);
}

}  // namespace weir::dagmanager
