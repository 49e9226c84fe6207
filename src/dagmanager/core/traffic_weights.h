// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "dagmanager/core/records.h"

/// Shares of traffic that operators set (contract section 3.20): pure.
namespace weir::dagmanager {

/// Versions of one sentinel that a weight is chosen among, the newest.
inline constexpr std::size_t kSentinelVersionsMax = 10'000;

/// A sentinel's world as it is asked for: nothing means its only one. An empty one is that of the
/// sentinel that stands in no world; if there is none it means nothing too.
using WantedWorld = std::optional<graph::WorldId>;
/// The one that is meant among those that it stands in; empty if it stands in none.
/// INVALID_ARGUMENT `world_required`.
Result<graph::WorldId> meant_world(const WantedWorld& wanted,
                                   const std::set<graph::WorldId>& worlds,
                                   const graph::SentinelId& sentinel);

/// What an operator asks for.
struct WeightRequest {
  graph::SentinelId sentinel;
  graph::VersionLabel version = {};  ///< empty: the newest of sentinel and world
  WantedWorld world = {};
  double weight = 0;
  std::optional<double> expect = {};  ///< the weight must be this one still; none is 0
};

/// Who asks, and when.
struct WeightChange {
  WeightRequest request;
  std::string actor;
  Instant at{};
};

/// What comes of it.
struct WeightOutcome {
  SentinelRecord sentinel;  ///< with the weight it has now
  double previous = 0;
  bool changed = false;  ///< false: it had the weight already, and nothing is told
};

/// One thing that a person changed: rows are only ever added.
struct AuditRow {
  Instant at{};
  std::string actor;
  /// `set_weight`, `diff`, `ack_cross_context`, `hotfix`, `rollback`, `rollout`, `cleanup`
  std::string action;
  graph::WorldId world = {};
  graph::SentinelId sentinel = {};
  graph::VersionLabel version = {};
  std::optional<double> from = {};  ///< nothing: it had none
  double to = 0;                    ///< 0 where no weight is meant
  std::string subject = {};         ///< what else it is about: a hit's id, a deploy's key
  std::string note = {};            ///< what its changer said

  friend bool operator==(const AuditRow&, const AuditRow&) = default;
};

/// A version label, and the highest weight that a sentinel of it has, in whatever world.
struct VersionWeight {
  graph::VersionLabel version;
  double weight = 0;

  friend bool operator==(const VersionWeight&, const VersionWeight&) = default;
};

/// Gives a sentinel a weight, and notes the last above 0 and the highest.
void give_weight(SentinelRecord& sentinel, double weight);

/// Whether a version that had no traffic gets some: its deploy, if it was taken back, is so no
/// longer (section 3.16).
bool comes_back(std::optional<double> from, std::optional<double> to);

/// The last weight above 0 that a sentinel had; nothing if it never had one.
std::optional<double> last_live_weight(const SentinelRecord& sentinel);

/// What goes on beside a sentinel, in the transaction that would change its weight.
struct WeightFence {
  bool hit_open = false;  ///< a cross-context hit waits to be acknowledged (section 3.21)
  /// Worlds in which the sentinel is a side of a rollout that has not ended (section 3.22).
  std::vector<graph::WorldId> rollouts = {};
};

/// Weights as far apart as this are the same.
bool same_weight(double one, double other);

/// A weight that would change.
struct WeightMove {
  double from = 0;
  double to = 0;
};
/// FAILED_PRECONDITION `rollout_running`, `cross_context_hit_open`: the weight of the sentinel in
/// `world` may not become this one now.
Result<void> check_fence(const WeightFence& fence, const graph::WorldId& world, WeightMove move);
Error cross_context_hit_open();

/// INVALID_ARGUMENT `weight_out_of_range`, `missing_field`: what is wrong whatever is stored.
Result<void> check_weight(const WeightRequest& request);

/// Decides among the stored versions of the sentinel, oldest first. Besides the faults above:
/// INVALID_ARGUMENT `world_required`, NOT_FOUND `unknown_sentinel`, FAILED_PRECONDITION
/// `weight_changed`, and those of check_fence.
Result<WeightOutcome> decide_weight(std::span<const SentinelRecord> stored,
                                    const WeightRequest& request, const WeightFence& fence = {});

/// The row that a change leaves.
AuditRow audit_of(const WeightOutcome& outcome, std::optional<double> from,
                  const WeightChange& change);

}  // namespace weir::dagmanager
