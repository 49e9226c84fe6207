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
  Group& group = groups_[key];
  group.streams.emplace(stream, Stream{});
  group.shared = group.shared || group.streams.size() > 1;
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
  Group& group = groups_.at(group_of_.at(stream));
  // Another member has chunks to acknowledge now: an ACK would no longer tell who is alive.
  if (group.probe_until && !found->probing) end_probe(group, false);
  if (found->owed.size() < kWindow || found->full_since) return;
  found->full_since = now;
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
  // Whatever it does to the group, a stalled one is to be looked at again 1 s from now.
  changes.due_sooner = stalled(*group);
  if (group->probe_until && settle_probe(*group, chunk, changes)) return true;
  const StreamId payee = choose(*group, chunk);
  if (payee == 0) return false;
  credit(*group, payee, chunk, changes);
  return true;
}

/// Whether the ACK is the probed member's. It is alive then and has read all it was sent; whoever
/// else owes is in doubt. An ACK that names another chunk than the one more is no answer to the
/// probe.
bool AckWindows::settle_probe(Group& group, std::uint32_t chunk, AckChanges& changes) {
  const auto prober =
      std::ranges::find_if(group.streams, [](const auto& member) { return member.second.probing; });
  if (prober == group.streams.end()) return false;
  Stream& alive = prober->second;
  if (chunk != 0 && (alive.owed.empty() || alive.owed.back() != chunk)) return false;
  const StreamId id = prober->first;
  for (auto& [other, stream] : group.streams) stream.doubted = other != id;
  group.probe_until.reset();
  group.turn = id;
  alive.probing = false;
  alive.owed.clear();
  alive.full_since.reset();
  if (alive.open) {
    changes.released.push_back(id);
  } else {
    drop(id);
  }
  return true;
}

AckChanges AckWindows::due(Duration now) {
  AckChanges changes;
  std::vector<StreamId> old;
  for (auto& [key, group] : groups_) {
    if (group.probe_until && now >= *group.probe_until) end_probe(group, true);
    for (const auto& [id, stream] : group.streams) {
      const auto at = deadline(group, stream);
      if (!at || now < *at) continue;
      (stream.open ? changes.timed_out : old).push_back(id);
    }
  }
  for (const StreamId stream : changes.timed_out) drop(stream);
  for (const StreamId stream : old) drop(stream);
  for (auto& [key, group] : groups_) {
    const bool quiet = now >= group.last_ack + kAckStall;
    if (!group.probe_until && quiet && stalled(group)) probe(group, now, changes);
  }
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
  const auto paid = chunk == 0 ? payee.owed.begin() : std::ranges::find(payee.owed, chunk);
  payee.owed.erase(paid);
  if (payee.owed.size() < kWindow) {
    payee.full_since.reset();
  } else {
    payee.full_since = group.last_ack;
  }
  if (payee.open) {
    changes.released.push_back(stream);
  } else if (payee.owed.empty()) {
    drop(stream);
  }
}

/// Every open member has a full window, and ACKs of one may have gone to another: not only to a
/// present one, also to one that has left.
bool AckWindows::stalled(const Group& group) {
  if (!group.shared) return false;
  std::size_t open = 0;
  for (const auto& [id, stream] : group.streams) {
    if (!stream.open) continue;
    ++open;
    if (stream.owed.size() < kWindow) return false;
  }
  return open > 0;
}

void AckWindows::probe(Group& group, Duration now, AckChanges& changes) {
  const auto next = std::ranges::find_if(
      group.streams, [](const auto& member) { return member.second.open && !member.second.tried; });
  if (next == group.streams.end()) return;
  next->second.probing = true;
  group.probe_until = now + kAckStall;
  changes.released.push_back(next->first);
}

/// The probe brought nothing: the one chunk more is written off, or the next probe had none to
/// give.
void AckWindows::end_probe(Group& group, bool failed) {
  group.probe_until.reset();
  for (auto& [id, stream] : group.streams) {
    if (!stream.probing) continue;
    stream.probing = false;
    stream.tried = failed;
    if (stream.owed.size() > kWindow) stream.owed.pop_back();
  }
}

/// When the stream is to go, as things are: an open one for its silence, an ended one for its age.
std::optional<Duration> AckWindows::deadline(const Group& group, const Stream& stream) const {
  if (!stream.open) return stream.ended_at + kAckEndedStream;
  if (!stream.full_since) return std::nullopt;
  const bool unclear = stalled(group);
  if (unclear && !stream.tried) return std::nullopt;  // not before its probe
  if (!unclear && !stream.doubted) return *stream.full_since + timeout_;
  return std::max(*stream.full_since, group.last_ack) + timeout_;
}

std::optional<Duration> AckWindows::next_due(const Group& group) const {
  std::optional<Duration> earliest;
  for (const auto& [id, stream] : group.streams) {
    if (const auto at = deadline(group, stream)) keep_earliest(earliest, *at);
  }
  const auto untried = [](const auto& member) {
    return member.second.open && !member.second.tried;
  };
  if (group.probe_until) {
    keep_earliest(earliest, *group.probe_until);
  } else if (stalled(group) && std::ranges::any_of(group.streams, untried)) {
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
