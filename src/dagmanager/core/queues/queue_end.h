// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "dagmanager/core/control_events.h"
#include "dagmanager/core/graph_index.h"
#include "dagmanager/core/queue_life.h"
#include "dagmanager/core/records.h"

/// The end of queues, in the one transaction that decides it (contract section 3.12, step 2): they
/// are still unreferenced, their bindings go, everybody is told. Their topics are deleted after it.
namespace weir::dagmanager {

/// An orphan whose time has come, and whose content is kept already where it is to be.
struct QueueEnd {
  RowId queue = 0;
  GcAction action = GcAction::Drop;  ///< Drop or Archive
  std::string tag;
  std::string archive_key = {};  ///< of its archive; empty: none

  friend bool operator==(const QueueEnd&, const QueueEnd&) = default;
};

/// A batch of them.
struct Collection {
  std::vector<QueueEnd> queues;
  /// Deploys that were found not to bind any of them, by key, rising: those held when the batch was
  /// chosen. What a deploy binds never changes.
  std::vector<std::string> held = {};
  /// Those that were lately ended then. One that is seen again since has been answered with its
  /// queues, although it may be ended again.
  std::vector<EndedDeploy> ended = {};
  std::size_t deploys_kept = 0;
  std::string actor;  ///< `loop:gc`
  std::string cause;  ///< the run
  Instant at{};
};

/// Keys of the deploys that are held by now and are not among `held`, or were ended anew: they must
/// be looked at.
std::vector<std::string> newly_held(std::span<const DeployStanding> deploys,
                                    const Collection& collection);

/// What a collection writes.
struct CollectionPlan {
  std::vector<RowId> queues;  ///< that go, rising
  std::vector<RowId> nodes;   ///< of these
  std::vector<LifecycleUpdate> lifecycles;
  std::vector<QueueUpdate> updates;  ///< answers that change, as they are without them
  std::vector<TopicLogRow> log;

  bool empty() const { return queues.empty(); }
};

/// On the graph as it is while the epoch is locked; `references`: of the newly held deploys. What
/// is referenced again, or no queue any more, stays out.
CollectionPlan plan_collection(const GraphIndex& index, const Collection& collection,
                               const QueueReferences& references);

/// A queue that is bound to nothing any more, whose topic may still be there.
struct LeavingQueue {
  RowId queue = 0;
  graph::TopicName topic;

  friend bool operator==(const LeavingQueue&, const LeavingQueue&) = default;
};

/// Topics that surely are no more: their records go.
struct Forgetting {
  std::vector<RowId> queues;
  std::string actor;
  std::string cause;
  Instant at{};
};

/// The row of the topic log of one of them.
TopicLogRow deleted_row(const QueueRecord& queue, const std::string& node_id,
                        const Forgetting& forgetting);

/// A leaving queue as it is kept: bound under a key that no node has.
QueueRecord leaving(QueueRecord queue);

}  // namespace weir::dagmanager
