// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/life_world.h"

#include <algorithm>
#include <utility>

#include "dagmanager/core/queue_life.h"
#include "dagmanager/queues/limits.h"
#include "tests/sim/collector_ports.h"
#include "tests/sim/life_process.h"
#include "tests/sim/mistaken_log.h"

namespace weir::sim {

using dagmanager::Collection;
using dagmanager::DeployBindings;
using dagmanager::DeployStanding;
using dagmanager::DiffOutcome;
using dagmanager::GcItem;
using dagmanager::GcReport;
using dagmanager::held_deploys;
using dagmanager::OrphanRecord;
using dagmanager::QueueCollector;
using dagmanager::QueueEnd;
using dagmanager::QueueReferences;
using dagmanager::QueueView;
using dagmanager::RowId;
using dagmanager::stands_on_queues;

namespace {

constexpr std::size_t kKept = 2;
constexpr int kStepsMin = 8;
constexpr int kStepsMax = 26;
constexpr int kDepthMax = 2;
constexpr auto kDay = std::chrono::hours(24);
constexpr auto kTtl = 2 * kDay;
constexpr auto kGrace = kDay;
constexpr double kCapacity = 100;

std::set<std::string> names(const std::vector<TopicSeen>& topics) {
  std::set<std::string> found;
  for (const TopicSeen& topic : topics) found.insert(topic.topic.text());
  return found;
}

}  // namespace

LifeWorld::LifeWorld(std::uint64_t seed, const GraphFamilies& families, SimMarks& marks,
                     LifeMistake mistake)
    : random_(seed),
      families_(families),
      marks_(marks),
      mistake_(mistake),
      log_(make_log(*store_, mistake, random_)),
      upkeep_({.store = *store_,
               .broker = broker_,
               .clock = clock_,
               .random = random_,
               .marks = marks_}),
      watch_(*store_, [this](const Violation& what) { violated(what); }),
      eager_(*log_, [this](const Violation& what) { violated(what); }),
      lazy_(*log_, [this](const Violation& what) { violated(what); }) {
  choose_settings();
  take_loop(gc_);
  take_loop(canary_);
}

LifeWorld::~LifeWorld() = default;

/// Every kind of fault is on in half of the histories.
void LifeWorld::choose_settings() {
  const auto percent = [&](unsigned most) {
    return random_.chance(50) ? 0U : 1 + static_cast<unsigned>(random_.below(most));
  };
  menu_ = families_.menu(random_);
  for (SimCommand& command : families_.versions(random_)) menu_.push_back(std::move(command));
  faults_ = {.lost_before = percent(15),
             .lost_after = percent(15),
             .twice = percent(15),
             .crash_before = percent(12),
             .crash_after = percent(12)};
  overtaking_ = random_.chance(40) ? 0 : 10 + static_cast<unsigned>(random_.below(30));
  config_.policy.namespaces = random_.chance(70);
  config_.policy.cross_context = random_.chance(50) ? dagmanager::CrossContextPolicy::Isolate
                                                    : dagmanager::CrossContextPolicy::Block;
  for (auto& [tag, policy] : rules_.gc.policies) {
    policy.action = dagmanager::GcAction::Drop;
    policy.ttl = kTtl;
    policy.ttl_least = {};
    policy.grace = kGrace;
  }
  rules_.gc.policies["trade_exec"] = rules_.gc.policies["raw"];
  rules_.gc.deploys_kept = kKept;
  rules_.capacity = kCapacity;
  retention_ = random_.chance(50) ? kDay : 400 * kDay;
}

Violation LifeWorld::run() {
  const auto steps = kStepsMin + random_.below(kStepsMax - kStepsMin);
  for (std::uint64_t i = 0; i < steps && violation_.empty(); ++i) {
    pass_time();
    any_step(0);
    if (random_.chance(40)) relay(faults_);
    follow_events();
    check_standing();
  }
  if (violation_.empty()) finish();
  return violation_;
}

void LifeWorld::pass_time() {
  const auto kind = random_.below(4);
  if (kind == 0) clock_.sleep_for(std::chrono::minutes(random_.below(90)));
  if (kind == 1) clock_.sleep_for(std::chrono::hours(random_.below(30)));
  if (kind == 2) clock_.sleep_for(kDay * static_cast<int>(random_.below(9)));
}

void LifeWorld::any_step(int depth) {
  if (!violation_.empty()) return;
  const auto kind = random_.below(100);
  if (kind < 36) return diff(random_.below(menu_.size()), depth);
  if (kind < 54) return collect(depth, faults_);
  if (kind < 59) return cleanup(depth);
  if (kind < 66) return set_weight(depth);
  if (kind < 74) return redo(depth);
  if (kind < 81) return start_rollout(depth);
  if (kind < 85) return change_rollout(depth);
  if (kind < 94) return judge_rollouts(depth);
  if (kind < 96) return acknowledge(depth);
  reconcile(depth);
}

std::function<void()> LifeWorld::between(int depth) {
  return [this, depth] {
    if (depth >= kDepthMax || !random_.chance(overtaking_)) return;
    ++marks_["overtaken"];
    any_step(depth + 1);
  };
}

void LifeWorld::tell(const std::string& what, int depth) {
  trace_ += std::string(static_cast<std::size_t>(depth) * 2, ' ') + what + "\n";
}

void LifeWorld::diff(std::size_t command, int depth) {
  tell(menu_[command].text, depth);
  Process process(*this, faults_, between(depth));
  const std::uint64_t removals = removals_;
  const auto outcome = run_diff(process, {.dag = menu_[command].dag,
                                          .fields = menu_[command].fields,
                                          .plan_only = false,
                                          .actor = "sim",
                                          .request_hash = [] { return base::Digest{}; }});
  if (!outcome.ok()) tell(outcome.error().describe(), depth);
  if (outcome.ok() && removals != removals_) ++marks_["diff across a removal"];
}

Result<DiffOutcome> LifeWorld::run_diff(Process& process, const dagmanager::DiffCommand& command) {
  auto outcome = process.executor.run(command);
  if (!outcome.ok()) {
    if (outcome.error().reason() == "cross_context") ++marks_["refused under block"];
    return outcome;
  }
  // What was settled at its first read may be collected before the answer is out, if days passed
  // within it; here none do, and a pass that overtakes may only take what nobody holds.
  for (const dagmanager::AnswerEntry& entry : outcome->answer.entries) {
    check_handed_out(entry.topic.text(), "a diff");
  }
  return outcome;
}

void LifeWorld::check_handed_out(const std::string& topic, const char* by) {
  const std::vector<graph::TopicName> name = {graph::TopicName(topic)};
  const auto seen = broker_.look(name);
  const auto view = *store_->read(nullptr);
  const QueueView queue = view.index().queue_by_topic(graph::topic_key(name.front()));
  if (!seen->empty() && queue && queue.is_active()) return;
  violated(std::string(by) + " hands out a topic that is gone: " + topic);
}

void LifeWorld::collect(int depth, CallFaults faults) {
  tell("a collector passes", depth);
  // One instance passes once at a time; who comes in between is another.
  if (passes_ > 0 || random_.chance(20)) take_loop(gc_);
  CallFate fate(random_, faults, between(depth), nullptr);
  CallFate broker_fate(random_, faults, {}, nullptr);  // a call under way cannot be overtaken
  busy_ = random_.chance(50);
  const bool busy = busy_;
  SimLife life(life_, fate, mistake_,
               {.before =
                    [this, busy](const Collection& collection) {
                      const std::size_t most =
                          busy ? dagmanager::kGcBatch / 2 : dagmanager::kGcBatch;
                      if (collection.queues.size() > most) violated("too large a batch");
                      if (collection.queues.size() == most) ++marks_["a batch that was cut"];
                      note_held(collection);
                    },
                .after = [this](const std::vector<RowId>& rows) { check_gone(rows); }});
  SimRemovals topics(broker_, broker_fate, mistake_);
  const bool ignored = mistake_ == LifeMistake::IgnoresTheLoad;
  const bool silent = random_.chance(30);  // which counts as busy
  SimLoad load(ignored || !busy ? std::optional(0.0)
               : silent         ? std::nullopt
                                : std::optional(kCapacity * 0.81));
  QueueCollector::Rules rules = rules_;
  if (mistake_ == LifeMistake::CollectsTheYoung) {
    for (auto& [tag, policy] : rules.gc.policies) policy.ttl = policy.grace = Duration::zero();
  }
  QueueCollector collector({*store_, life, topics, nullptr, &load, clock_, random_,
                            [this](const dagmanager::LoopFence& fence) { return fence == gc_; }},
                           rules);
  ++passes_;
  const auto report = collector.run_once(dagmanager::LoopFence(gc_));
  --passes_;
  note_report(report, fate.crashed() || broker_fate.crashed());
}

void LifeWorld::note_report(const Result<GcReport>& report, bool died) {
  if (!report.ok()) {
    ++marks_[died ? "a collector died" : "a collection that was cut off"];
    return;
  }
  marks_["collected"] += report->processed.size();
  for (const GcItem& item : report->skipped) {
    if (item.reason == dagmanager::GcReason::Referenced) ++marks_["referenced again"];
  }
}

void LifeWorld::cleanup(int depth) {
  CallFate fate(random_, faults_, between(depth), nullptr);
  SimLife life(life_, fate, mistake_);
  const std::string strategy = menu_[random_.below(menu_.size())].fields.strategy.text();
  tell("cleanup of " + strategy, depth);
  const auto ended = life.end_deploys({.id = strategy, .actor = "sim", .at = clock_.now()});
  if (ended.ok() && *ended > 0) ++marks_["cleanup"];
}

/// Which of these a held deploy binds at this moment, and which are young.
void LifeWorld::note_held(const Collection& collection) {
  held_now_.clear();
  young_now_.clear();
  const auto deploys = *life_.deploys();
  const std::vector<bool> held = held_deploys(deploys, kKept, clock_.now());
  std::vector<std::string> keys;
  for (std::size_t i = 0; i < deploys.size(); ++i) {
    if (held[i]) keys.push_back(deploys[i].key);
  }
  note_out({keys.begin(), keys.end()});
  QueueReferences references;
  const auto bindings = *life_.bindings(keys);
  const auto orphans = *life_.orphans();
  const auto view = *store_->read(nullptr);
  for (const DeployBindings& deploy : bindings) references.add(view.index(), deploy, true, false);
  for (const QueueEnd& end : collection.queues) {
    const auto mark = std::ranges::find(orphans, end.queue, &OrphanRecord::queue);
    const bool young = mark == orphans.end() || clock_.now() - mark->since < kTtl + kGrace;
    const QueueView queue = view.index().queue(end.queue);
    if (references.held(end.queue)) held_now_.insert(end.queue);
    if (young && queue && queue.is_active()) young_now_.insert(end.queue);
  }
}

void LifeWorld::check_gone(const std::vector<RowId>& rows) {
  for (const RowId row : rows) {
    if (held_now_.contains(row)) violated("a queue went that a held deploy binds");
    if (young_now_.contains(row)) violated("a queue went before its time");
  }
  if (!rows.empty()) ++removals_;
  watch_.look();
}

/// Every active queue has its topic; every topic is known; every held deploy that binds at all
/// stands on what it was given.
void LifeWorld::check_standing() {
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
  if (random_.chance(20)) violated(upkeep_.check_log({}));
}

void LifeWorld::check_deploys() {
  const auto deploys = *life_.deploys();
  const std::vector<bool> held = held_deploys(deploys, kKept, clock_.now());
  std::vector<std::string> keys;
  for (std::size_t i = 0; i < deploys.size(); ++i) {
    const bool trial = deploys[i].safe_mode || deploys[i].strategy.view() == "dryrun";
    if (held[i] && !deploys[i].ended && !trial) keys.push_back(deploys[i].key);
  }
  if (std::exchange(checked_removals_, removals_) != removals_) {
    const auto bindings = *life_.bindings(keys);
    const auto view = *store_->read(nullptr);
    for (const DeployBindings& deploy : bindings) {
      if (!held_once_.contains(deploy.key) || stands_on_queues(view.index(), deploy)) continue;
      // A deploy may fall out of the kept ones and come back into them when others end.
      if (!was_out_.contains(deploy.key)) violated("a held deploy lost a queue");
    }
  }
  const std::set<std::string> now(keys.begin(), keys.end());
  note_out(now);
  for (const std::string& key : now) {
    if (held_once_.insert(key).second) was_out_.erase(key);
  }
}

/// It may lose its queues while it is out, also within one step.
void LifeWorld::note_out(const std::set<std::string>& held) {
  for (const std::string& key : held_once_) {
    if (!held.contains(key)) was_out_.insert(key);
  }
}

void LifeWorld::reconcile(int depth) {
  tell("the reconciler passes", depth);
  if (depth == 0 && random_.chance(25)) {
    tell("the broker loses " + upkeep_.lose_a_topic(), depth);
    ++marks_["a topic lost"];
    upkeep_.sound_passes(2);
    return;
  }
  upkeep_.pass(faults_, between(depth));
  watch_.look();
}

/// Without faults: all has ended, and after its time nothing is left.
void LifeWorld::finish() {
  tell("the end", 0);
  overtaking_ = 0;
  faults_ = {};
  drain_events();
  end_rollouts();
  for (const SimCommand& command : menu_) {
    static_cast<void>(life_.end_deploys(
        {.id = command.fields.strategy.text(), .actor = "sim", .at = clock_.now()}));
  }
  collect(0, {});
  clock_.sleep_for(30 * kDay);
  upkeep_.sound_passes(2);
  violated(upkeep_.check_intents());
  for (int pass = 0; pass < 5; ++pass) {
    collect(0, {});
    clock_.sleep_for(30 * kDay);
  }
  check_standing();
  drain_events();
  const auto leaving = life_.leaving(gc_);
  if (!leaving->empty()) violated("what went is not forgotten");
  if (nameless_) return;
  const auto deploys = *life_.deploys();
  if (std::ranges::any_of(deploys, &DeployStanding::live)) violated("a version is live for ever");
  const auto view = *store_->read(nullptr);
  if (view.index().queue_count() > 0) violated("a queue is left that nobody holds");
  ++marks_["nothing left"];
}

/// Another instance takes the loop over.
void LifeWorld::take_loop(dagmanager::LoopFence& fence) {
  const std::string me = fence.loop + "-" + std::to_string(++instances_);
  const std::vector<dagmanager::LoopClaim> claims = {{fence.loop, {}}};
  const auto rows = loops_.renew(me, claims);
  const auto row = std::ranges::find(*rows, fence.loop, &dagmanager::LoopLease::loop);
  if (row->holder != me) {
    static_cast<void>(loops_.give_back(row->holder));
    const auto again = loops_.renew(me, claims);
    fence.fence = std::ranges::find(*again, fence.loop, &dagmanager::LoopLease::loop)->fence;
    return;
  }
  fence.fence = row->fence;
}

void LifeWorld::violated(const Violation& what) {
  if (violation_.empty()) violation_ = what;
}

}  // namespace weir::sim
