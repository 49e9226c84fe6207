// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <absl/container/flat_hash_set.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "dagmanager/core/graph_index.h"
#include "dagmanager/core/records.h"

/// The life of a queue (contract section 3.12): which deploys are held, which queues they refer to,
/// and when one that nobody refers to may go.
///
///   active      a held deploy binds it
///   orphan      none does, since a moment; active again as soon as one does
///   collecting  its bindings are gone, its topic may be; only its name is kept until it surely is
///   gone        the row stays as long as events name it
namespace weir::dagmanager {

/// A deploy, as far as it decides what it holds.
struct DeployStanding {
  std::string key;  ///< DeployKey::text()
  graph::StrategyId strategy;
  graph::WorldId world;
  bool safe_mode = false;
  bool live = false;      ///< its sentinel has a weight, or is a side of an unfinished rollout
  bool was_live = false;  ///< its sentinel ever had a weight
  bool ended = false;
  Instant last_seen{};
  std::int64_t order = 0;  ///< rises whenever the row is stored; decides between equal moments
  graph::VersionLabel version = {};
  bool has_sentinel = false;  ///< one was due and is stored
};

/// Which deploys hold their queues, by the first row of the contract's table that fits, one truth a
/// deploy, in order. `kept`: how many of the last seen of a strategy in a world. A deploy that is
/// not ended and was seen lately is held besides: who repeats it within the hour leaves no trace.
std::vector<bool> held_deploys(std::span<const DeployStanding> deploys, std::size_t kept,
                               Instant now);

/// Deploys that were ended although they were seen lately: whoever repeats one of them is answered
/// with its queues, and holds them only until it is ended again. Each as its key and when it was
/// seen, so that a repeat shows; rising.
struct EndedDeploy {
  std::string key;
  Instant last_seen{};

  friend auto operator<=>(const EndedDeploy&, const EndedDeploy&) = default;
};
std::vector<EndedDeploy> lately_ended(std::span<const DeployStanding> deploys, Instant now);

/// What a deploy is bound to.
struct DeployBindings {
  std::string key;  ///< DeployKey::text()
  graph::StrategyId strategy;
  graph::ComputeContext context;
  std::vector<RowId> nodes;
};

/// Collects which queues of a graph deploys refer to. The graph may change between two calls:
/// queues have the same rows for good.
class QueueReferences {
 public:
  /// The deploy holds its queues (`held`), or did so while it was live (`was_live`).
  void add(const GraphIndex& index, const DeployBindings& deploy, bool held, bool was_live);

  /// The queue is held, whoever does it.
  void hold(RowId queue) { held_.insert(queue); }

  bool held(RowId queue) const { return held_.contains(queue); }
  bool was_live(RowId queue) const { return was_live_.contains(queue); }
  /// Those of `queues` that are active and held by nothing, in order.
  std::vector<RowId> orphans(const GraphIndex& index, std::span<const RowId> queues) const;

 private:
  absl::flat_hash_set<RowId> held_;
  absl::flat_hash_set<RowId> was_live_;
};

/// Whether every node of the deploy still has its queue.
bool stands_on_queues(const GraphIndex& index, const DeployBindings& deploy);

/// Active queues, rising.
std::vector<RowId> active_queues(const GraphIndex& index);

/// What becomes of a queue at its end.
enum class GcAction : std::uint8_t { Drop, Archive, Skip };
enum class GcReason : std::uint8_t {
  Eligible,
  WithinGrace,
  UnknownPolicy,
  ArchiveFailed,
  Referenced,
};
std::string_view gc_action_text(GcAction action);
std::string_view gc_reason_text(GcReason reason);

/// What is configured for one tag; nothing: as the type has it.
struct TagPolicy {
  std::optional<Duration> ttl = {};  ///< else the queue's own
  Duration ttl_least{};              ///< where the queue's own is shorter
  Duration grace{};
  GcAction action = GcAction::Drop;  ///< Skip: kept for good

  friend bool operator==(const TagPolicy&, const TagPolicy&) = default;
};

/// By tag; what is not there is never collected.
using GcPolicies = std::map<std::string, TagPolicy, std::less<>>;

inline constexpr std::string_view kSentinelTag = "sentinel";

/// The seed's matrix: raw, indicator, sentinel.
GcPolicies default_gc_policies();

/// An orphan's tag: its type, or `sentinel` if a live version ever held it. Orders' history keeps
/// its own.
std::string orphan_tag(graph::TopicType type, bool was_live);

/// An orphan as a store keeps it, from the pass that first saw it to the one that sees it bound.
struct OrphanRecord {
  RowId queue = 0;
  std::string tag;
  Instant since{};                        ///< when a pass first saw that nothing holds it
  std::optional<std::int64_t> size = {};  ///< messages it held when that last changed
  Instant grown_at{};                     ///< when a pass last saw that it changed

  friend bool operator==(const OrphanRecord&, const OrphanRecord&) = default;
};

/// An orphan as a pass sees it.
struct OrphanSeen {
  RowId queue = 0;
  std::string tag;
  std::optional<std::int64_t> size = {};  ///< nothing: the broker does not say
};

/// What a pass writes down: orphans that are new or changed, and those that are none any more.
struct OrphanMarks {
  std::vector<OrphanRecord> put;
  std::vector<RowId> no_more;

  bool empty() const { return put.empty() && no_more.empty(); }
};

/// `known` after a pass that sees `seen`, both by queue: a change of size, either way, is growth,
/// for retention may take while somebody adds.
OrphanMarks mark_orphans(std::span<const OrphanRecord> known, std::span<const OrphanSeen> seen,
                         Instant now);

/// An orphan as it is judged.
struct OrphanStanding {
  std::string tag;
  std::int64_t ttl_ms = 0;  ///< the queue's own
  Instant since{};          ///< when the pass first saw that nothing holds it
  Instant grown_at{};       ///< when its content was last seen to change
};

/// What may happen to it now: `action` Skip unless `reason` is Eligible.
struct GcVerdict {
  GcAction action = GcAction::Skip;
  GcReason reason = GcReason::UnknownPolicy;

  friend bool operator==(const GcVerdict&, const GcVerdict&) = default;
};
GcVerdict judge_orphan(const OrphanStanding& orphan, const GcPolicies& policies, Instant now);

}  // namespace weir::dagmanager
