// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <iostream>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "dagmanager/core/queue_life.h"
#include "dagmanager/ports/memory_topic_admin.h"
#include "dagmanager/ports/queues/memory_queue_life.h"
#include "dagmanager/queues/queue_collector.h"
#include "tests/sim/crashing_ports.h"
#include "tests/sim/sim_world.h"

// Garbage collection and Cleanup among diffs, in virtual time (contract section 3.12): calls are
// lost, processes die between any two of them, diffs overtake passes and passes overtake diffs. No
// deleted topic is handed out, no queue goes that a held deploy binds, what was cut off is gone on
// with, and at the end nothing is left behind.
namespace weir::sim {
namespace {

using dagmanager::AnswerEntry;
using dagmanager::Cleanup;
using dagmanager::Collection;
using dagmanager::Committed;
using dagmanager::CrossContextViolation;
using dagmanager::DeployBindings;
using dagmanager::DeployStanding;
using dagmanager::DiffExecutor;
using dagmanager::DiffObserver;
using dagmanager::DiffOutcome;
using dagmanager::Forgetting;
using dagmanager::GcAction;
using dagmanager::GcItem;
using dagmanager::GcReason;
using dagmanager::GraphChange;
using dagmanager::held_deploys;
using dagmanager::IntentBatch;
using dagmanager::LeavingQueue;
using dagmanager::LoopClaim;
using dagmanager::LoopFence;
using dagmanager::MemoryGraphStore;
using dagmanager::MemoryLoopLeases;
using dagmanager::MemoryQueueLife;
using dagmanager::MemoryTopicAdmin;
using dagmanager::OrphanMarks;
using dagmanager::OrphanRecord;
using dagmanager::QueueCollector;
using dagmanager::QueueEnd;
using dagmanager::QueueLifeStore;
using dagmanager::QueueReferences;
using dagmanager::QueueView;
using dagmanager::RowId;
using dagmanager::stands_on_queues;

/// A guard that is removed on purpose; the checks must find each.
enum class GcMistake {
  None,
  TrustsThePass,          ///< a collection does not look for deploys that came since
  ForgetsBeforeDeletion,  ///< a topic that may still be there counts as gone
  ForgetsTheRest,         ///< what another pass left is not gone on with
  LetsDeploysPass,        ///< a deploy decided before a removal is stored all the same
  DeletesTooMuch,         ///< one topic that somebody binds is deleted with the rest
  CollectsTheYoung,       ///< TTL and grace count for nothing
};

constexpr std::size_t kKept = 2;
constexpr int kStepsMax = 40;
constexpr int kDepthMax = 2;

/// QueueLifeStore of one process: calls may be lost, and others come in between.
class SimLife final : public QueueLifeStore {
 public:
  using Watch = std::function<void(const std::vector<RowId>&)>;
  SimLife(QueueLifeStore& inner, CallFate& fate, GcMistake mistake, Watch before, Watch after)
      : inner_(inner),
        fate_(fate),
        mistake_(mistake),
        before_(std::move(before)),
        after_(std::move(after)) {}

  Result<std::vector<DeployStanding>> deploys() override {
    return call<std::vector<DeployStanding>>([&] { return inner_.deploys(); });
  }
  Result<std::vector<DeployBindings>> bindings(std::span<const std::string> keys) override {
    return call<std::vector<DeployBindings>>([&] { return inner_.bindings(keys); });
  }
  Result<std::vector<OrphanRecord>> orphans() override { return inner_.orphans(); }
  Result<void> mark(const LoopFence& fence, const OrphanMarks& marks) override {
    return call<void>([&] { return inner_.mark(fence, marks); });
  }
  Result<std::vector<RowId>> collect(const LoopFence& fence,
                                     const Collection& collection) override {
    return call<std::vector<RowId>>([&]() -> Result<std::vector<RowId>> {
      Collection wanted = collection;
      if (mistake_ == GcMistake::TrustsThePass) {
        WEIR_TRY(const auto all, inner_.deploys());
        wanted.held.clear();
        for (const DeployStanding& deploy : all) wanted.held.push_back(deploy.key);
      }
      std::vector<RowId> asked;
      for (const QueueEnd& end : wanted.queues) asked.push_back(end.queue);
      before_(asked);
      WEIR_TRY(auto gone, inner_.collect(fence, wanted));
      after_(gone);
      return gone;
    });
  }
  Result<std::vector<LeavingQueue>> leaving(const LoopFence& fence) override {
    WEIR_TRY(auto queues, inner_.leaving(fence));
    if (mistake_ == GcMistake::ForgetsTheRest && !std::exchange(looked_, true)) queues.clear();
    if (mistake_ == GcMistake::ForgetsTheRest && queues.size() > 1) queues.pop_back();
    return queues;
  }
  Result<void> forget(const LoopFence& fence, const Forgetting& forgetting) override {
    return call<void>([&] { return inner_.forget(fence, forgetting); });
  }
  Result<std::size_t> end_deploys(const Cleanup& cleanup) override {
    return call<std::size_t>([&] { return inner_.end_deploys(cleanup); });
  }

 private:
  template <class T, class Run>
  Result<T> call(Run run) {
    const CallFate::Kind kind = fate_.draw();
    if (fate_.crashed() || kind == CallFate::Kind::LostBefore) return lost();
    Result<T> done = run();
    if (kind == CallFate::Kind::Twice) done = run_again(std::move(done), run);
    if (fate_.crashed() || kind == CallFate::Kind::LostAfter) return lost();
    return done;
  }
  /// A call that arrives twice is answered by what it did first.
  template <class T, class Run>
  static Result<T> run_again(Result<T> first, Run run) {
    static_cast<void>(run());
    return first;
  }
  static Error lost() { return base::unavailable("graph_unavailable", "the call is lost"); }

  QueueLifeStore& inner_;
  CallFate& fate_;
  GcMistake mistake_;
  Watch before_;
  Watch after_;
  bool looked_ = false;
};

/// TopicAdmin of the collector's process.
class SimRemovals final : public TopicAdmin {
 public:
  SimRemovals(TopicAdmin& inner, CallFate& fate, GcMistake mistake)
      : inner_(inner), fate_(fate), mistake_(mistake) {}

  Result<std::vector<CreateAnswer>> create(std::span<const TopicSpec> topics) override {
    return inner_.create(topics);
  }
  Result<std::vector<TopicSeen>> look(std::span<const graph::TopicName> topics) override {
    return inner_.look(topics);
  }
  Result<std::vector<TopicSeen>> list() override { return inner_.list(); }
  Result<std::vector<std::optional<std::int64_t>>> sizes(
      std::span<const graph::TopicName> topics) override {
    return inner_.sizes(topics);
  }
  Result<std::vector<bool>> remove(std::span<const graph::TopicName> topics) override {
    if (mistake_ == GcMistake::ForgetsBeforeDeletion) return std::vector<bool>(topics.size(), true);
    const CallFate::Kind kind = fate_.draw();
    if (fate_.crashed() || kind == CallFate::Kind::LostBefore) return lost();
    std::vector<graph::TopicName> all(topics.begin(), topics.end());
    if (mistake_ == GcMistake::DeletesTooMuch) {
      WEIR_TRY(const auto there, inner_.list());
      if (!there.empty()) all.push_back(there.front().topic);
    }
    WEIR_TRY(auto gone, inner_.remove(all));
    gone.resize(topics.size());
    if (fate_.crashed() || kind == CallFate::Kind::LostAfter) return lost();
    return gone;
  }
  Result<int> broker_count() override { return inner_.broker_count(); }
  Result<void> ping() override { return inner_.ping(); }

 private:
  static Error lost() { return base::unavailable("broker_unavailable", "the call is lost"); }

  TopicAdmin& inner_;
  CallFate& fate_;
  GcMistake mistake_;
};

/// A graph store that takes a deploy whatever was removed since it was decided.
class LaxStore final : public GraphStore {
 public:
  LaxStore(GraphStore& inner, bool lax) : inner_(inner), lax_(lax) {}

  Result<GraphView> read(const DeployKey* deploy) override { return inner_.read(deploy); }
  Result<Reservation> reserve(const IntentBatch& batch,
                              const std::function<void()>& meanwhile) override {
    return inner_.reserve(batch, meanwhile);
  }
  Result<Committed> commit(const GraphChange& change) override {
    if (!lax_ || change.touches_graph()) return inner_.commit(change);
    GraphChange later = change;
    later.base = inner_.read(nullptr)->epoch();
    return inner_.commit(later);
  }
  Result<std::optional<DeployRecord>> newest_deploy(
      const graph::StrategyId& strategy, const std::optional<graph::WorldId>& world) override {
    return inner_.newest_deploy(strategy, world);
  }
  Result<std::optional<SentinelRecord>> newest_sentinel(const graph::SentinelId& id,
                                                        const graph::WorldId& world) override {
    return inner_.newest_sentinel(id, world);
  }
  Result<std::vector<std::pair<RowId, TopicLogRow>>> topic_log(RowId after,
                                                               std::size_t limit) override {
    return inner_.topic_log(after, limit);
  }
  Result<void> ping() override { return inner_.ping(); }

 private:
  GraphStore& inner_;
  bool lax_;
};

/// Nobody is told.
class Silent final : public DiffObserver {
 public:
  explicit Silent(SimMarks& marks) : marks_(marks) {}
  void topics_wanted(std::size_t, std::size_t) override {}
  Result<void> cross_context(const std::vector<CrossContextViolation>&) override { return {}; }
  Result<void> topics_mismatched(const std::vector<dagmanager::TopicLogRow>&) override {
    return {};
  }
  void decided_anew() override { ++marks_["decided anew"]; }

 private:
  SimMarks& marks_;
};

/// One history.
class GcWorld {
 public:
  GcWorld(std::uint64_t seed, const GraphFamilies& families, SimMarks& marks, GcMistake mistake)
      : random_(seed), marks_(marks), mistake_(mistake), menu_(families.menu(random_)) {
    const auto percent = [&](unsigned most) {
      return random_.chance(50) ? 0U : 1 + static_cast<unsigned>(random_.below(most));
    };
    faults_ = {.lost_before = percent(15),
               .lost_after = percent(15),
               .twice = percent(15),
               .crash_before = percent(12),
               .crash_after = percent(12)};
    overtaking_ = random_.chance(40) ? 0 : 10 + static_cast<unsigned>(random_.below(40));
    for (auto& [tag, policy] : rules_.gc.policies) {
      policy.action = GcAction::Drop;
      policy.ttl = std::chrono::hours(24 * 2);
      policy.ttl_least = {};
      policy.grace = std::chrono::hours(24);
    }
    rules_.gc.policies["trade_exec"] = rules_.gc.policies["raw"];
    rules_.gc.deploys_kept = kKept;
    take_loop();
  }

  Violation run() {
    const auto steps = 8 + random_.below(kStepsMax - 8);
    for (std::uint64_t i = 0; i < steps && violation_.empty(); ++i) {
      pass_time();
      any_step(0);
      check_standing();
    }
    if (violation_.empty()) finish();
    return violation_;
  }

 private:
  void pass_time() {
    const auto kind = random_.below(3);
    if (kind == 0) clock_.sleep_for(std::chrono::minutes(random_.below(90)));
    if (kind == 1) clock_.sleep_for(std::chrono::hours(random_.below(30)));
    if (kind == 2) clock_.sleep_for(std::chrono::hours(24 * random_.below(9)));
  }

  void any_step(int depth) {
    if (!violation_.empty()) return;
    const auto kind = random_.below(10);
    if (kind < 5) return diff(random_.below(menu_.size()), depth, faults_);
    if (kind < 9) return collect(depth, faults_);
    cleanup(depth);
  }

  std::function<void()> between(int depth) {
    return [this, depth] {
      if (depth >= kDepthMax || !random_.chance(overtaking_)) return;
      ++marks_["overtaken"];
      any_step(depth + 1);
    };
  }

  void diff(std::size_t command, int depth, CallFaults faults) {
    CallFate fate(random_, faults, between(depth), nullptr);
    LaxStore lax(*store_, mistake_ == GcMistake::LetsDeploysPass);
    CrashingGraphStore store(lax, fate);
    CrashingTopicAdmin topics(broker_, fate);
    Silent silent(marks_);
    DiffExecutor executor(config_, store, topics, clock_, random_, silent);
    const std::uint64_t removals = removals_;
    const auto outcome = executor.run({.dag = menu_[command].dag,
                                       .fields = menu_[command].fields,
                                       .plan_only = false,
                                       .actor = "sim",
                                       .request_hash = [] { return base::Digest{}; }});
    if (!outcome.ok()) return;
    // What was settled at its first read may be collected before the answer is out, if days passed
    // within it; here none do, and a pass that overtakes may only take what nobody holds.
    check_handed_out(*outcome, removals != removals_);
  }

  void check_handed_out(const DiffOutcome& outcome, bool overtaken) {
    const auto there = names(*broker_.list());
    const auto view = *store_->read(nullptr);
    for (const AnswerEntry& entry : outcome.answer.entries) {
      const QueueView queue = view.index().queue_by_topic(graph::topic_key(entry.topic));
      if (there.contains(entry.topic.text()) && queue && queue.is_active()) continue;
      violated("a topic is handed out that is gone: " + entry.topic.text() +
               (overtaken ? " (a collection came between)" : ""));
    }
    if (overtaken) ++marks_["diff across a removal"];
  }

  void collect(int depth, CallFaults faults) {
    // One instance passes once at a time; who comes in between is another.
    if (passes_ > 0 || random_.chance(20)) take_loop();
    CallFate fate(random_, faults, between(depth), nullptr);
    CallFate broker_fate(random_, faults, {}, nullptr);  // a call under way cannot be overtaken
    SimLife life(
        life_, fate, mistake_, [this](const std::vector<RowId>& rows) { note_held(rows); },
        [this](const std::vector<RowId>& rows) { check_gone(rows); });
    SimRemovals topics(broker_, broker_fate, mistake_);
    QueueCollector::Rules rules = rules_;
    if (mistake_ == GcMistake::CollectsTheYoung) {
      for (auto& [tag, policy] : rules.gc.policies) policy.ttl = policy.grace = Duration::zero();
    }
    QueueCollector collector({*store_, life, topics, nullptr, nullptr, clock_, random_,
                              [this](const LoopFence& fence) { return fence == fence_; }},
                             rules);
    ++passes_;
    const auto report = collector.run_once(LoopFence(fence_));
    --passes_;
    if (!report.ok()) {
      const bool died = fate.crashed() || broker_fate.crashed();
      ++marks_[died ? "a collector died" : "a pass that was cut off"];
      return;
    }
    marks_["collected"] += report->processed.size();
    for (const GcItem& item : report->skipped) {
      if (item.reason == GcReason::Referenced) ++marks_["referenced again"];
    }
  }

  void cleanup(int depth) {
    CallFate fate(random_, faults_, between(depth), nullptr);
    SimLife life(life_, fate, mistake_, [](const auto&) {}, [](const auto&) {});
    const SimCommand& command = menu_[random_.below(menu_.size())];
    const auto ended = life.end_deploys(
        {.id = command.fields.strategy.text(), .actor = "sim", .at = clock_.now()});
    if (ended.ok() && *ended > 0) ++marks_["cleanup"];
  }

  /// Which of these a held deploy binds at this moment, and which are young.
  void note_held(const std::vector<RowId>& rows) {
    held_now_.clear();
    young_now_.clear();
    const auto deploys = *life_.deploys();
    const std::vector<bool> held = held_deploys(deploys, kKept, clock_.now());
    std::vector<std::string> keys;
    for (std::size_t i = 0; i < deploys.size(); ++i) {
      if (held[i]) keys.push_back(deploys[i].key);
    }
    QueueReferences references;
    const auto bindings = *life_.bindings(keys);
    const auto orphans = *life_.orphans();
    const auto view = *store_->read(nullptr);
    for (const DeployBindings& deploy : bindings) references.add(view.index(), deploy, true, false);
    for (const RowId row : rows) {
      const auto mark = std::ranges::find(orphans, row, &OrphanRecord::queue);
      const bool young =
          mark == orphans.end() || clock_.now() - mark->since < std::chrono::hours(24 * 3);
      const QueueView queue = view.index().queue(row);
      if (references.held(row)) held_now_.insert(row);
      if (young && queue && queue.is_active()) young_now_.insert(row);
    }
  }
  void check_gone(const std::vector<RowId>& rows) {
    for (const RowId row : rows) {
      if (held_now_.contains(row)) violated("a queue went that a held deploy binds");
      if (young_now_.contains(row)) violated("a queue went before its time");
    }
    if (!rows.empty()) ++removals_;
  }

  static std::set<std::string> names(const std::vector<TopicSeen>& topics) {
    std::set<std::string> found;
    for (const TopicSeen& topic : topics) found.insert(topic.topic.text());
    return found;
  }

  /// Every active queue has its topic; every topic is known; every held deploy that binds at all
  /// stands on what it was given.
  void check_standing() {
    if (!violation_.empty()) return;
    auto there = names(*broker_.list());
    std::size_t leaving = 0;
    {
      const auto view = *store_->read(nullptr);
      view.index().for_each_queue([&](const QueueView& queue) {
        const std::string topic(queue.topic());
        const bool has = there.erase(topic) > 0;
        if (queue.is_active() && !has) violated("a queue lost its topic: " + topic);
        if (queue.is_leaving()) ++leaving;
      });
    }
    if (!there.empty()) violated("a topic that nobody knows: " + *there.begin());
    if (leaving > 0) ++marks_["left for the next pass"];
    check_deploys();
  }

  void check_deploys() {
    const auto deploys = *life_.deploys();
    const std::vector<bool> held = held_deploys(deploys, kKept, clock_.now());
    std::vector<std::string> keys;
    for (std::size_t i = 0; i < deploys.size(); ++i) {
      const bool trial = deploys[i].safe_mode || deploys[i].strategy.view() == "dryrun";
      if (held[i] && !deploys[i].ended && !trial) keys.push_back(deploys[i].key);
    }
    const auto bindings = *life_.bindings(keys);
    const auto view = *store_->read(nullptr);
    for (const DeployBindings& deploy : bindings) {
      if (held_once_.contains(deploy.key) && !stands_on_queues(view.index(), deploy)) {
        // A deploy may fall out of the kept ones and come back into them when others end.
        if (!was_out_.contains(deploy.key)) violated("a held deploy lost a queue");
      }
    }
    std::set<std::string> now(keys.begin(), keys.end());
    for (const std::string& key : held_once_) {
      if (!now.contains(key)) was_out_.insert(key);
    }
    for (const std::string& key : now) {
      if (held_once_.insert(key).second) was_out_.erase(key);
    }
  }

  /// Another instance takes the loop over.
  void take_loop() {
    const std::string me = "instance-" + std::to_string(++instances_);
    static_cast<void>(loops_.give_back("instance-" + std::to_string(instances_ - 1)));
    const std::vector<LoopClaim> claims = {{"gc", {}}};
    fence_ = {"gc", loops_.renew(me, claims)->front().fence};
  }

  /// Without faults: all is ended, and after its time nothing is left.
  void finish() {
    overtaking_ = 0;
    for (const SimCommand& command : menu_) {
      static_cast<void>(life_.end_deploys(
          {.id = command.fields.strategy.text(), .actor = "sim", .at = clock_.now()}));
    }
    collect(0, {});
    clock_.sleep_for(std::chrono::hours(24 * 30));
    for (int pass = 0; pass < 4; ++pass) {
      collect(0, {});
      clock_.sleep_for(std::chrono::hours(24 * 30));
    }
    check_standing();
    bool any_live = false;
    const auto deploys = *life_.deploys();
    for (const DeployStanding& deploy : deploys) any_live = any_live || deploy.live;
    const auto leaving = life_.leaving(fence_);
    if (!leaving->empty()) violated("what went is not forgotten");
    if (any_live) return;
    const auto view = *store_->read(nullptr);
    if (view.index().queue_count() > 0) violated("a queue is left that nobody holds");
    ++marks_["nothing left"];
  }

  void violated(const Violation& what) {
    if (violation_.empty()) violation_ = what;
  }

  base::SeededRandom random_;
  SimMarks& marks_;
  GcMistake mistake_;
  std::vector<SimCommand> menu_;
  SimClock clock_;
  std::unique_ptr<MemoryGraphStore> store_ = *MemoryGraphStore::open({.path = ""}, random_);
  MemoryTopicAdmin broker_;
  MemoryLoopLeases loops_{clock_};
  MemoryQueueLife life_{*store_, loops_, random_};
  DiffExecutor::Config config_;
  QueueCollector::Rules rules_;
  CallFaults faults_;
  unsigned overtaking_ = 0;
  LoopFence fence_;
  int instances_ = 0;
  int passes_ = 0;
  std::uint64_t removals_ = 0;
  std::set<RowId> held_now_;
  std::set<RowId> young_now_;
  std::set<std::string> held_once_;
  std::set<std::string> was_out_;
  Violation violation_;
};

const GraphFamilies& gc_families() {
  static const GraphFamilies kFamilies;
  return kFamilies;
}

TEST(GcSimulation, HoldsItsInvariantsForEverySeed) {
  const char* given = std::getenv("WEIR_SIM_SEEDS");
  const std::uint64_t seeds = given == nullptr ? 10'000 : std::strtoull(given, nullptr, 10);
  const char* only = std::getenv("WEIR_TEST_SEED");
  SimMarks marks;
  if (only != nullptr && *only != '\0') {
    const std::uint64_t seed = std::strtoull(only, nullptr, 10);
    EXPECT_EQ(GcWorld(seed, gc_families(), marks, GcMistake::None).run(), "");
    return;
  }
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    ASSERT_EQ(GcWorld(seed, gc_families(), marks, GcMistake::None).run(), "")
        << "WEIR_TEST_SEED=" << seed;
  }
  for (const auto& [mark, count] : marks) std::cout << count << " x " << mark << '\n';
  if (seeds < 1000) return;
  for (const char* mark : {"a collector died", "a pass that was cut off", "cleanup", "collected",
                           "decided anew", "diff across a removal", "left for the next pass",
                           "nothing left", "overtaken", "referenced again"}) {
    EXPECT_GE(marks[mark], seeds / 1000) << "seen too seldom: " << mark;
  }
}

TEST(GcSimulation, FindsEveryMistake) {
  for (const GcMistake mistake :
       {GcMistake::TrustsThePass, GcMistake::ForgetsBeforeDeletion, GcMistake::ForgetsTheRest,
        GcMistake::LetsDeploysPass, GcMistake::DeletesTooMuch, GcMistake::CollectsTheYoung}) {
    SimMarks marks;
    std::uint64_t seed = 1;
    for (; seed <= 20'000; ++seed) {
      if (!GcWorld(seed, gc_families(), marks, mistake).run().empty()) break;
    }
    EXPECT_LE(seed, 20'000U) << "mistake " << static_cast<int>(mistake) << " lives";
    std::cout << "mistake " << static_cast<int>(mistake) << " found by seed " << seed << '\n';
  }
}

}  // namespace
}  // namespace weir::sim
