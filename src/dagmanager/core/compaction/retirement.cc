// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/core/compaction/retirement.h"

#include <algorithm>
#include <map>

#include "graph/dag_meta.h"

namespace weir::dagmanager {
namespace {

/// What the deploys under each sentinel come to.
struct Hold {
  bool held = false;
  Instant last_seen{};
};

std::map<SentinelKey, Hold> holds_of(std::span<const DeployStanding> deploys, std::size_t kept,
                                     Instant now) {
  const std::vector<bool> held = held_deploys(deploys, kept, now);
  std::map<SentinelKey, Hold> holds;
  for (std::size_t i = 0; i < deploys.size(); ++i) {
    const auto sentinel = sentinel_of(deploys[i]);
    if (!sentinel) continue;
    Hold& hold = holds[*sentinel];
    hold.held = hold.held || held[i];
    hold.last_seen = std::max(hold.last_seen, deploys[i].last_seen);
  }
  return holds;
}

Hold hold_on(const std::map<SentinelKey, Hold>& holds, const SentinelKey& sentinel) {
  const auto found = holds.find(sentinel);
  return found == holds.end() ? Hold() : found->second;
}

}  // namespace

std::optional<SentinelKey> sentinel_of(const DeployStanding& deploy) {
  if (!deploy.has_sentinel) return std::nullopt;
  return SentinelKey{deploy.world, graph::sentinel_id(deploy.strategy), deploy.version};
}

RetirementMarks plan_retirement(std::span<const DeployStanding> deploys,
                                std::span<const SentinelLife> sentinels, std::size_t deploys_kept,
                                Instant now) {
  const auto holds = holds_of(deploys, deploys_kept, now);
  RetirementMarks marks{.retired = {}, .waiting = {}, .at = now};
  for (const SentinelLife& sentinel : sentinels) {
    const bool held = hold_on(holds, sentinel.key).held;
    if (held && sentinel.retired_at) marks.waiting.push_back(sentinel.key);
    if (!held && !sentinel.retired_at) marks.retired.push_back(sentinel.key);
  }
  return marks;
}

std::vector<SentinelKey> due_sentinels(std::span<const DeployStanding> deploys,
                                       std::span<const SentinelLife> sentinels,
                                       const RetirementRules& rules, Instant now) {
  const auto holds = holds_of(deploys, rules.deploys_kept, now);
  const Instant latest = now - rules.wait;
  const auto is_past = [&](Instant moment) { return moment < rules.before && moment <= latest; };
  std::vector<SentinelKey> due;
  for (const SentinelLife& sentinel : sentinels) {
    const Hold hold = hold_on(holds, sentinel.key);
    if (hold.held || !sentinel.retired_at) continue;
    if (is_past(*sentinel.retired_at) && is_past(hold.last_seen)) due.push_back(sentinel.key);
  }
  std::ranges::sort(due);
  return due;
}

std::vector<std::string> deploys_under(std::span<const DeployStanding> deploys,
                                       const SentinelKey& sentinel) {
  std::vector<std::string> keys;
  for (const DeployStanding& deploy : deploys) {
    if (sentinel_of(deploy) == sentinel) keys.push_back(deploy.key);
  }
  std::ranges::sort(keys);
  return keys;
}

std::vector<bool> keeping_deploys(std::span<const DeployStanding> deploys,
                                  const SentinelKeys& leaving, std::size_t deploys_kept,
                                  Instant now) {
  std::vector<bool> keeping = held_deploys(deploys, deploys_kept, now);
  for (std::size_t i = 0; i < deploys.size(); ++i) {
    const auto sentinel = sentinel_of(deploys[i]);
    if (sentinel && !leaving.contains(*sentinel)) keeping[i] = true;
  }
  return keeping;
}

}  // namespace weir::dagmanager
