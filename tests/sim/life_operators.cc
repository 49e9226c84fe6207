// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <ranges>
#include <string_view>

#include "dagmanager/event_relay.h"
#include "dagmanager/rollouts/canary_executor.h"
#include "dagmanager/rollouts/rollout_service.h"
#include "graph/dag.h"
#include "server/log.h"
#include "tests/sim/life_process.h"
#include "tests/sim/life_world.h"

// What operators, the canary loop and the relay do in a simulated life.
namespace weir::sim {

using dagmanager::CanaryExecutor;
using dagmanager::CrossContextHit;
using dagmanager::EventRelay;
using dagmanager::HitState;
using dagmanager::HotfixDiff;
using dagmanager::MemoryGraph;
using dagmanager::RedoService;
using dagmanager::RolloutRecord;
using dagmanager::RolloutService;
using dagmanager::SentinelRecord;

namespace wire = dagmanager::wire;

namespace {

constexpr Duration kJudgeEvery = std::chrono::seconds(30);
constexpr int kFailureLimit = 2;
/// Older than what a collector leaves.
constexpr Duration kRipe = std::chrono::hours(24 * 30);
/// What it looks at, and its commit.
constexpr std::uint64_t kCallsOfARollback = 5;

/// The faults that callers are to expect.
constexpr std::array<std::string_view, 18> kNamed = {
    "graph_unavailable", "broker_unavailable", "create_timeout",         "graph_contended",
    "commit_unknown",    "cross_context",      "unknown_sentinel",       "world_required",
    "no_predecessor",    "queues_collected",   "cross_context_hit_open", "rollout_running",
    "weight_changed",    "state_changed",      "unknown_rollout",        "baseline_invalid",
    "unknown_hit",       "loop_lost"};

Violation unnamed(const Error& error) {
  const bool known = std::ranges::find(kNamed, error.reason()) != kNamed.end();
  return known ? "" : "an unnamed error: " + error.describe();
}

/// Nobody is told.
class SilentCanary final : public dagmanager::CanaryObserver {
 public:
  explicit SilentCanary(SimMarks& marks) : marks_(marks) {}
  void judged(dagmanager::Verdict verdict) override {
    ++marks_["judged: " + std::string(verdict_text(verdict))];
  }
  void rolled_back(const RolloutRecord&) override { ++marks_["rolled back by the loop"]; }
  void undecided(const RolloutRecord&) override { ++marks_["undecided for an hour"]; }

 private:
  SimMarks& marks_;
};

RedoService::Parts redo_parts(dagmanager::RedoStore& redo, GraphStore& graph, const Clock& clock,
                              std::function<Result<wire::DiffResult>(const HotfixDiff&)> run) {
  return {.redo = redo, .graph = graph, .clock = clock, .run = std::move(run)};
}

}  // namespace

std::optional<SentinelRecord> LifeWorld::any_sentinel() {
  std::optional<SentinelRecord> chosen;
  store_->look([&](const MemoryGraph& graph) {
    if (!graph.sentinels.empty()) chosen = graph.sentinels[random_.below(graph.sentinels.size())];
  });
  return chosen;
}

void LifeWorld::set_weight(int depth) {
  const auto sentinel = any_sentinel();
  if (!sentinel) return;
  Process process(*this, faults_, between(depth));
  dagmanager::WeightChange change{.request = {.sentinel = sentinel->id,
                                              .version = sentinel->version,
                                              .world = sentinel->world,
                                              .weight = static_cast<double>(random_.below(5)) / 4},
                                  .actor = "sim",
                                  .at = clock_.now()};
  if (random_.chance(40)) change.request.expect = sentinel->traffic_weight.value_or(0);
  const auto done = process.traffic.set_weight(change);
  tell("weight of " + sentinel->id.text() + " " + sentinel->version.text() + " to " +
           std::to_string(change.request.weight) + (done.ok() ? "" : done.error().describe()),
       depth);
  if (!done.ok()) {
    ++marks_["a weight: " + std::string(done.error().reason())];
    violated(unnamed(done.error()));
  }
}

void LifeWorld::redo(int depth) {
  const auto sentinel = any_sentinel();
  if (!sentinel) return;
  if (depth == 0 && random_.chance(15)) return roll_back_the_ripe();
  Process process(*this, faults_, between(depth));
  if (random_.chance(55)) {
    const auto back = roll_back(process, sentinel->id.text(), sentinel->world.text());
    tell("rollback of " + sentinel->id.text() + ": " +
             (back.ok() ? back->version() : back.error().describe()),
         depth);
    if (!back.ok()) return violated(unnamed(back.error()));
    ++marks_["rolled back"];
    if (violation_.empty()) check_rollback(*sentinel, graph::VersionLabel(back->version()));
    return;
  }
  RedoService service(
      redo_parts(process.redo, process.store, clock_,
                 [&](const HotfixDiff& hotfix) { return run_hotfix(process, hotfix); }));
  wire::RedoDiffRequest request;
  request.set_sentinel_id(sentinel->id.text());
  request.set_world_id(sentinel->world.text());
  request.set_dag_json(families_.hotfix(random_));
  const auto fixed = service.redo(request, "sim");
  tell("hotfix of " + sentinel->id.text() + ": " +
           (fixed.ok() ? fixed->version() : fixed.error().describe()),
       depth);
  if (!fixed.ok()) return violated(unnamed(fixed.error()));
  ++marks_["hotfix"];
}

/// One of whose sentinel other versions stand in its world; else any.
std::optional<SentinelRecord> LifeWorld::any_successor() {
  std::vector<SentinelRecord> found;
  store_->look([&](const MemoryGraph& graph) {
    for (const SentinelRecord& one : graph.sentinels) {
      const auto before = [&](const SentinelRecord& other) {
        return other.id == one.id && other.world == one.world && other.version != one.version;
      };
      if (std::ranges::any_of(graph.sentinels, before)) found.push_back(one);
    }
  });
  if (found.empty()) return any_sentinel();
  return found[random_.below(found.size())];
}

/// A rollback to a version whose queues any pass may take, while a collector passes at one of its
/// calls: it comes before the rollback has looked, between its look and its commit, or never.
void LifeWorld::roll_back_the_ripe() {
  const auto sentinel = any_successor();
  if (!sentinel) return;
  std::string strategy;
  store_->look([&](const MemoryGraph& graph) {
    const auto* deploy = graph.deploys.find(sentinel->deploy_key);
    if (deploy != nullptr) strategy = deploy->key.strategy.text();
  });
  tell("strategy " + strategy + " is let go of", 0);
  Process sound(*this, {}, {});
  std::vector<SentinelRecord> all;
  store_->look([&](const MemoryGraph& graph) { all = graph.sentinels; });
  for (const SentinelRecord& one : all) {
    if (one.id != sentinel->id || one.world != sentinel->world) continue;
    static_cast<void>(sound.traffic.set_weight(
        {.request = {.sentinel = one.id, .version = one.version, .world = one.world, .weight = 0},
         .actor = "sim",
         .at = clock_.now()}));
  }
  static_cast<void>(life_.end_deploys({.id = strategy, .actor = "sim", .at = clock_.now()}));
  collect(0, {});
  clock_.sleep_for(kRipe);
  auto calls_left = random_.below(kCallsOfARollback + 1);
  Process process(*this, {}, [&] {
    if (violation_.empty() && calls_left-- == 0) collect(1, {});
  });
  const std::size_t rows = audit_rows();
  const auto back = roll_back(process, sentinel->id.text(), sentinel->world.text());
  tell("rollback of " + sentinel->id.text() + ": " +
           (back.ok() ? back->version() : back.error().describe()),
       0);
  if (!back.ok()) {
    ++marks_["a rollback: " + std::string(back.error().reason())];
    return violated(unnamed(back.error()));
  }
  ++marks_["rolled back"];
  // One that was taken back before is only looked up, and may go a moment later; so may one whose
  // share somebody else took meanwhile.
  if (violation_.empty() && only_rolled_back_since(rows))
    check_rollback(*sentinel, graph::VersionLabel(back->version()));
}

Result<wire::DiffResult> LifeWorld::run_hotfix(Process& process, const HotfixDiff& hotfix) {
  WEIR_TRY(const auto outcome, run_diff(process, {.dag = hotfix.dag,
                                                  .fields = {hotfix.strategy, hotfix.context},
                                                  .handover = hotfix.handover,
                                                  .actor = "sim",
                                                  .request_hash = [] { return base::Digest{}; }}));
  wire::DiffResult result;
  result.set_version(outcome.answer.version.text());
  return result;
}

Result<wire::DiffResult> LifeWorld::roll_back(Process& process, const std::string& sentinel,
                                              const std::string& world) {
  RedoService service(redo_parts(process.redo, process.store, clock_, nullptr));
  wire::RedoDiffRequest request;
  request.set_sentinel_id(sentinel);
  request.set_world_id(world);
  request.set_rollback(true);
  return service.redo(request, "sim");
}

/// Once it is taken back, the same call gives the same answer, and nothing changes; what comes back
/// is there. Where a version without traffic was taken back, nothing holds what came back, and it
/// may be collected by now.
void LifeWorld::check_rollback(const SentinelRecord& taken, const graph::VersionLabel& back) {
  Process process(*this, {}, {});
  const std::size_t rows = audit_rows();
  const auto first = roll_back(process, taken.id.text(), taken.world.text());
  const auto second = roll_back(process, taken.id.text(), taken.world.text());
  for (const auto* repeat : {&first, &second}) {
    if (repeat->ok()) continue;
    const bool gone = repeat->error().reason() == "queues_collected";
    if (gone && !is_live(taken, back)) return;
    return violated("a rollback cannot be repeated: " + repeat->error().describe());
  }
  if (first->SerializeAsString() != second->SerializeAsString() &&
      (first->version() != second->version() ||
       first->queue_map_size() != second->queue_map_size())) {
    violated("a repeated rollback answers otherwise");
  }
  for (const auto& [key, topic] : second->queue_map()) check_handed_out(topic, "a rollback");
  if (audit_rows() != rows) violated("a repeated rollback changed something");
}

bool LifeWorld::is_live(const SentinelRecord& sentinel, const graph::VersionLabel& version) {
  bool live = false;
  store_->look([&](const MemoryGraph& graph) {
    live = std::ranges::any_of(graph.sentinels, [&](const SentinelRecord& one) {
      return one.id == sentinel.id && one.world == sentinel.world && one.version == version &&
             one.traffic_weight.value_or(0) > 0;
    });
    const dagmanager::RolloutSide side{sentinel.id, version};
    live = live || std::ranges::any_of(graph.rollouts, [&](const RolloutRecord& one) {
             return !one.rollout.ended() && one.world == sentinel.world &&
                    (one.candidate == side || one.baseline == side);
           });
  });
  return live;
}

bool LifeWorld::only_rolled_back_since(std::size_t rows) {
  bool only = false;
  store_->look([&](const MemoryGraph& graph) {
    const auto fresh = graph.audit | std::views::drop(rows);
    only = !fresh.empty() &&
           std::ranges::all_of(fresh, [](const auto& row) { return row.action == "rollback"; });
  });
  return only;
}

std::size_t LifeWorld::audit_rows() {
  std::size_t rows = 0;
  store_->look([&](const MemoryGraph& graph) { rows = graph.audit.size(); });
  return rows;
}

void LifeWorld::start_rollout(int depth) {
  const auto sentinel = any_sentinel();
  if (!sentinel) return;
  Process process(*this, faults_, between(depth));
  RolloutService service({.rollouts = process.rollouts,
                          .redo = process.redo,
                          .graph = process.store,
                          .clock = clock_,
                          .random = random_,
                          .gate = {},
                          .half_hold = std::chrono::minutes(2)});
  wire::StartRolloutRequest request;
  request.set_sentinel_id(sentinel->id.text());
  request.set_version(sentinel->version.text());
  request.set_world_id(sentinel->world.text());
  const auto baseline = any_sentinel();
  if (random_.chance(40) && baseline->world == sentinel->world) {
    request.set_baseline_sentinel_id(baseline->id.text());
    request.set_baseline_version(baseline->version.text());
  }
  for (const double weight : {0.25, 0.5, 1.0}) {
    if (weight < 1 && random_.chance(30)) continue;
    auto& step = *request.add_steps();
    step.set_weight(weight);
    step.set_hold_seconds(static_cast<std::int64_t>(random_.below(4)) * 30);
  }
  const auto begun = service.start(request, "sim");
  tell("rollout of " + sentinel->id.text() + " " + sentinel->version.text() + ": " +
           (begun.ok() ? begun->rollout_id() : begun.error().describe()),
       depth);
  ++marks_[begun.ok() ? "a rollout began" : "no rollout: " + std::string(begun.error().reason())];
  if (!begun.ok()) violated(unnamed(begun.error()));
}

/// One that has not ended, or now and then any.
std::string LifeWorld::some_rollout() {
  std::vector<std::string> ids;
  const bool any = random_.chance(20);
  store_->look([&](const MemoryGraph& graph) {
    for (const RolloutRecord& record : graph.rollouts) {
      if (any || !record.rollout.ended()) ids.push_back(record.id);
    }
  });
  return ids.empty() ? "" : ids[random_.below(ids.size())];
}

void LifeWorld::change_rollout(int depth) {
  static constexpr std::array<dagmanager::RolloutAction, 6> kActions = {
      dagmanager::RolloutAction::Pause,   dagmanager::RolloutAction::Resume,
      dagmanager::RolloutAction::Resume,  dagmanager::RolloutAction::Advance,
      dagmanager::RolloutAction::Advance, dagmanager::RolloutAction::Abort};
  const std::string id = some_rollout();
  if (id.empty()) return;
  Process process(*this, faults_, between(depth));
  const auto changed = process.rollouts.change({.id = id,
                                                .action = kActions[random_.below(kActions.size())],
                                                .actor = "sim",
                                                .at = clock_.now()});
  tell("an order to rollout " + id, depth);
  if (changed.ok()) {
    ++marks_["a rollout took an order"];
  } else {
    violated(unnamed(changed.error()));
  }
}

/// Some judgements, one after the other, by one instance or by several.
void LifeWorld::judge_rollouts(int depth) {
  tell("the canary loop judges", depth);
  const unsigned bad = random_.chance(60) ? 0 : 10 + static_cast<unsigned>(random_.below(60));
  const unsigned silent = random_.chance(60) ? 0 : 5 + static_cast<unsigned>(random_.below(30));
  for (auto left = 1 + random_.below(depth == 0 ? 8 : 2); left > 0; --left) {
    if (depth == 0) clock_.sleep_for(kJudgeEvery);
    judge_once(depth, faults_, bad, silent);
  }
}

void LifeWorld::judge_once(int depth, CallFaults faults, unsigned bad, unsigned silent) {
  if (judging_ > 0 || random_.chance(20)) take_loop(canary_);
  Process process(*this, faults, between(depth));
  SimMetrics metrics(
      random_, process.fate, [this](const std::string& query) { return gateway_share(query); }, bad,
      silent);
  SilentCanary observer(marks_);
  CanaryExecutor executor(
      {.policy = {.failure_limit = kFailureLimit, .interval = kJudgeEvery},
       .checks = {{.name = "errors", .query = "errors{v=\"$version\"}", .min = 0, .max = 1}}},
      {.rollouts = process.rollouts, .clock = clock_, .observer = observer, .metrics = &metrics});
  ++judging_;
  const auto pass = executor.run_once(dagmanager::LoopFence(canary_));
  --judging_;
  if (process.fate.crashed()) ++marks_["a judge died"];
  if (pass.ok()) return;
  if (pass.error().reason() == dagmanager::kLoopLost) ++marks_["a judge lost the loop"];
  violated(unnamed(pass.error()));
}

double LifeWorld::gateway_share(const std::string& query) const {
  double share = 0;
  store_->look([&](const MemoryGraph& graph) {
    for (const RolloutRecord& record : graph.rollouts) {
      const bool asked =
          query.find("\"" + record.candidate.sentinel.text() + "\"") != std::string::npos;
      if (asked && !record.rollout.ended()) share = weights_of(record.rollout).candidate;
    }
  });
  return share;
}

/// All that run go on to their end while all is well; then nobody has traffic any more.
void LifeWorld::end_rollouts() {
  Process process(*this, {}, {});
  const auto open = hits_.list(HitState::Open);
  for (const CrossContextHit& hit : *open) {
    static_cast<void>(process.hits.acknowledge(
        {.id = hit.id, .note = "the end", .actor = "sim", .at = clock_.now()}));
  }
  const auto unfinished = rollouts_.unfinished();
  for (const RolloutRecord& record : *unfinished) {
    static_cast<void>(process.rollouts.change({.id = record.id,
                                               .action = dagmanager::RolloutAction::Resume,
                                               .actor = "sim",
                                               .at = clock_.now()}));
  }
  for (int i = 0; i < 30 && !rollouts_.unfinished()->empty(); ++i) {
    clock_.sleep_for(kJudgeEvery);
    judge_once(0, {}, 0, 0);
  }
  if (!rollouts_.unfinished()->empty()) violated("a rollout never ends");
  std::vector<SentinelRecord> sentinels;
  store_->look([&](const MemoryGraph& graph) { sentinels = graph.sentinels; });
  for (const SentinelRecord& sentinel : sentinels) {
    const auto done = process.traffic.set_weight({.request = {.sentinel = sentinel.id,
                                                              .version = sentinel.version,
                                                              .world = sentinel.world,
                                                              .weight = 0},
                                                  .actor = "sim",
                                                  .at = clock_.now()});
    if (done.ok()) continue;
    // One without a world cannot be named where another of its id has one.
    if (done.error().reason() != "world_required")
      violated("at the end: " + done.error().describe());
    nameless_ = true;
  }
}

void LifeWorld::acknowledge(int depth) {
  const auto open = hits_.list(HitState::Open);
  if (open->empty()) return;
  Process process(*this, faults_, between(depth));
  for (const CrossContextHit& hit : *open) {
    const auto done = process.hits.acknowledge(
        {.id = hit.id, .note = "mended", .actor = "sim", .at = clock_.now()});
    if (!done.ok()) return violated(unnamed(done.error()));
  }
  ++marks_["hits acknowledged"];
}

/// One of two instances that publish: they share nothing but the store.
void LifeWorld::relay(CallFaults faults) {
  static server::Log silent({.level = server::LogLevel::Off});
  CallFate fate(random_, faults, {}, nullptr);
  SimBus bus(bus_, {fate, mistake_, *store_, watch_});
  bus.published = [this] {
    const auto page = log_->read("", 0, 1);
    if (published_.empty() || published_.back().first < page->newest) {
      published_.emplace_back(page->newest, clock_.now());
    }
  };
  EventRelay relay({bus, clock_, silent, retention_});
  const auto done = relay.run_once();
  if (!done.ok()) ++marks_["a relay that was cut off"];
  const auto page = log_->read("", 0, 1);
  std::int64_t before = 0;
  for (const auto& [upto, when] : published_) {
    const bool young = clock_.now() - when < retention_;
    if (young && before + 1 < page->oldest) violated("events went before their time");
    before = upto;
  }
}

void LifeWorld::follow_events() {
  if (random_.chance(60)) {
    while (eager_.read(1 + random_.below(40))) {
    }
  }
  if (random_.chance(15)) eager_.read_again();
  if (random_.chance(15)) static_cast<void>(lazy_.read(1 + random_.below(10)));
}

/// Everything is published and read, and fits.
void LifeWorld::drain_events() {
  relay({});
  if (bus_.backlog()->pending > 0) violated("events wait, though the relay passed");
  for (StreamReader* reader : {&eager_, &lazy_}) {
    while (violation_.empty() && reader->read(50)) {
    }
    store_->look([&](const MemoryGraph& graph) {
      if (violation_.empty()) reader->compare(graph);
    });
  }
  marks_["a reader began anew"] += eager_.resets() + lazy_.resets();
  marks_["rollouts that ended"] += watch_.ended();
}

}  // namespace weir::sim
