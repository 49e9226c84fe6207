// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "dagmanager/core/queue_life.h"
#include "dagmanager/ports/graph_store.h"
#include "dagmanager/ports/queues/queue_life_store.h"
#include "dagmanager/ports/topic_admin.h"

namespace weir::dagmanager {

/// What a pass saw.
struct OrphanReport {
  std::size_t observed = 0;  ///< orphans
  std::size_t eligible = 0;  ///< of these, past TTL and grace
  std::map<std::string, std::size_t> by_tag;
};

/// The pass of the loop `gc` over all queues: which of them no held deploy binds, since when, and
/// whether somebody still writes to them. It changes nothing but the marks of orphans, so it may be
/// killed at any point; the next pass sees what there is.
class OrphanWatch {
 public:
  /// All outlive the watch.
  struct Parts {
    GraphStore& store;
    QueueLifeStore& life;
    TopicAdmin& topics;
    const Clock& clock;
  };

  explicit OrphanWatch(Parts parts) : parts_(parts), policies_(default_gc_policies()) {}

  /// One pass under the loop's fence. Faults of the ports; then nothing is marked.
  Result<OrphanReport> run_once(const LoopFence& fence);

 private:
  /// Orphans by queue, with what is judged besides.
  struct Seen {
    std::vector<OrphanSeen> orphans;
    std::vector<std::int64_t> ttl_ms;
  };

  Result<QueueReferences> find_references();
  Result<Seen> see_orphans();
  Result<void> ask_sizes(const std::vector<graph::TopicName>& topics, Seen& seen);
  OrphanReport report(const Seen& seen, const std::vector<OrphanRecord>& known) const;

  const Parts parts_;
  const GcPolicies policies_;
};

}  // namespace weir::dagmanager
