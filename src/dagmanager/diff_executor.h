// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "base/result.h"
#include "dagmanager/core/diff_answer.h"
#include "dagmanager/core/diff_change.h"
#include "dagmanager/core/diff_planner.h"
#include "dagmanager/ports/graph_store.h"
#include "dagmanager/ports/topic_admin.h"

namespace weir::dagmanager {

/// A diff as it was asked for.
struct DiffCommand {
  std::shared_ptr<const graph::Dag> dag;
  DiffFields fields;
  bool plan_only = false;
  std::optional<Handover> handover = {};       ///< the sentinel takes over another version's weight
  std::string actor;                           ///< who asked, for the topic log
  std::function<base::Digest()> request_hash;  ///< over fields 1 to 7; asked only if it is stored
};

/// What there is to say of a diff without its answer.
struct DiffSummary {
  DeployKey deploy;
  Epoch epoch = 0;
  std::size_t nodes = 0;
  std::size_t created = 0;  ///< new and bind
  std::size_t bound = 0;    ///< of these, bind
  std::size_t reused = 0;
  std::size_t buffered = 0;
  std::size_t refused = 0;  ///< plan_only
  bool settled = false;  ///< nothing was to be written: asked again at this epoch, nothing will be
};

/// What a diff came to. Keeps the Dag that the answer borrows from, and all that it took to decide,
/// whose end takes time that nobody should wait for.
struct DiffOutcome {
  std::shared_ptr<const graph::Dag> dag;
  DiffScope scope;
  DiffAnswer answer;
  DiffSummary summary;
  bool sentinel_stored = false;
  std::shared_ptr<const void> spent = {};
};

/// Told as a diff goes along: what metrics and logs are made from. Calls come from the thread that
/// runs the diff.
class DiffObserver {
 public:
  virtual ~DiffObserver() = default;
  virtual void topics_wanted(std::size_t ok, std::size_t failed) = 0;
  /// A diff is about to be refused for these. Where it fails, the diff fails with its error
  /// instead: nobody is told of a refusal that is not on record (section 3.21). It may wait.
  virtual Result<void> cross_context(const std::vector<CrossContextViolation>& violations) = 0;
  /// A diff is about to give up names that topics of another shape have (section 3.7). Where it
  /// fails, the diff does, and its repeat finds the same: nothing holds the next name yet.
  virtual Result<void> topics_mismatched(const std::vector<TopicLogRow>& left_alone) = 0;
  virtual void decided_anew() = 0;
  /// A diff let this pass before it went on with topics that were not there yet.
  virtual void waited_for_topics(Duration /*wait*/) {}
};

/// Carries a diff out (contract section 3.2, steps 5 to 11): reads, plans, reserves names, makes
/// topics, commits. Decisions are all in core/; here is only the order of calls. A crash between
/// any two calls leaves nothing that a repeat does not take over: intents are committed before
/// topics are made, and everything else is in one transaction. Safe to call from any thread.
class DiffExecutor {
 public:
  struct Config {
    PlannerPolicy policy;
    bool compute_key_in_queue_map = true;
    bool prod = false;
  };

  /// Everything given outlives the executor.
  DiffExecutor(Config config, GraphStore& store, TopicAdmin& topics, Clock& clock, Random& random,
               DiffObserver& observer);

  /// Faults: those of the planner; UNAVAILABLE `graph_unavailable`, `broker_unavailable`,
  /// `create_timeout`, `graph_contended`.
  Result<DiffOutcome> run(const DiffCommand& command);

  /// Once a diff's answer is given: what it left to be done, so that the next one need not.
  void settle() { store_.settle(); }

  /// Whether what a settled diff came to is what the same command would come to now. One round
  /// trip.
  Result<bool> holds(const DiffSummary& settled);

 private:
  struct Attempt;

  Result<DiffOutcome> try_once(const DiffCommand& command, const DiffScope& scope);
  Result<void> decide(Attempt& attempt);
  Result<DiffPlan> plan_on_graph(Attempt& attempt, std::vector<CrossContextViolation>& violations);
  Result<void> find_deploy(Attempt& attempt);
  Result<void> reserve(Attempt& attempt);
  Result<void> wait_for_names(Attempt& attempt);
  Result<IntentOutcome> reserve_next_name(Attempt& attempt, std::size_t topic);
  Result<void> provision(Attempt& attempt);
  Result<void> create_topics(const ProvisionStep& step, TopicProvisioner& topics);
  Result<void> look_at_topics(const ProvisionStep& step, TopicProvisioner& topics);
  Result<InheritedTtl> inherited_ttl(const Attempt& attempt);
  Result<bool> nothing_to_write(const Attempt& attempt);
  ChangeInput change_input(const Attempt& attempt) const;
  Result<void> commit(Attempt& attempt);
  void answer(Attempt& attempt) const;
  DiffOutcome outcome(Attempt& attempt) const;

  Config config_;
  GraphStore& store_;
  TopicAdmin& topics_;
  Clock& clock_;
  Random& random_;
  DiffObserver& observer_;
};

}  // namespace weir::dagmanager
