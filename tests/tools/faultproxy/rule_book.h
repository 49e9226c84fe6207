// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <list>
#include <optional>

#include "tests/tools/faultproxy/fault_rule.h"

namespace weir::faultproxy {

using Moment = std::chrono::steady_clock::time_point;

/// A rule with what it has done.
struct LiveRule {
  std::uint64_t id = 0;
  FaultRule rule = {};
  std::uint64_t hits = 0;
  std::optional<Moment> end = {};

  bool spent(Moment now) const {
    return (end && now >= *end) || (rule.count && hits >= *rule.count);
  }
};

/// The rules in force, in the order of their making. Of those of one kind the first counts.
class RuleBook {
 public:
  /// The rule's number; none if there are too many.
  std::optional<std::uint64_t> add(const FaultRule& rule, Moment now);
  /// Whether there was one.
  bool remove(std::uint64_t id);
  void clear();
  /// Ends what is due. True if a rule ended.
  bool sweep(Moment now);
  std::optional<Moment> next_end() const;

  /// Of those in force.
  LiveRule* get(std::uint64_t id);
  LiveRule* find(FaultKind kind, std::size_t pair, Moment now);
  LiveRule* find(FaultKind kind, std::size_t pair, Direction direction, Moment now);
  LiveRule* find_cut(Message message, std::size_t pair, Moment now);

  const std::list<LiveRule>& live() const { return live_; }
  const std::deque<LiveRule>& ended() const { return ended_; }

 private:
  void bury(std::list<LiveRule>::iterator rule);

  std::uint64_t last_ = 0;
  std::list<LiveRule> live_;
  std::deque<LiveRule> ended_;
};

}  // namespace weir::faultproxy
