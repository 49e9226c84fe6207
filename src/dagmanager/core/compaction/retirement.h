// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "dagmanager/core/queue_life.h"
#include "dagmanager/core/records.h"

/// The end of a sentinel (contract sections 3.20 and 3.24):
///
///   waiting     no traffic, a deploy of it is held
///   live        it has traffic
///   retired     no traffic, no deploy of it is held: seen by a pass of the loop `gc`, which notes
///               since when; waiting again as soon as one is held
///   archived    retired for long enough: its file is in the archive, its row is gone
namespace weir::dagmanager {

/// What tells a sentinel.
struct SentinelKey {
  graph::WorldId world;
  graph::SentinelId id;
  graph::VersionLabel version;

  friend bool operator==(const SentinelKey&, const SentinelKey&) = default;
  friend auto operator<=>(const SentinelKey&, const SentinelKey&) = default;
};

/// The sentinel that a deploy is under, if one is stored.
std::optional<SentinelKey> sentinel_of(const DeployStanding& deploy);

/// A stored sentinel, as far as it decides when it goes.
struct SentinelLife {
  SentinelKey key;
  std::optional<Instant> retired_at;

  friend bool operator==(const SentinelLife&, const SentinelLife&) = default;
};

/// What a pass writes down: who retired, and who waits again.
struct RetirementMarks {
  std::vector<SentinelKey> retired;
  std::vector<SentinelKey> waiting;
  Instant at{};

  bool empty() const { return retired.empty() && waiting.empty(); }
};

/// How many deploys of a strategy in a world are kept, and of what age a retirement counts.
struct RetirementRules {
  std::size_t deploys_kept = 0;
  Instant before{};  ///< the operator's
  Duration wait{};   ///< and at least so long ago
};

RetirementMarks plan_retirement(std::span<const DeployStanding> deploys,
                                std::span<const SentinelLife> sentinels, std::size_t deploys_kept,
                                Instant now);

/// Sentinels that may go into the archive now: retired since before both bounds, no deploy of them
/// held or seen since. By key.
std::vector<SentinelKey> due_sentinels(std::span<const DeployStanding> deploys,
                                       std::span<const SentinelLife> sentinels,
                                       const RetirementRules& rules, Instant now);

/// Keys of the deploys under a sentinel.
std::vector<std::string> deploys_under(std::span<const DeployStanding> deploys,
                                       const SentinelKey& sentinel);

using SentinelKeys = std::set<SentinelKey>;

/// Whether each deploy keeps its nodes: it is held, or under a stored sentinel that is not among
/// those that leave.
std::vector<bool> keeping_deploys(std::span<const DeployStanding> deploys,
                                  const SentinelKeys& leaving, std::size_t deploys_kept,
                                  Instant now);

}  // namespace weir::dagmanager
