// SPDX-License-Identifier: Apache-2.0
#include "tests/tools/faultproxy/rule_book.h"

#include <algorithm>
#include <utility>

#include "tests/tools/faultproxy/limits.h"

namespace weir::faultproxy {
namespace {

template <class Holds>
LiveRule* first(std::list<LiveRule>& live, Moment now, Holds holds) {
  const auto found = std::ranges::find_if(
      live, [&](const LiveRule& one) { return !one.spent(now) && holds(one.rule); });
  return found == live.end() ? nullptr : &*found;
}

}  // namespace

std::optional<std::uint64_t> RuleBook::add(const FaultRule& rule, Moment now) {
  sweep(now);
  if (live_.size() >= kRulesMax) return std::nullopt;
  LiveRule& made = live_.emplace_back(LiveRule{.id = ++last_, .rule = rule});
  if (rule.span) made.end = now + *rule.span;
  return made.id;
}

bool RuleBook::remove(std::uint64_t id) {
  const auto found = std::ranges::find(live_, id, &LiveRule::id);
  if (found == live_.end()) return false;
  bury(found);
  return true;
}

void RuleBook::clear() {
  while (!live_.empty()) bury(live_.begin());
}

bool RuleBook::sweep(Moment now) {
  bool ended = false;
  for (auto rule = live_.begin(); rule != live_.end();) {
    const auto next = std::next(rule);
    if (rule->spent(now)) {
      bury(rule);
      ended = true;
    }
    rule = next;
  }
  return ended;
}

std::optional<Moment> RuleBook::next_end() const {
  std::optional<Moment> soonest;
  for (const LiveRule& one : live_) {
    if (one.end && (!soonest || *one.end < *soonest)) soonest = one.end;
  }
  return soonest;
}

LiveRule* RuleBook::get(std::uint64_t id) {
  const auto found = std::ranges::find(live_, id, &LiveRule::id);
  return found == live_.end() ? nullptr : &*found;
}

LiveRule* RuleBook::find(FaultKind kind, std::size_t pair, Moment now) {
  return first(live_, now,
               [&](const FaultRule& rule) { return rule.kind == kind && rule.of(pair); });
}

LiveRule* RuleBook::find(FaultKind kind, std::size_t pair, Direction direction, Moment now) {
  return first(live_, now, [&](const FaultRule& rule) {
    return rule.kind == kind && rule.of(pair, direction);
  });
}

LiveRule* RuleBook::find_cut(Message message, std::size_t pair, Moment now) {
  return first(live_, now, [&](const FaultRule& rule) {
    return rule.kind == FaultKind::Cut && rule.message == message && rule.of(pair);
  });
}

void RuleBook::bury(std::list<LiveRule>::iterator rule) {
  ended_.push_back(std::move(*rule));
  live_.erase(rule);
  if (ended_.size() > kEndedRulesMax) ended_.pop_front();
}

}  // namespace weir::faultproxy
