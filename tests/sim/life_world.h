// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/random.h"
#include "dagmanager/diff_executor.h"
#include "dagmanager/ports/memory_topic_admin.h"
#include "dagmanager/ports/monitors/memory_alert_store.h"
#include "dagmanager/ports/queues/memory_queue_life.h"
#include "dagmanager/ports/rollouts/memory_hit_store.h"
#include "dagmanager/ports/rollouts/memory_redo_store.h"
#include "dagmanager/ports/rollouts/memory_rollout_store.h"
#include "dagmanager/queues/queue_collector.h"
#include "dagmanager/rollouts/redo_service.h"
#include "tests/sim/life_ports.h"
#include "tests/sim/sim_clock.h"
#include "tests/sim/sim_graphs.h"
#include "tests/sim/sim_upkeep.h"
#include "tests/sim/stream_reader.h"
#include "tests/sim/traffic_watch.h"

namespace weir::sim {

/// One simulated life of everything that the stream plane does besides answering: diffs, weights,
/// hotfixes and rollbacks, rollouts and the loop that judges them, Cleanup and garbage collection,
/// the reconciler, and the relay with readers behind it (contract sections 1.4, 3.12, 3.16, 3.18 to
/// 3.22). Calls are lost, processes die between any two of them, loops pass to other instances, and
/// everything overtakes everything else. After every call and every step: no deleted topic is
/// handed out, no queue goes that a held deploy binds, weights are pairs, nothing rises while a hit
/// is open, what ended stays, a rollback gives back what was, and readers hear everything once, in
/// order. At the end nothing is left behind.
class LifeWorld {
 public:
  LifeWorld(std::uint64_t seed, const GraphFamilies& families, SimMarks& marks,
            LifeMistake mistake = LifeMistake::None);
  ~LifeWorld();

  /// Plays the history. The first violation, or nothing.
  Violation run();
  /// What happened, a line a step; the same for the same seed.
  const std::string& trace() const { return trace_; }

 private:
  struct Process;

  void choose_settings();
  void pass_time();
  void any_step(int depth);
  std::function<void()> between(int depth);
  void violated(const Violation& what);
  void tell(const std::string& what, int depth);

  // life_world.cc: diffs and the end of queues
  void diff(std::size_t command, int depth);
  Result<dagmanager::DiffOutcome> run_diff(Process& process,
                                           const dagmanager::DiffCommand& command);
  void check_handed_out(const std::string& topic, const char* by);
  void collect(int depth, CallFaults faults);
  void note_report(const Result<dagmanager::GcReport>& report, bool died);
  void cleanup(int depth);
  void note_held(const dagmanager::Collection& collection);
  void check_gone(const std::vector<dagmanager::RowId>& rows);
  void check_standing();
  void check_deploys();
  void note_out(const std::set<std::string>& held);
  void reconcile(int depth);
  void finish();

  // life_operators.cc: weights, hotfixes, rollbacks, rollouts, hits, events
  void set_weight(int depth);
  void redo(int depth);
  void roll_back_the_ripe();
  std::size_t audit_rows();
  /// Whether rows were written since there were so many, and each by a rollback.
  bool only_rolled_back_since(std::size_t rows);
  Result<dagmanager::wire::DiffResult> run_hotfix(Process& process,
                                                  const dagmanager::HotfixDiff& hotfix);
  Result<dagmanager::wire::DiffResult> roll_back(Process& process, const std::string& sentinel,
                                                 const std::string& world);
  void check_rollback(const SentinelRecord& taken, const graph::VersionLabel& back);
  bool is_live(const SentinelRecord& sentinel, const graph::VersionLabel& version);
  void start_rollout(int depth);
  void change_rollout(int depth);
  void judge_rollouts(int depth);
  void judge_once(int depth, CallFaults faults, unsigned bad, unsigned silent);
  void end_rollouts();
  void acknowledge(int depth);
  void relay(CallFaults faults);
  void follow_events();
  void drain_events();
  double gateway_share(const std::string& query) const;
  std::optional<dagmanager::SentinelRecord> any_sentinel();
  std::optional<dagmanager::SentinelRecord> any_successor();
  std::string some_rollout();
  /// Another instance takes a loop over.
  void take_loop(dagmanager::LoopFence& fence);

  base::SeededRandom random_;
  const GraphFamilies& families_;
  SimMarks& marks_;
  LifeMistake mistake_;
  std::vector<SimCommand> menu_;
  SimClock clock_;
  std::unique_ptr<dagmanager::MemoryGraphStore> store_ =
      *dagmanager::MemoryGraphStore::open({.path = ""}, random_);
  dagmanager::MemoryTopicAdmin broker_;
  dagmanager::MemoryLoopLeases loops_{clock_};
  dagmanager::MemoryAlertStore alerts_{loops_};
  dagmanager::MemoryQueueLife life_{*store_, loops_, random_};
  dagmanager::MemoryTrafficStore traffic_{*store_};
  dagmanager::MemoryRedoStore redo_{*store_};
  dagmanager::MemoryRolloutStore rollouts_{*store_, loops_, alerts_};
  dagmanager::MemoryHitStore hits_{*store_, random_};
  dagmanager::MemoryControlBus bus_{*store_, "queue"};
  std::unique_ptr<server::EventLog> log_;
  SimUpkeep upkeep_;
  TrafficWatch watch_;
  StreamReader eager_;
  StreamReader lazy_;

  dagmanager::DiffExecutor::Config config_;
  dagmanager::QueueCollector::Rules rules_;
  Duration retention_{};
  CallFaults faults_;
  unsigned overtaking_ = 0;  // percent of calls that somebody else comes before
  dagmanager::LoopFence gc_{"gc"};
  dagmanager::LoopFence canary_{"canary"};
  int instances_ = 0;
  int passes_ = 0;         // of collectors, that are under way
  int judging_ = 0;        // passes of the canary loop, likewise
  bool busy_ = false;      // the broker
  bool nameless_ = false;  // a version keeps its traffic because nobody can name it
  std::uint64_t removals_ = 0;
  std::uint64_t checked_removals_ = 0;
  std::set<dagmanager::RowId> held_now_;
  std::set<dagmanager::RowId> young_now_;
  std::set<std::string> held_once_;
  std::set<std::string> was_out_;
  std::vector<std::pair<std::int64_t, Instant>> published_;  // up to which number, when
  Violation violation_;
  std::string trace_;
};

}  // namespace weir::sim
