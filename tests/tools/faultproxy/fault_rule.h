// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "tests/tools/faultproxy/message_framer.h"

namespace weir::faultproxy {

enum class FaultKind { Refuse, Reset, ResetAfter, Drop, Delay, Slow, Slice, Cut };
enum class Direction { ToServer, ToClient };

/// One fault as the control door is told it, in one JSON object:
///   kind       refuse, reset, reset_after, drop, delay, slow, slice, cut
///   seconds    ends it so long after it began; `count` ends it after so many hits; one of the two
///              is a must, with both the first that comes ends it
///   pair       the number of the pair it is for; without: all
///   direction  to_server, to_client; without: both
///   millis, jitter_millis        of a delay
///   bytes_per_second             of a slow
///   bytes                        of a slice; of a reset_after: passed on of what comes next
///   message    of a cut: commit, commit_reply, create_topics, create_topics_reply, produce
struct FaultRule {
  FaultKind kind = FaultKind::Drop;
  std::optional<std::size_t> pair = {};
  std::optional<Direction> direction = {};
  std::optional<std::chrono::milliseconds> span = {};
  std::optional<std::uint64_t> count = {};
  std::chrono::milliseconds delay{0};
  std::chrono::milliseconds jitter{0};
  std::size_t bytes_per_second = 0;
  std::optional<std::size_t> bytes = {};
  Message message = Message::None;

  bool of(std::size_t other_pair) const { return !pair || *pair == other_pair; }
  bool of(std::size_t other_pair, Direction other) const {
    return of(other_pair) && (!direction || *direction == other);
  }
};

/// The rule, or INVALID_ARGUMENT that names the key and what it may be.
Result<FaultRule> parse_fault_rule(std::string_view json, std::size_t pairs, Protocol protocol);
std::string_view kind_name(FaultKind kind);
std::string_view message_name(Message message);

}  // namespace weir::faultproxy
