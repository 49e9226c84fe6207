// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "dagmanager/core/queue_life.h"
#include "dagmanager/ports/graph_store.h"
#include "dagmanager/ports/queues/queue_life_store.h"
#include "dagmanager/ports/topic_admin.h"
#include "dagmanager/queues/limits.h"

namespace weir::dagmanager {

/// What decides when a queue may go, and what becomes of it.
struct GcRules {
  GcPolicies policies = default_gc_policies();
  std::size_t deploys_kept = kDeploysKept;
};

/// An orphan, and what may happen to it now.
struct JudgedOrphan {
  OrphanRecord record;
  graph::TopicName topic;
  std::optional<std::int64_t> interval;  ///< of its node, seconds
  GcVerdict verdict;
};

/// What a pass saw.
struct OrphanReport {
  std::size_t observed = 0;  ///< orphans
  std::size_t eligible = 0;  ///< of these, past TTL and grace
  std::map<std::string, std::size_t> by_tag;
  std::vector<JudgedOrphan> orphans;  ///< by row
  std::vector<std::string> held;      ///< keys of the deploys that bind none of them, rising
  std::vector<EndedDeploy> ended;     ///< lately, as they were seen; rising
};

/// The first half of a pass of the loop `gc`, over all queues: which of them no held deploy binds,
/// since when, and whether somebody still writes to them. It changes nothing but the marks of
/// orphans, so it may be killed at any point; the next pass sees what there is.
class OrphanWatch {
 public:
  /// All outlive the watch.
  struct Parts {
    GraphStore& store;
    QueueLifeStore& life;
    TopicAdmin& topics;
    const Clock& clock;
  };

  explicit OrphanWatch(Parts parts, GcRules rules = {}) : parts_(parts), rules_(std::move(rules)) {}

  /// One pass under the loop's fence. Faults of the ports; then nothing is marked.
  Result<OrphanReport> run_once(const LoopFence& fence);

 private:
  /// Orphans by queue, with what is judged besides.
  struct Seen {
    std::vector<OrphanSeen> orphans;
    std::vector<std::int64_t> ttl_ms;
    std::vector<graph::TopicName> topics;
    std::vector<std::optional<std::int64_t>> intervals;
    std::vector<std::string> held;
    std::vector<EndedDeploy> ended;
  };

  Result<QueueReferences> find_references(Seen& seen, std::span<const OrphanRecord> known);
  Result<void> hold_touched(std::span<const EndedDeploy> ended, std::span<const OrphanRecord> known,
                            QueueReferences& references);
  Result<Seen> see_orphans(std::span<const OrphanRecord> known);
  /// What one deploy binds, and which of the keys it has.
  using BoundVisitor = std::function<void(const GraphIndex&, const DeployBindings&, std::size_t)>;
  Result<void> each_bound(std::span<const std::string> keys, const BoundVisitor& visit) const;
  Result<void> ask_sizes(Seen& seen);
  OrphanReport report(Seen seen, const std::vector<OrphanRecord>& known) const;

  const Parts parts_;
  const GcRules rules_;
};

}  // namespace weir::dagmanager
