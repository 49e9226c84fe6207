// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/sim_world.h"

#include <algorithm>
#include <array>
#include <utility>

#include "dagmanager/core/topics/limits.h"
#include "tests/sim/sim_mistakes.h"

namespace weir::sim {
namespace {

using dagmanager::Decision;
using dagmanager::DiffOutcome;
using dagmanager::GraphIndex;
using dagmanager::QueueRecord;
using dagmanager::QueueState;
using dagmanager::QueueView;

// Diffs of one history, those included that overtake others.
constexpr int kDiffsMax = 24;
constexpr int kOvertakingDepthMax = 2;
constexpr int kBrokerFaultsMax = 8;

}  // namespace

/// One executor from its start to its end or its death.
struct SimWorld::Process final : dagmanager::DiffObserver {
  Process(SimWorld& world, GraphStore& graph, TopicAdmin& topics, CallFaults faults,
          std::function<void()> between)
      : fate(world.random_, faults, std::move(between),
             world.traces_calls_ ? &world.trace_ : nullptr),
        store(graph, fate),
        admin(topics, fate),
        executor(world.config_, store, admin, world.clock_, world.random_, *this) {}

  void topics_wanted(std::size_t, std::size_t) override {}
  Result<void> cross_context(
      const std::vector<dagmanager::CrossContextViolation>& violations) override {
    hits += violations.size();
    return {};
  }
  Result<void> topics_mismatched(const std::vector<dagmanager::TopicLogRow>&) override {
    return {};
  }
  void decided_anew() override { ++anew; }

  CallFate fate;
  CrashingGraphStore store;
  CrashingTopicAdmin admin;
  dagmanager::DiffExecutor executor;
  int anew = 0;
  std::size_t hits = 0;
};

SimWorld::SimWorld(std::uint64_t seed, const GraphFamilies& families, SimMarks& marks,
                   SimMistake mistake, UpkeepMistake upkeep_mistake)
    : random_(seed), marks_(marks), mistake_(mistake) {
  auto store = dagmanager::MemoryGraphStore::open({.path = ""}, random_);
  kept_store_ = *std::move(store);
  store_ = make_mistaken(*kept_store_, mistake_ == SimMistake::LeavesOutAQueue,
                         mistake_ == SimMistake::SharesATakenName);
  broker_ = make_mistaken(kept_broker_, mistake_ == SimMistake::ForgetsATopic);
  upkeep_.emplace(SimUpkeep::Parts{.store = *kept_store_,
                                   .broker = *broker_,
                                   .clock = clock_,
                                   .random = random_,
                                   .marks = marks_,
                                   .mistake = upkeep_mistake});
  menu_ = families.menu(random_);
  known_.resize(menu_.size());
  choose_settings();
  if (foreigners_ > 0) plant_foreign_topics();
}

SimWorld::~SimWorld() = default;

/// Every kind of fault is on in half of the histories.
void SimWorld::choose_settings() {
  const auto percent = [&](unsigned most) {
    return random_.chance(50) ? 0U : 1 + static_cast<unsigned>(random_.below(most));
  };
  config_.policy.namespaces = random_.chance(60);
  config_.policy.cross_context = random_.chance(70) ? dagmanager::CrossContextPolicy::Isolate
                                                    : dagmanager::CrossContextPolicy::Block;
  config_.prod = random_.chance(40);
  faults_ = {.lost_before = percent(15),
             .lost_after = percent(15),
             .twice = percent(20),
             .crash_before = percent(12),
             .crash_after = percent(12)};
  overtaking_ = random_.chance(50) ? 0 : 5 + static_cast<unsigned>(random_.below(40));
  foreigners_ = random_.chance(60) ? 0 : 1 + static_cast<unsigned>(random_.below(8));
  const dagmanager::TopicFaults broker{.call_lost = percent(20),
                                       .reply_lost = percent(20),
                                       .time_out = percent(20),
                                       .part_failed = percent(20),
                                       .seen_late = percent(40),
                                       .late_looks = 2};
  faulty_broker_.emplace(*broker_, random_, broker,
                         static_cast<int>(random_.below(kBrokerFaultsMax)));
}

/// Topics that others made, under names that one of the commands will want.
void SimWorld::plant_foreign_topics() {
  const SimCommand& command = menu_[random_.below(menu_.size())];
  const auto scope = dagmanager::make_scope(*command.dag, command.fields, config_.policy);
  const auto plan = dagmanager::plan_diff(*command.dag, *scope, GraphIndex(), config_.policy);
  for (const dagmanager::PlannedNode& node : plan->nodes) {
    if (random_.chance(40)) plant_foreign_topic(node);
  }
}

/// A similar one, one of another shape, or the very topic.
void SimWorld::plant_foreign_topic(const dagmanager::PlannedNode& node) {
  TopicSpec spec{node.topic, config_.policy.shapes.at(static_cast<std::size_t>(node.type))};
  const auto kind = random_.below(3);
  if (kind == 0) {
    std::string similar = spec.topic.text();
    similar[0] = static_cast<char>(similar[0] ^ 0x20);  // the other case
    spec.topic = graph::TopicName(similar);
  } else if (kind == 1) {
    spec.shape.partitions += 4;
  }
  const auto made = kept_broker_.create(std::vector{spec});
  if (made->front() != CreateAnswer::Created) return;
  foreign_[spec.topic.text()] = spec.shape;
  trace_ += "somebody else makes " + spec.topic.text() + "\n";
}

/// What others do while an executor waits for an answer: a whole diff, often the very same one, or
/// a topic of their own.
void SimWorld::before_a_call(std::size_t command, int depth) {
  if (random_.chance(foreigners_)) plant_foreign_topics();
  if (depth >= kOvertakingDepthMax || !random_.chance(overtaking_)) return;
  if (random_.chance(20)) return reconcile(depth + 1);
  ++marks_["overtaken"];
  step(random_.chance(40) ? command : random_.below(menu_.size()), depth + 1);
}

Violation SimWorld::run() {
  const auto steps = 3 + random_.below(6);
  for (std::uint64_t i = 0; i < steps && violation_.empty(); ++i) {
    clock_.sleep_for(std::chrono::minutes(random_.below(40)));
    if (overtaking_ == 0) {
      watched_step();
    } else {
      step(random_.below(menu_.size()), 0);
    }
    check_standing();
    if (random_.chance(60)) upkeep_step();
  }
  if (violation_.empty()) finish();
  return violation_;
}

void SimWorld::step(std::size_t command, int depth) {
  if (diffs_ >= kDiffsMax || !violation_.empty()) return;
  ++diffs_;
  if (depth == 0 && random_.chance(15)) {
    plan_then_commit(command);
  } else if (depth == 0 && random_.chance(15)) {
    check_settled(command);
  } else {
    judge(command, run_diff(command, depth));
  }
}

/// A pass of the reconciler, with diffs between its calls.
void SimWorld::reconcile(int depth) {
  const ForeignTopics intents = left_intents();
  trace_ += std::string(static_cast<std::size_t>(depth) * 2, ' ') + "the reconciler passes\n";
  upkeep_->pass(faults_, [this, depth] { before_a_call(random_.below(menu_.size()), depth); });
  note_dropped(intents);
}

/// Passes that nothing befalls.
void SimWorld::reconcile_soundly(int passes) {
  const ForeignTopics intents = left_intents();
  upkeep_->sound_passes(passes);
  note_dropped(intents);
}

/// As they are named and shaped.
ForeignTopics SimWorld::left_intents() {
  ForeignTopics intents;
  kept_store_->look([&](const dagmanager::MemoryGraph& graph) {
    graph.index.for_each_queue([&](const QueueView& queue) {
      if (!queue.is_active()) intents[std::string(queue.topic())] = queue.record().shape;
    });
  });
  return intents;
}

/// A topic that somebody else made under an intent's very name and in its shape cannot be told from
/// the intent's own, and goes with it.
void SimWorld::note_dropped(const ForeignTopics& intents) {
  const auto topics = kept_broker_.list();
  ForeignTopics beside;
  std::erase_if(foreign_, [&](const auto& foreign) {
    const graph::TopicName name(foreign.first);
    const auto intent = intents.find(foreign.first);
    if (intent == intents.end() || intent->second != foreign.second) return false;
    if (std::ranges::find(*topics, name, &TopicSeen::topic) != topics->end()) return false;
    for (const TopicSeen& topic : *topics) {  // what a diff gave up because of it is nobody's
      const bool alike = graph::topic_key(topic.topic) == graph::topic_key(name);
      if (alike) beside[topic.topic.text()] = topic.shape;
    }
    return true;
  });
  foreign_.merge(beside);
}

/// The reconciler runs as it may, after an accident, or once all that was left is old.
void SimWorld::upkeep_step() {
  if (!violation_.empty()) return;
  const auto kind = random_.below(4);
  if (kind == 0 && foreigners_ == 0) {  // else somebody might take the lost one's name
    const std::string lost = upkeep_->lose_a_topic();
    trace_ += "the broker loses " + lost + "\n";
    ++marks_["a topic lost"];
    for (auto left = random_.below(3); left > 0; --left) reconcile(0);
    reconcile_soundly(2);
  } else if (kind == 1) {
    clock_.sleep_for(dagmanager::kIntentAgeMax + std::chrono::minutes(1));
    reconcile(kOvertakingDepthMax);
    reconcile_soundly(1);
    violated(upkeep_->check_intents());
    ++marks_["nothing left after ten minutes"];
  } else {
    reconcile(0);
  }
  check_standing();
}

/// A step that nobody overtakes: its events can be told apart, and it is one change at most.
void SimWorld::watched_step() {
  const std::size_t told_before = kept_store_->backlog().pending;
  const AskedQueries asked(kept_store_->read(nullptr)->index());
  const std::string graph_before = bound_graph();
  const dagmanager::Epoch epoch_before = kept_store_->read(nullptr)->epoch();
  step(random_.below(menu_.size()), 0);
  if (!violation_.empty()) return;
  const dagmanager::Epoch raised = kept_store_->read(nullptr)->epoch() - epoch_before;
  if (raised != (bound_graph() == graph_before ? 0 : 1)) violated("the epoch is not one further");
  auto events = kept_store_->pending_events(SIZE_MAX, "queue");
  if (events.size() == told_before) return;
  events.erase(events.begin(), events.begin() + static_cast<std::ptrdiff_t>(told_before));
  violated(asked.check(kept_store_->read(nullptr)->index(), events));
}

Result<DiffOutcome> SimWorld::run_diff(std::size_t command, int depth) {
  const auto between = [this, command, depth] { before_a_call(command, depth); };
  Process process(*this, *store_, *faulty_broker_, faults_, between);
  auto outcome = process.executor.run({.dag = menu_[command].dag,
                                       .fields = menu_[command].fields,
                                       .plan_only = false,
                                       .actor = "sim",
                                       .request_hash = [] { return base::Digest{}; }});
  note(process, outcome);
  trace_ += std::string(static_cast<std::size_t>(depth) * 2, ' ') + menu_[command].text + ": " +
            (outcome.ok() ? outcome->answer.answer_id() : outcome.error().describe()) +
            (process.fate.crashed() ? " (died)" : "") + "\n";
  return outcome;
}

/// plan_only changes nothing, and what it showed is what a commit right after it gives.
void SimWorld::plan_then_commit(std::size_t command) {
  if (upkeep_->any_leaving()) reconcile_soundly(1);  // else the commit may take the next name
  const std::string before = standing();
  const auto planned = run_soundly(command, true);
  if (wrote_ || standing() != before) violated("plan_only changed something");
  if (!planned.ok()) return judge_error(planned.error());
  const bool refused = std::ranges::any_of(
      planned->answer.decisions, [](const auto& row) { return row.decision == "refused"; });
  const auto committed = run_soundly(command, false);
  trace_ += "planned, then committed " + menu_[command].text + "\n";
  ++marks_["planned, then committed"];
  if (committed.ok() == refused) return violated("the commit did other than was planned");
  if (committed.ok() && foreign_.empty() &&
      answer_of(*planned).queue_map != answer_of(*committed).queue_map) {
    violated("the map is not the planned one");
  }
  judge(command, committed);
}

/// Where an outcome that wrote nothing is said to hold still, asking again writes nothing again.
void SimWorld::check_settled(std::size_t command) {
  const std::optional<dagmanager::DiffSummary>& settled = known_[command].settled;
  if (!settled) return;
  Process process(*this, *store_, *broker_, {}, {});
  const auto holds = process.executor.holds(*settled);
  if (!*holds) return;
  ++marks_["an answer that holds"];
  const std::string before = standing();
  judge(command, run_soundly(command, false));
  if (wrote_ || standing() != before) violated("an answer that was said to hold did not");
}

/// A diff that nothing befalls.
Result<DiffOutcome> SimWorld::run_soundly(std::size_t command, bool plan_only) {
  Process process(*this, *store_, *broker_, {}, {});
  auto outcome = process.executor.run({.dag = menu_[command].dag,
                                       .fields = menu_[command].fields,
                                       .plan_only = plan_only,
                                       .actor = "sim",
                                       .request_hash = [] { return base::Digest{}; }});
  if (plan_only && process.hits > 0) violated("plan_only counted a cross-context hit");
  if (!plan_only) note(process, outcome);
  wrote_ = process.fate.reserved() || process.fate.committed();
  return outcome;
}

void SimWorld::judge(std::size_t command, const Result<DiffOutcome>& outcome) {
  if (!violation_.empty()) return;
  if (!outcome.ok()) return judge_error(outcome.error());
  violated(check_answer(menu_[command], *outcome, *kept_store_));
  SimAnswer answer = answer_of(*outcome);
  std::optional<SimAnswer>& known = known_[command].answer;
  if (known && *known != answer) violated("a repeated diff answers otherwise");
  known = std::move(answer);
  if (outcome->summary.settled) known_[command].settled = outcome->summary;
  note_answer(*outcome);
}

void SimWorld::judge_error(const Error& error) {
  if (error.reason() == "cross_context") {
    ++marks_["refused under block"];
    if (config_.policy.cross_context != dagmanager::CrossContextPolicy::Block) {
      violated("refused though the policy isolates");
    }
    if (error.code() != Code::FailedPrecondition) violated("cross_context with another code");
    return;
  }
  static constexpr std::array<std::string_view, 4> kNamed = {
      "graph_unavailable", "broker_unavailable", "create_timeout", "graph_contended"};
  if (std::ranges::find(kNamed, error.reason()) == kNamed.end() ||
      error.code() != Code::Unavailable) {
    violated("an unnamed error: " + error.describe());
  }
}

void SimWorld::note(const Process& process, const Result<DiffOutcome>& outcome) {
  const CallFate& fate = process.fate;
  if (fate.crashed() && fate.reserved() && !fate.committed()) ++marks_["crash after intents"];
  if (fate.crashed() && fate.committed()) ++marks_["crash after the commit"];
  if (fate.joined()) ++marks_["joined an intent"];
  if (fate.refused_name()) ++marks_["name taken under the diff"];
  if (process.anew > 0) ++marks_["decided anew"];
  if (process.anew > 0 && outcome.ok()) ++marks_["decided anew, then done"];
  if (fate.lost_a_commit() && outcome.ok()) ++marks_["commit found again"];
  if (fate.joined() && finishing_) ++marks_["took over at the end"];
}

void SimWorld::note_answer(const DiffOutcome& outcome) {
  if (outcome.summary.buffered > 0) ++marks_["buffering"];
  if (outcome.sentinel_stored) ++marks_["sentinel stored"];
  if (outcome.scope.context().safe_mode) ++marks_["safe mode"];
  for (const dagmanager::AnswerEntry& entry : outcome.answer.entries) {
    const std::string& id = entry.node->node_id.text();
    const std::string hash = id.substr(id.starts_with("blake3:") ? 7 : 0, 8);
    if (entry.topic.text().find("_" + hash + "_v") == std::string::npos) {
      ++marks_["longer name"];
    }
  }
  for (const std::string& warning : outcome.answer.warnings) {
    if (warning.find("the next name is taken") != std::string::npos) {
      ++marks_["renamed beside a foreign topic"];
    }
    if (warning.find("adopted as it is") != std::string::npos) ++marks_["adopted another shape"];
    if (warning.starts_with("id_conflict")) ++marks_["id conflict"];
  }
}

void SimWorld::check_standing() {
  if (!violation_.empty()) return;
  const auto topics = kept_broker_.list();
  const auto view = kept_store_->read(nullptr);
  violated(check_graph(view->index(), *topics, foreign_));
  if (config_.prod) violated(check_shapes(view->index(), config_.policy.shapes));
  violated(compute_keys_.check(view->index()));
  violated(upkeep_->check_log(foreign_));
}

/// Without faults: everything is repeated twice. The first time takes over what was left, the
/// second writes nothing.
void SimWorld::finish() {
  finishing_ = true;
  if (upkeep_->any_leaving() || random_.chance(30)) reconcile_soundly(1);
  for (std::size_t command = 0; command < menu_.size() && violation_.empty(); ++command) {
    const auto first = run_soundly(command, false);
    judge(command, first);
    const std::string before = standing();
    const auto second = run_soundly(command, false);
    judge(command, second);
    if (first.ok() != second.ok()) violated("a repeat ends otherwise");
    if (wrote_ || standing() != before) violated("a repeat that changes nothing wrote something");
    if (!first.ok()) {
      known_[command].refused_at_the_end = true;
      if (first.error().reason() != "cross_context") {
        violated("without faults: " + first.error().describe());
      }
    }
  }
  check_standing();
  if (violation_.empty()) check_left_intents();
  const bool always_weighted = std::ranges::all_of(menu_, [](const SimCommand& command) {
    return !command.dag->sentinel || command.dag->sentinel->weight;
  });
  if (violation_.empty()) {
    violated(check_events(kept_store_->pending_events(SIZE_MAX, "queue"), always_weighted));
  }
}

/// Every intent was taken over, but for those of diffs that are refused by now, and of ids whose
/// content turned out to be another's.
void SimWorld::check_left_intents() {
  for (std::size_t command = 0; command < menu_.size(); ++command) {
    if (known_[command].refused_at_the_end) return;
    for (const graph::DagNode& node : menu_[command].dag->nodes) {
      if (node.node_id.text() == "shared") return;
    }
  }
  const auto view = kept_store_->read(nullptr);
  view->index().for_each_queue([&](const QueueView& queue) {
    if (!queue.is_active()) violated("an intent is left: " + std::string(queue.topic()));
  });
}

/// What the epoch speaks of: nodes, queues and marks.
std::string SimWorld::bound_graph() {
  const auto view = kept_store_->read(nullptr);
  std::string text = std::to_string(view->index().node_count()) + " nodes\n";
  view->index().for_each_queue([&](const QueueView& stored) {
    const QueueRecord queue = stored.record();
    if (queue.state != QueueState::Active) return;
    text += queue.topic.text() + " " + queue.pending_schema_hash + "\n";
  });
  return text;
}

/// All that a diff could have changed, as text.
std::string SimWorld::standing() {
  std::string text;
  const auto topics = kept_broker_.list();
  for (const TopicSeen& topic : *topics) text += topic.topic.text() + "\n";
  text += std::to_string(kept_store_->backlog().pending) + " events\n";
  const auto log = kept_store_->topic_log(0, SIZE_MAX);
  text += std::to_string(log->size()) + " log rows\n";
  const auto view = kept_store_->read(nullptr);
  text += std::to_string(view->epoch()) + ". epoch, ";
  text += std::to_string(view->index().node_count()) + " nodes\n";
  view->index().for_each_queue([&](const QueueView& stored) {
    const QueueRecord queue = stored.record();
    text += std::to_string(queue.row) + queue.topic.text() + queue.pending_schema_hash +
            (queue.state == QueueState::Active ? " active\n" : " intent\n");
  });
  return text;
}

void SimWorld::violated(const Violation& what) {
  if (violation_.empty()) violation_ = what;
}

}  // namespace weir::sim
