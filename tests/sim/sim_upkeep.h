// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

#include "base/random.h"
#include "dagmanager/ports/loops/memory_loop_leases.h"
#include "dagmanager/ports/memory_graph_store.h"
#include "dagmanager/ports/monitors/memory_alert_store.h"
#include "dagmanager/ports/rollouts/memory_hit_store.h"
#include "dagmanager/ports/topic_admin.h"
#include "dagmanager/ports/topics/memory_topic_upkeep.h"
#include "dagmanager/topics/reconciler.h"
#include "tests/sim/crashing_ports.h"
#include "tests/sim/sim_checks.h"

namespace weir::sim {

/// A guard of the reconciler removed on purpose, which the checks must find.
enum class UpkeepMistake : std::uint8_t {
  None,
  RemovesNothing,     ///< a topic is said to be removed, and is not
  MakesAnotherShape,  ///< a lost topic comes back in a shape of its own
  TrustsItsList,      ///< an intent is dropped as it was listed, whatever it is by now
  KeepsTheName,       ///< a dropped intent is logged, and stays
  LooksAway,          ///< a topic of another shape is removed with the intent
  LogsNoLoss,         ///< what is dropped is not logged
  TouchesTheUnowned,  ///< topics that nobody owns are removed
};

/// Instances of the reconciler, one after the other, in a simulated world: their calls are lost,
/// their listings cut short, and they die between any two calls, with diffs in between.
class SimUpkeep {
 public:
  /// All outlive it.
  struct Parts {
    dagmanager::MemoryGraphStore& store;
    dagmanager::TopicAdmin& broker;
    Clock& clock;
    base::SeededRandom& random;
    SimMarks& marks;
    UpkeepMistake mistake = UpkeepMistake::None;
  };

  explicit SimUpkeep(Parts parts);
  ~SimUpkeep();

  /// One pass; `between` runs before each of its calls that hold no lock.
  void pass(const CallFaults& faults, const std::function<void()>& between);
  /// Passes that nothing befalls.
  void sound_passes(int count);
  /// A topic of ours that the broker loses; empty: there is none.
  std::string lose_a_topic();
  /// A row of a name that is being given up.
  bool any_leaving() const;

  /// After a sound pass: no intent is older than ten minutes, and no name is given up for ever.
  Violation check_intents() const;
  /// The log replayed gives the topics that the broker has, apart from those of unfinished diffs
  /// and of others.
  Violation check_log(const ForeignTopics& foreign) const;

 private:
  class Calls;
  class Store;
  class Broker;
  struct Instance;

  Parts parts_;
  dagmanager::MemoryLoopLeases leases_;
  dagmanager::MemoryTopicUpkeep upkeep_;
  dagmanager::MemoryHitStore hits_;
  dagmanager::MemoryAlertStore alerts_;
  std::unique_ptr<Instance> instance_;
  std::uint64_t instances_ = 0;
  bool passing_ = false;
  std::size_t dropped_ = 0;  // told by instances that lived to tell
};

}  // namespace weir::sim
