// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/ports/rollouts/memory_hit_store.h"

#include <algorithm>
#include <ranges>

namespace weir::dagmanager {
Result<void> MemoryHitStore::record(std::span<const HitSighting> seen, Instant at) {
  return store_.alter([&](MemoryGraph& graph, const auto&) -> Result<bool> {
    bool changed = false;
    for (const HitSighting& what : seen) {
      const auto same = std::ranges::find_if(graph.hits, [&](const CrossContextHit& hit) {
        return hit.state == HitState::Open && hit.what == what;
      });
      if (same != graph.hits.end()) {
        ++same->seen;
        same->last_seen = at;
      } else if (graph.hits_open < kOpenHitsMax) {
        ++graph.hits_open;
        graph.hits.push_back({.id = base::uuid_v4(random_),
                              .state = HitState::Open,
                              .what = what,
                              .seen = 1,
                              .first_seen = at,
                              .last_seen = at,
                              .acked_by = {},
                              .note = {}});
      } else {
        continue;
      }
      changed = true;
    }
    return changed;
  });
}

Result<std::vector<CrossContextHit>> MemoryHitStore::list(std::optional<HitState> state) {
  std::vector<CrossContextHit> hits;
  store_.look([&](const MemoryGraph& graph) {
    for (const CrossContextHit& hit : std::views::reverse(graph.hits)) {
      if (hits.size() == kHitsListedMax) return;
      if (!state || hit.state == *state) hits.push_back(hit);
    }
  });
  return hits;
}

Result<CrossContextHit> MemoryHitStore::acknowledge(const HitAck& ack) {
  WEIR_CHECK(check_ack(ack));
  CrossContextHit acked;
  WEIR_CHECK(store_.alter([&](MemoryGraph& graph, const auto&) -> Result<bool> {
    const auto hit = std::ranges::find(graph.hits, ack.id, &CrossContextHit::id);
    if (hit == graph.hits.end()) return unknown_hit(ack.id);
    const bool open = hit->state == HitState::Open;
    if (open) {
      hit->state = HitState::Acked;
      hit->acked_by = ack.actor;
      hit->note = ack.note;
      --graph.hits_open;
      graph.audit.push_back(audit_of(ack));
    }
    acked = *hit;
    return open;
  }));
  return acked;
}

Result<std::size_t> MemoryHitStore::open_count() {
  std::size_t open = 0;
  store_.look([&](const MemoryGraph& graph) { open = graph.hits_open; });
  return open;
}

}  // namespace weir::dagmanager
