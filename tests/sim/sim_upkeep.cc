// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/sim_upkeep.h"

#include <algorithm>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "dagmanager/core/topics/limits.h"
#include "dagmanager/core/topics/topic_history.h"

namespace weir::sim {

using dagmanager::IntentRow;
using dagmanager::LoopFence;
using dagmanager::QueueRecord;
using dagmanager::QueueState;
using dagmanager::QueueView;
using dagmanager::RowId;
using dagmanager::SentinelGap;

/// What befalls the calls of one instance. While the store is held nobody else runs.
class SimUpkeep::Calls {
 public:
  Calls(base::SeededRandom& random, CallFaults faults, std::function<void()> between)
      : random_(random), faults_(faults), between_(std::move(between)) {}

  template <class Call>
  auto operator()(const char* reason, Call call) -> decltype(call()) {
    const Error lost = base::unavailable(reason, "the call was lost");
    if (dead_) return lost;
    if (between_ && !held_) between_();
    if (random_.chance(faults_.crash_before)) return die(lost);
    if (random_.chance(faults_.lost_before)) return lost;
    auto answer = call();
    if (dead_ || random_.chance(faults_.crash_after)) return die(lost);
    if (random_.chance(faults_.lost_after)) return lost;
    return answer;
  }
  /// Within a call that holds the store.
  template <class Call>
  auto held(Call call) -> decltype(call()) {
    held_ = true;
    auto answer = call();
    held_ = false;
    return answer;
  }
  bool strikes(unsigned percent) { return !dead_ && random_.chance(percent); }
  void meet(CallFaults faults, std::function<void()> between) {
    faults_ = faults;
    between_ = std::move(between);
  }
  bool dead() const { return dead_; }
  const CallFaults& faults() const { return faults_; }
  base::SeededRandom& random() { return random_; }

 private:
  Error die(const Error& lost) {
    dead_ = true;
    return lost;
  }

  base::SeededRandom& random_;
  CallFaults faults_;
  std::function<void()> between_;
  bool held_ = false;
  bool dead_ = false;
};

class SimUpkeep::Broker final : public TopicAdmin {
 public:
  Broker(TopicAdmin& inner, Calls& calls, UpkeepMistake mistake)
      : inner_(inner), calls_(calls), mistake_(mistake) {}

  Result<std::vector<CreateAnswer>> create(std::span<const TopicSpec> topics) override {
    std::vector<TopicSpec> specs(topics.begin(), topics.end());
    if (mistake_ == UpkeepMistake::MakesAnotherShape) {
      for (TopicSpec& spec : specs) spec.shape.partitions += 1;
    }
    return calls_(kDown, [&] { return inner_.create(specs); });
  }
  Result<std::vector<TopicSeen>> look(std::span<const graph::TopicName> topics) override {
    if (mistake_ == UpkeepMistake::LooksAway) return std::vector<TopicSeen>();
    return calls_(kDown, [&] { return inner_.look(topics); });
  }
  /// Now and then without the topics of a broker that is away.
  Result<std::vector<TopicSeen>> list() override {
    WEIR_TRY(auto listed, calls_(kDown, [&] { return inner_.list(); }));
    if (mistake_ == UpkeepMistake::TouchesTheUnowned) remove_unowned(listed);
    if (calls_.strikes(calls_.faults().lost_after) && !listed.empty()) {
      listed.resize(calls_.random().below(listed.size()));
    }
    return listed;
  }
  Result<std::vector<std::optional<std::int64_t>>> sizes(
      std::span<const graph::TopicName> topics) override {
    return calls_(kDown, [&] { return inner_.sizes(topics); });
  }
  Result<std::vector<bool>> remove(std::span<const graph::TopicName> topics) override {
    if (mistake_ == UpkeepMistake::RemovesNothing) return std::vector<bool>(topics.size(), true);
    if (calls_.strikes(calls_.faults().twice)) return std::vector<bool>(topics.size(), false);
    return calls_(kDown, [&] { return inner_.remove(topics); });
  }
  Result<int> broker_count() override { return inner_.broker_count(); }
  Result<void> ping() override { return inner_.ping(); }

  std::function<bool(const TopicSeen&)> is_unowned;

 private:
  static constexpr const char* kDown = "broker_unavailable";

  void remove_unowned(const std::vector<TopicSeen>& listed) {
    for (const TopicSeen& topic : listed) {
      if (is_unowned(topic)) (void)inner_.remove(std::span(&topic.topic, 1)).ok();
    }
  }

  TopicAdmin& inner_;
  Calls& calls_;
  UpkeepMistake mistake_;
};

class SimUpkeep::Store final : public dagmanager::TopicUpkeepStore {
 public:
  Store(dagmanager::MemoryTopicUpkeep& inner, dagmanager::MemoryGraphStore& graph, Calls& calls,
        UpkeepMistake mistake)
      : inner_(inner), graph_(graph), calls_(calls), mistake_(mistake) {}

  Result<std::vector<IntentRow>> intents(Instant before, std::size_t limit) override {
    return calls_(kDown, [&] { return inner_.intents(before, limit); });
  }
  Result<bool> start_dropping(const LoopFence& fence, RowId intent, Instant before) override {
    if (mistake_ == UpkeepMistake::TrustsItsList)
      return calls_(kDown, [] { return Result<bool>(true); });
    return calls_(kDown, [&] { return inner_.start_dropping(fence, intent, before); });
  }
  Result<bool> end_dropping(const LoopFence& fence, RowId intent, const Remove& remove) override {
    if (mistake_ == UpkeepMistake::TrustsItsList) return drop_whatever(intent, remove);
    return calls_(kDown, [&] {
      return calls_.held([&] { return inner_.end_dropping(fence, intent, mistaken(remove)); });
    });
  }
  Result<bool> while_active(const LoopFence& fence, RowId queue, const Held& call) override {
    return calls_(kDown, [&] {
      return calls_.held([&] { return inner_.while_active(fence, queue, call); });
    });
  }
  Result<std::vector<bool>> known(std::span<const graph::TopicName> names) override {
    return calls_(kDown, [&] { return inner_.known(names); });
  }
  Result<std::vector<SentinelGap>> sentinel_gaps(std::size_t limit) override {
    return calls_(kDown, [&] { return inner_.sentinel_gaps(limit); });
  }
  Result<void> mend_sentinel(const LoopFence& fence, const SentinelGap& gap,
                             const TopicLogRow& row) override {
    return calls_(kDown, [&] { return inner_.mend_sentinel(fence, gap, row); });
  }
  Result<std::vector<std::shared_ptr<const dagmanager::BindingContext>>> contexts() override {
    return calls_(kDown, [&] { return inner_.contexts(); });
  }
  Result<void> add_log(const LoopFence& fence, std::span<const TopicLogRow> rows) override {
    return calls_(kDown, [&] { return inner_.add_log(fence, rows); });
  }

 private:
  static constexpr const char* kDown = "graph_unavailable";

  Remove mistaken(const Remove& remove) const {
    return [this, &remove](const IntentRow& intent) -> Result<std::optional<TopicLogRow>> {
      WEIR_TRY(auto row, remove(intent));
      if (mistake_ == UpkeepMistake::KeepsTheName) row.reset();
      if (row && mistake_ == UpkeepMistake::LogsNoLoss) row->action = "nothing";
      return row;
    };
  }

  /// As the mistake has it: the row and its topic go as they were listed.
  Result<bool> drop_whatever(RowId row, const Remove& remove) {
    QueueRecord queue;
    graph_.look([&](const dagmanager::MemoryGraph& graph) {
      if (const QueueView view = graph.index.queue(row)) queue = view.record();
    });
    if (queue.row == 0) return false;
    IntentRow intent;
    intent.queue = queue.row;
    intent.topic = queue.topic;
    intent.shape = queue.shape;
    WEIR_TRY(const auto gone, calls_.held([&] { return remove(intent); }));
    if (!gone) return false;
    WEIR_CHECK(graph_.alter([&](dagmanager::MemoryGraph& graph, const auto&) -> Result<bool> {
      graph.index.remove_queue(row);
      return true;
    }));
    return true;
  }

  dagmanager::MemoryTopicUpkeep& inner_;
  dagmanager::MemoryGraphStore& graph_;
  Calls& calls_;
  UpkeepMistake mistake_;
};

/// One process that holds the loop, from its start to its death.
struct SimUpkeep::Instance final : dagmanager::ReconcileObserver {
  Instance(SimUpkeep& world, LoopFence held)
      : fence(std::move(held)),
        calls(world.parts_.random, {}, {}),
        store(world.upkeep_, world.parts_.store, calls, world.parts_.mistake),
        broker(world.parts_.broker, calls, world.parts_.mistake),
        marks(world.parts_.marks),
        dropped(world.dropped_),
        reconciler({world.parts_.store, store, broker, world.hits_, world.alerts_,
                    world.parts_.clock, *this}) {}

  void mended(dagmanager::MendKind kind) override {
    ++marks["mended: " + std::string(mend_kind_text(kind))];
    if (kind == dagmanager::MendKind::Dropped) ++dropped;
  }
  void sentinel_gaps(std::size_t) override {}
  void topics_unowned(std::size_t count) override {
    if (count > 0) ++marks["unowned topics counted"];
  }
  void topic_recreated(const graph::TopicName&) override {}
  Result<void> shared_topics(const std::vector<dagmanager::CrossContextViolation>&) override {
    return {};
  }

  LoopFence fence;
  Calls calls;
  Store store;
  Broker broker;
  SimMarks& marks;
  std::size_t& dropped;
  dagmanager::Reconciler reconciler;
};

SimUpkeep::SimUpkeep(Parts parts)
    : parts_(parts),
      leases_(parts_.clock),
      upkeep_(parts_.store, leases_),
      hits_(parts_.store, parts_.random),
      alerts_(leases_) {}

SimUpkeep::~SimUpkeep() = default;

void SimUpkeep::pass(const CallFaults& faults, const std::function<void()>& between) {
  if (std::exchange(passing_, true)) return;  // one holder at a time
  const std::string holder = "instance " + std::to_string(instances_ + (instance_ ? 0 : 1));
  if (!instance_) {
    if (instances_ > 0) (void)leases_.give_back("instance " + std::to_string(instances_)).ok();
    ++instances_;
  }
  const std::vector<dagmanager::LoopClaim> claims{{"reconciler"}};
  const auto leases = leases_.renew(holder, claims);
  const LoopFence fence{"reconciler", leases->front().fence};
  if (!instance_) {
    instance_ = std::make_unique<Instance>(*this, fence);
    instance_->broker.is_unowned = [this](const TopicSeen& topic) {
      bool owned = false;
      parts_.store.look([&](const dagmanager::MemoryGraph& graph) {
        const QueueView holding = graph.index.queue_by_topic(graph::topic_key(topic.topic));
        owned = holding && holding.topic() == topic.topic.view();
      });
      return !owned;
    };
  }
  instance_->calls.meet(faults, between);
  const auto done = instance_->reconciler.run_once(fence);
  passing_ = false;
  ++parts_.marks[done.ok() ? "a pass of the reconciler" : "a pass that was cut off"];
  if (!instance_->calls.dead()) return;
  ++parts_.marks["a reconciler died"];
  instance_.reset();
}

void SimUpkeep::sound_passes(int count) {
  for (int i = 0; i < count; ++i) pass({}, {});
}

std::string SimUpkeep::lose_a_topic() {
  std::vector<graph::TopicName> ours;
  parts_.store.look([&](const dagmanager::MemoryGraph& graph) {
    graph.index.for_each_queue([&](const QueueView& queue) {
      if (queue.is_active()) ours.emplace_back(queue.topic());
    });
  });
  if (ours.empty()) return {};
  const graph::TopicName& lost = ours[parts_.random.below(ours.size())];
  (void)parts_.broker.remove(std::span(&lost, 1)).ok();
  return lost.text();
}

bool SimUpkeep::any_leaving() const {
  bool leaving = false;
  parts_.store.look([&](const dagmanager::MemoryGraph& graph) {
    graph.index.for_each_queue(
        [&](const QueueView& queue) { leaving = leaving || queue.is_leaving(); });
  });
  return leaving;
}

Violation SimUpkeep::check_intents() const {
  const Instant before = parts_.clock.now() - dagmanager::kIntentAgeMax;
  dagmanager::MemoryTopicUpkeep upkeep = upkeep_;
  const auto left = upkeep.intents(before, SIZE_MAX);
  return left->empty() ? "" : "the reconciler left the intent of " + left->front().topic.text();
}

Violation SimUpkeep::check_log(const ForeignTopics& foreign) const {
  dagmanager::TopicHistory history;
  const auto log = parts_.store.topic_log(0, SIZE_MAX);
  std::size_t dropped = 0;
  for (const auto& [seq, row] : *log) {
    history.add(row);
    if (row.action == "dropped") ++dropped;
  }
  if (dropped < dropped_) return "a topic was dropped without a row";
  std::set<std::string> there;
  const auto listed = parts_.broker.list();
  for (const TopicSeen& topic : *listed) there.insert(topic.topic.text());
  Violation wrong;
  parts_.store.look([&](const dagmanager::MemoryGraph& graph) {
    for (const auto& [topic, row] : history.existing()) {
      if (there.contains(topic)) continue;
      const QueueView holder =
          graph.index.queue_by_topic(graph::topic_key(graph::TopicName(topic)));
      const bool goes = holder && holder.topic() == topic && holder.is_leaving();
      if (!goes) wrong = "logged, and not there: " + topic;
    }
    for (const std::string& topic : there) {
      const QueueView holder =
          graph.index.queue_by_topic(graph::topic_key(graph::TopicName(topic)));
      if (!holder || holder.topic() != topic || !holder.is_active()) continue;
      if (!history.existing().contains(topic)) wrong = "bound, and not logged: " + topic;
    }
    for (const auto& [topic, row] : history.existing()) {
      const QueueView holder =
          graph.index.queue_by_topic(graph::topic_key(graph::TopicName(topic)));
      if (!holder && !foreign.contains(topic)) wrong = "logged, and nobody's: " + topic;
    }
  });
  return wrong;
}

}  // namespace weir::sim
