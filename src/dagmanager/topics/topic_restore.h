// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "base/result.h"
#include "dagmanager/core/diff_planner.h"
#include "dagmanager/core/topics/topic_history.h"
#include "dagmanager/ports/graph_store.h"
#include "dagmanager/ports/topic_admin.h"
#include "dagmanager/ports/topics/topic_log_store.h"
#include "dagmanager/ports/topics/topic_upkeep_store.h"

namespace weir::dagmanager {

/// What became of a topic that was to be restored.
struct RestoredTopic {
  graph::TopicName topic;
  /// `restored`, `would_restore` (a dry run); or why not: `rebound` (its binding has another queue
  /// by now), `unknown_node`, `unknown_context`, `name_taken`, `misses_topic` (its queue is there:
  /// the reconciler makes the topic), or the reason of a fault.
  std::string outcome;
  /// Where what it held is kept: the name of its last archive; empty: nowhere.
  std::string archive = {};

  bool done() const { return outcome == "restored" || outcome == "would_restore"; }
};

/// Restores topics from the log (contract section 3.19): every topic that existed at a time and
/// does not now is made again, empty, with its queue and binding, through intents like any
/// creation. Nothing is deleted. A crash at any point: what was committed stands, the rest is
/// restored when it is run again, and what intents were left the reconciler drops.
class TopicRestore {
 public:
  /// All outlive it.
  struct Parts {
    GraphStore& store;
    TopicUpkeepStore& upkeep;
    TopicLogStore& log;
    TopicAdmin& topics;
    Clock& clock;
    Random& random;
    const PlannerPolicy& policy;  ///< as topics come new
  };

  /// `actor` is who is logged.
  TopicRestore(Parts parts, std::string actor) : parts_(parts), actor_(std::move(actor)) {}

  /// What there was at `until` and is not now, each with what became of it, by name. Faults of the
  /// ports; FAILED_PRECONDITION `log_too_short` if the log does not reach back so far, or
  /// was given up before it.
  Result<std::vector<RestoredTopic>> run(Instant until, bool dry_run);

 private:
  /// Topics of one context, which are restored by one change.
  struct Batch {
    std::shared_ptr<const BindingContext> context;
    std::vector<TopicLogRow> rows;
  };

  Result<TopicHistory> read_history(Instant until);
  Result<std::string> judge(const TopicLogRow& row, std::vector<Batch>& batches);
  std::shared_ptr<const BindingContext> context_of(const TopicLogRow& row) const;
  Result<void> restore(const Batch& batch, std::vector<RestoredTopic>& outcomes);

  const Parts parts_;
  const std::string actor_;
  std::vector<std::shared_ptr<const BindingContext>> contexts_;
  std::map<std::string, std::string> archives_;  // the last of each topic, whenever it was made
};

}  // namespace weir::dagmanager
