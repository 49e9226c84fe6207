// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/random.h"
#include "dagmanager/diff_executor.h"
#include "dagmanager/ports/faulty_topic_admin.h"
#include "dagmanager/ports/memory_graph_store.h"
#include "dagmanager/ports/memory_topic_admin.h"
#include "tests/sim/crashing_ports.h"
#include "tests/sim/sim_checks.h"
#include "tests/sim/sim_clock.h"
#include "tests/sim/sim_graphs.h"
#include "tests/sim/sim_upkeep.h"

/// One simulated history of diffs over one store and one broker (style guide, rule 38): executors
/// that lose calls, hear answers late or twice, die between any two of them, and overtake each
/// other; the invariants I14 and I15 after every step; at the end, without faults, everything that
/// was asked for is repeated and must take over what was left.
namespace weir::sim {

/// A mistake built in on purpose, which the checks must find.
enum class SimMistake {
  None,
  ForgetsATopic,     ///< the broker says Created and shows it, and does not have it
  LeavesOutAQueue,   ///< a commit does not promote its last intent
  SharesATakenName,  ///< a reservation hands out a name that another binding holds
};

class SimWorld {
 public:
  SimWorld(std::uint64_t seed, const GraphFamilies& families, SimMarks& marks,
           SimMistake mistake = SimMistake::None,
           UpkeepMistake upkeep_mistake = UpkeepMistake::None);
  ~SimWorld();

  /// Plays the history. The first violation, or nothing.
  Violation run();
  /// Adds every call to the trace.
  void trace_calls() { traces_calls_ = true; }
  /// What happened, a line a step; the same for the same seed.
  const std::string& trace() const { return trace_; }

 private:
  struct Process;
  struct Known {
    std::optional<SimAnswer> answer;
    std::optional<dagmanager::DiffSummary> settled;  // the last outcome that wrote nothing
    bool refused_at_the_end = false;
  };

  void choose_settings();
  void plant_foreign_topics();
  void plant_foreign_topic(const dagmanager::PlannedNode& node);
  void before_a_call(std::size_t command, int depth);
  void step(std::size_t command, int depth);
  void upkeep_step();
  void reconcile(int depth);
  void reconcile_soundly(int passes);
  ForeignTopics left_intents();
  void note_dropped(const ForeignTopics& intents);
  void watched_step();
  Result<dagmanager::DiffOutcome> run_diff(std::size_t command, int depth);
  void plan_then_commit(std::size_t command);
  void check_settled(std::size_t command);
  Result<dagmanager::DiffOutcome> run_soundly(std::size_t command, bool plan_only);
  void judge(std::size_t command, const Result<dagmanager::DiffOutcome>& outcome);
  void judge_error(const Error& error);
  void note(const Process& process, const Result<dagmanager::DiffOutcome>& outcome);
  void note_answer(const dagmanager::DiffOutcome& outcome);
  void check_standing();
  void finish();
  void check_left_intents();
  std::string bound_graph();
  std::string standing();
  void violated(const Violation& what);

  base::SeededRandom random_;
  SimMarks& marks_;
  SimMistake mistake_;
  SimClock clock_;
  std::unique_ptr<dagmanager::MemoryGraphStore> kept_store_;
  std::unique_ptr<GraphStore> store_;  // what executors speak to: the kept one, with the mistake
  dagmanager::MemoryTopicAdmin kept_broker_;
  std::unique_ptr<TopicAdmin> broker_;
  std::optional<dagmanager::FaultyTopicAdmin> faulty_broker_;
  std::optional<SimUpkeep> upkeep_;
  dagmanager::DiffExecutor::Config config_;
  CallFaults faults_;
  unsigned overtaking_ = 0;  // percent of calls that another executor comes before
  unsigned foreigners_ = 0;  // percent of calls that somebody else makes a topic before
  std::vector<SimCommand> menu_;
  std::vector<Known> known_;
  ForeignTopics foreign_;
  ComputeKeys compute_keys_;
  int diffs_ = 0;
  bool finishing_ = false;
  bool wrote_ = false;  // the last diff that nothing befell
  Violation violation_;
  bool traces_calls_ = false;
  std::string trace_;
};

}  // namespace weir::sim
