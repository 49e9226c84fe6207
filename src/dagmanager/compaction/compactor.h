// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "base/result.h"
#include "dagmanager/ports/compaction/compaction_store.h"
#include "dagmanager/ports/graph_store.h"
#include "dagmanager/ports/queues/archive_store.h"
#include "dagmanager/ports/queues/queue_life_store.h"

namespace weir::dagmanager {

/// Which sentinels go into the archive.
struct CompactionRules {
  Instant before{};
  /// How long they must have been retired; nothing: they stay, however long that is.
  std::optional<Duration> wait;
  std::size_t deploys_kept = 0;
};

/// A sentinel, and where its file is.
struct CompactedSentinel {
  SentinelKey key;
  std::string object;
};

/// A sentinel that stays because it could not be archived.
struct KeptSentinel {
  SentinelKey key;
  Error why;
};

/// What a compaction did, or (dry) would do.
struct CompactionReport {
  std::vector<CompactedSentinel> archived;
  std::vector<KeptSentinel> failed;
  std::vector<SentinelKey> changed;  ///< held again, or stored anew, while it was exported
  std::vector<graph::NodeId> nodes;
  std::size_t artifacts = 0;
};

/// Compaction (contract section 3.24). Its steps, each repeatable, and a crash after each:
///
///   mark      sentinels that nothing holds are noted as retired
///   export    a due sentinel's file and checksum are written and read back; again, under the same
///             name, when it is run again
///   remove    one transaction: the sentinel is gone, its deploys end, a row of the log.
///   nodes     those that nobody needs go, a few a transaction, dependents first: after any number
///             of them the graph is whole; the rest go when it is run again
class Compactor {
 public:
  /// All outlive it.
  struct Parts {
    GraphStore& store;
    QueueLifeStore& life;
    CompactionStore& compaction;
    ArchiveStore* archive;  ///< none: every due sentinel fails, and stays
    const Clock& clock;
    Random& random;
  };

  /// `actor` is who is logged.
  Compactor(Parts parts, CompactionRules rules, std::string actor)
      : parts_(parts), rules_(rules), actor_(std::move(actor)) {}

  /// Faults of the stores; what was done until then stands.
  Result<CompactionReport> run(const CompactionFence& fence);
  /// Changes nothing. Retirements that nobody has noted yet are not seen.
  Result<CompactionReport> dry_run();

 private:
  /// What phase 2 is decided on.
  struct NodePlan {
    DeploysSeen seen;
    std::vector<RowId> nodes;
    std::vector<DeployBindings> referring;  ///< deploys not ended that keep none of them
  };

  Result<std::vector<SentinelKey>> due();
  Result<SentinelExport> find(const SentinelKey& key);
  Result<void> archive_one(const CompactionFence& fence, const SentinelKey& key,
                           const std::string& cause, CompactionReport& report);
  Result<NodePlan> plan_nodes(const SentinelKeys& leaving);
  Result<void> remove_nodes(const CompactionFence& fence, const std::string& cause,
                            CompactionReport& report);

  const Parts parts_;
  const CompactionRules rules_;
  const std::string actor_;
};

}  // namespace weir::dagmanager
