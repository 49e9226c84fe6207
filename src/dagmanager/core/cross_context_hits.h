// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "dagmanager/core/diff_planner.h"
#include "dagmanager/core/traffic_weights.h"
#include "graph/ids.h"

/// Reuses across compute contexts that were refused, and what they halt (contract section 3.21):
/// pure. A hit is `open` until somebody acknowledges it; while any is open, no share of traffic
/// rises. Seen again while it is open it only counts up; seen again afterwards it is a new hit.
namespace weir::dagmanager {

/// Open hits that are kept; those beyond are in the counters alone.
inline constexpr std::size_t kOpenHitsMax = 10'000;
/// Hits that one list tells, the newest.
inline constexpr std::size_t kHitsListedMax = 1'000;
/// Bytes of a note.
inline constexpr std::size_t kHitNoteBytesMax = 4'096;

enum class HitState : std::uint8_t { Open, Acked };
std::string_view hit_state_text(HitState state);
std::optional<HitState> hit_state_of(std::string_view text);

/// One look at a violation. Two of one node and the same two contexts are the same hit.
struct HitSighting {
  graph::NodeId node;
  std::string wanted;    ///< context, as describe_context shows it
  std::string existing;  ///< likewise

  friend bool operator==(const HitSighting&, const HitSighting&) = default;
  friend auto operator<=>(const HitSighting&, const HitSighting&) = default;
};

struct CrossContextHit {
  std::string id;  ///< UUID
  HitState state = HitState::Open;
  HitSighting what;
  std::int64_t seen = 0;  ///< how often
  Instant first_seen{};
  Instant last_seen{};
  std::string acked_by;  ///< empty: nobody yet
  std::string note;

  friend bool operator==(const CrossContextHit&, const CrossContextHit&) = default;
};

/// Who acknowledges which hit, and why that is right.
struct HitAck {
  std::string id;
  std::string note;
  std::string actor;
  Instant at{};
};

/// What a refused diff saw, each once.
std::vector<HitSighting> sightings_of(std::span<const CrossContextViolation> violations);

/// Text that names a hit's node and contexts and no other.
std::string hit_key(const HitSighting& what);

/// INVALID_ARGUMENT `note_missing`, `missing_field` (too long a note): what is wrong whatever is
/// stored.
Result<void> check_ack(const HitAck& ack);

/// The row that a first acknowledgement leaves.
AuditRow audit_of(const HitAck& ack);

/// NOT_FOUND `unknown_hit`.
Error unknown_hit(const std::string& id);

}  // namespace weir::dagmanager
