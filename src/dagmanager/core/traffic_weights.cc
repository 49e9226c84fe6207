// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/core/traffic_weights.h"

#include <algorithm>
#include <cmath>

namespace weir::dagmanager {
namespace {

constexpr double kSame = 1e-6;

Result<graph::WorldId> world_of_sentinel(std::span<const SentinelRecord> stored,
                                         const WeightRequest& request) {
  std::set<graph::WorldId> worlds;
  for (const SentinelRecord& sentinel : stored) {
    if (sentinel.id == request.sentinel) worlds.insert(sentinel.world);
  }
  return meant_world(request.world, worlds, request.sentinel);
}

}  // namespace

Result<graph::WorldId> meant_world(const WantedWorld& wanted,
                                   const std::set<graph::WorldId>& worlds,
                                   const graph::SentinelId& sentinel) {
  if (wanted && (!wanted->empty() || worlds.contains(*wanted))) return *wanted;
  if (worlds.size() <= 1) return worlds.empty() ? graph::WorldId() : *worlds.begin();
  std::string what = "sentinel " + sentinel.text() + " stands in several worlds; name one of them";
  if (worlds.contains(graph::WorldId())) what += ", or an empty one for the one in no world";
  return base::invalid_argument("world_required", std::move(what));
}

bool same_weight(double one, double other) { return std::abs(one - other) <= kSame; }

Result<void> check_weight(const WeightRequest& request) {
  if (request.sentinel.empty()) {
    return base::invalid_argument("missing_field", "sentinel_id: which sentinel?");
  }
  if (!std::isfinite(request.weight) || request.weight < 0 || request.weight > 1) {
    return base::invalid_argument("weight_out_of_range", "weight: a share of traffic, from 0 to 1");
  }
  return {};
}

void give_weight(SentinelRecord& sentinel, double weight) {
  sentinel.live_weight = last_live_weight(sentinel);
  if (weight > 0) sentinel.live_weight = weight;
  sentinel.peak_weight =
      std::max({sentinel.peak_weight, sentinel.traffic_weight.value_or(0), weight});
  sentinel.traffic_weight = weight;
  if (weight > 0) sentinel.retired_at.reset();
}

bool comes_back(std::optional<double> from, std::optional<double> to) {
  return from.value_or(0) <= 0 && to.value_or(0) > 0;
}

std::optional<double> last_live_weight(const SentinelRecord& sentinel) {
  if (sentinel.traffic_weight.value_or(0) > 0) return sentinel.traffic_weight;
  return sentinel.live_weight;
}

Error cross_context_hit_open() {
  return base::failed_precondition(
      "cross_context_hit_open",
      "no share of traffic rises while a cross-context hit is open; see `weir dagmanager "
      "cross-context list`, mend its cause, acknowledge it");
}

Result<void> check_fence(const WeightFence& fence, const graph::WorldId& world, WeightMove move) {
  if (same_weight(move.from, move.to)) return {};
  if (std::ranges::find(fence.rollouts, world) != fence.rollouts.end()) {
    return base::failed_precondition(
        "rollout_running",
        "a rollout moves this sentinel's share of traffic; see `weir dagmanager canary list`, "
        "abort it or wait for its end");
  }
  if (fence.hit_open && move.to > move.from) return cross_context_hit_open();
  return {};
}

Result<WeightOutcome> decide_weight(std::span<const SentinelRecord> stored,
                                    const WeightRequest& request, const WeightFence& fence) {
  WEIR_CHECK(check_weight(request));
  WEIR_TRY(const graph::WorldId world, world_of_sentinel(stored, request));
  const SentinelRecord* found = nullptr;  // the newest that fits
  for (const SentinelRecord& sentinel : stored) {
    const bool fits = sentinel.id == request.sentinel && sentinel.world == world &&
                      (request.version.empty() || sentinel.version == request.version);
    if (fits) found = &sentinel;
  }
  if (found == nullptr) {
    std::string what = "no sentinel " + request.sentinel.text();
    if (!request.version.empty()) what += " of version " + request.version.text();
    if (!world.empty()) what += " in world " + world.text();
    return Error(Code::NotFound, "unknown_sentinel", what + " is stored");
  }
  const double current = found->traffic_weight.value_or(0);
  if (request.expect && !same_weight(*request.expect, current)) {
    return base::failed_precondition("weight_changed",
                                     "the weight is " + std::to_string(current) + " by now, not " +
                                         std::to_string(*request.expect) + "; look again");
  }
  WeightOutcome outcome{.sentinel = *found, .previous = current};
  outcome.changed = !found->traffic_weight || !same_weight(current, request.weight);
  if (!outcome.changed) return outcome;
  WEIR_CHECK(check_fence(fence, found->world, {current, request.weight}));
  give_weight(outcome.sentinel, request.weight);
  return outcome;
}

AuditRow audit_of(const WeightOutcome& outcome, std::optional<double> from,
                  const WeightChange& change) {
  return {.at = change.at,
          .actor = change.actor,
          .action = "set_weight",
          .world = outcome.sentinel.world,
          .sentinel = outcome.sentinel.id,
          .version = outcome.sentinel.version,
          .from = from,
          .to = outcome.sentinel.traffic_weight.value_or(0)};
}

}  // namespace weir::dagmanager
