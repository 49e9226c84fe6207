// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "dagmanager/core/cross_context_hits.h"
#include "tests/sim/forwarding_ports.h"
#include "tests/sim/life_world.h"

namespace weir::sim {

/// A graph store whose commits are watched, and that takes a deploy whatever was removed since it
/// was decided, if that mistake is built in.
class WatchedGraphStore final : public ForwardingGraphStore {
 public:
  WatchedGraphStore(dagmanager::GraphStore& inner, TrafficWatch& watch, LifeMistake mistake)
      : ForwardingGraphStore(inner), watch_(watch), mistake_(mistake) {}

  Result<dagmanager::Committed> commit(const dagmanager::GraphChange& change) override {
    auto done = mistake_ == LifeMistake::LetsDeploysPass && !change.touches_graph()
                    ? commit_late(change)
                    : inner().commit(change);
    watch_.look();
    return done;
  }

 private:
  Result<dagmanager::Committed> commit_late(const dagmanager::GraphChange& change) {
    dagmanager::GraphChange later = change;
    later.base = inner().read(nullptr)->epoch();
    return inner().commit(later);
  }

  TrafficWatch& watch_;
  LifeMistake mistake_;
};

/// One instance from the start of a call to its end or its death, with all that it calls.
struct LifeWorld::Process final : dagmanager::DiffObserver {
  Process(LifeWorld& of, CallFaults faults, std::function<void()> between)
      : world(of),
        fate(of.random_, faults, std::move(between), nullptr),
        parts{fate, of.mistake_, *of.store_, of.watch_},
        watched(*of.store_, of.watch_, of.mistake_),
        store(watched, fate),
        admin(of.broker_, fate),
        hits(of.hits_, parts),
        traffic(of.traffic_, parts),
        redo(of.redo_, parts),
        rollouts(of.rollouts_, parts, of.canary_),
        executor(of.config_, store, admin, of.clock_, of.random_, *this) {
    traffic.found = rollouts.found = [&of](const Violation& what) { of.violated(what); };
  }

  void topics_wanted(std::size_t, std::size_t) override {}
  Result<void> cross_context(
      const std::vector<dagmanager::CrossContextViolation>& violations) override {
    return hits.record(dagmanager::sightings_of(violations), world.clock_.now());
  }
  Result<void> topics_mismatched(const std::vector<dagmanager::TopicLogRow>&) override {
    return {};
  }
  void decided_anew() override { ++world.marks_["decided anew"]; }

  LifeWorld& world;
  CallFate fate;
  PortParts parts;
  WatchedGraphStore watched;
  CrashingGraphStore store;
  CrashingTopicAdmin admin;
  SimHits hits;
  SimTraffic traffic;
  SimRedo redo;
  SimRollouts rollouts;
  dagmanager::DiffExecutor executor;
};

}  // namespace weir::sim
