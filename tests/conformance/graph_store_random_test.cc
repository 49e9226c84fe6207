// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <deque>

#include "dagmanager/monitors/completion_watch.h"
#include "tests/conformance/graph_cases.h"
#include "tests/conformance/postgres_engine.h"

/// The same random commands against the memory store and the PostgreSQL store: what each answers,
/// and what it holds afterwards, must be equal after every one of them.
namespace weir::dagmanager {
namespace {

using base::SeededRandom;
using test::at;
using test::describe;
using test::make_binding;
using test::make_deploy;
using test::make_intent;
using test::make_node;
using test::make_query_node;
using test::make_sentinel;
using test::succeeded;

constexpr int kCommands = 1000;
constexpr int kFreshEvery = 50;
constexpr std::size_t kOpenDiffsMax = 6;
constexpr std::size_t kNodes = 40;
constexpr std::size_t kPlaces = 5;  // strategy and world
constexpr std::array kTags = {"btc", "eth", "price", "volume"};

/// A diff that has been reserved in both stores and is not committed yet.
struct OpenDiff {
  std::vector<std::size_t> nodes;  // numbers
  std::vector<std::size_t> asked;  // of these: an intent each, in order
  std::size_t place = 0;
  std::array<Epoch, 2> base{};
  std::array<std::vector<bool>, 2> known;  // by node
  std::array<std::vector<RowId>, 2> rows;  // of known nodes
  std::array<Reservation, 2> reserved;
};

class RandomGraph {
 public:
  /// The PostgreSQL side is `instances` of them; each command goes to one.
  RandomGraph(std::uint64_t seed, std::size_t instances) : random_(seed) {
    for (std::size_t i = 0; i < instances; ++i) instances_.push_back(graph_.instance());
    for (std::size_t i = 0; i < kNodes; ++i) nodes_.push_back(random_node(i));
    for (std::size_t i = 0; i < kPlaces; ++i) {
      places_.push_back(make_binding("s" + std::to_string(i % 2), "w" + std::to_string(i)));
    }
    fences_ = {test::hold_loop(memory_->loops(), kCompletionLoop),
               test::hold_loop(instances_[0]->loops(), kCompletionLoop)};
  }

  /// One command, the same to both stores.
  void step() {
    ++now_;
    turn_ = random_.below(instances_.size());
    switch (random_.below(11)) {
      case 0:
      case 1:
      case 2:
        return open_diff();
      case 3:
      case 4:
      case 5:
      case 6:
        return commit_diff();
      case 7:
        return mark();
      case 8:
        return store_deploy();
      case 9:
        return complete();
      default:
        return reserve_odd_name();
    }
  }

  void compare() {
    // An instance knows the intents that it reserved or met; one that begins now, all.
    const auto which = instances_.size() == 1 ? test::Shown::All : test::Shown::NoIntents;
    EXPECT_EQ(describe(store(0), which), describe(store(1), which));
    if (now_ % kFreshEvery == 0) {
      EXPECT_EQ(describe(store(0)), describe(graph_.instance()->store()));
    }
    for (const char* strategy : {"s0", "s1", "s2"}) {
      for (const char* world : {"", "w0", "w1", "w4"}) compare_newest(strategy, world);
    }
    compare_logs();
    compare_events();
  }

  int commits() const { return commits_; }
  int refusals() const { return refusals_; }
  int completions() const { return completions_; }

 private:
  GraphStore& store(std::size_t side) {
    return side == 0 ? memory_->store() : instances_[turn_]->store();
  }

  NodeRecord random_node(std::size_t number) {
    const std::string name = std::to_string(number);
    NodeRecord node =
        number % 5 == 0 ? make_query_node(name, kTags.at(number % kTags.size())) : make_node(name);
    node.tags = {kTags.at(random_.below(kTags.size())), kTags.at(random_.below(kTags.size()))};
    node.parts.interval = random_.chance(70) ? 60 : 300;
    node.global = random_.chance(20);
    if (random_.chance(30)) node.artifacts = {{"p" + name, "sha256:" + name, 5, "f", "d"}};
    return node;
  }

  std::vector<std::size_t> some_nodes() {
    std::vector<std::size_t> chosen;
    for (std::size_t i = 0; i < kNodes; ++i) {
      if (random_.chance(8)) chosen.push_back(i);
    }
    if (chosen.empty()) chosen.push_back(random_.below(kNodes));
    return chosen;
  }

  /// Names are few, so that bindings come into each other's way.
  std::string some_topic(std::size_t node, std::size_t place) {
    if (random_.chance(70)) return places_[place]->context.world_id + "." + std::to_string(node);
    return "common." + std::to_string(random_.below(5));
  }

  void open_diff() {
    if (open_.size() == kOpenDiffsMax) return commit_diff();
    OpenDiff diff;
    diff.nodes = some_nodes();
    diff.place = random_.below(kPlaces);
    IntentBatch batch;
    batch.diff_id = "diff " + std::to_string(now_);
    batch.binding = places_[diff.place];
    batch.at = at(now_);
    view(diff);
    for (const std::size_t node : diff.nodes) {
      const TopicIntent intent =
          make_intent(nodes_[node], *batch.binding, some_topic(node, diff.place));
      if (is_bound(intent)) continue;
      diff.asked.push_back(node);
      batch.intents.push_back(intent);
    }
    batch.new_nodes = static_cast<std::size_t>(std::ranges::count(diff.known[0], false));
    if (reserve(batch, diff.reserved)) open_.push_back(std::move(diff));
  }

  /// What both stores know when a diff is decided.
  void view(OpenDiff& diff) {
    for (std::size_t side = 0; side < 2; ++side) {
      const auto seen = store(side).read(nullptr);
      ASSERT_TRUE(succeeded(seen));
      diff.base[side] = seen->epoch();
      for (const std::size_t node : diff.nodes) {
        const NodeView stored = seen->index().node(nodes_[node].id);
        diff.known[side].push_back(bool(stored));
        diff.rows[side].push_back(stored ? stored.row() : 0);
      }
    }
    ASSERT_EQ(diff.known[0], diff.known[1]);
  }

  bool is_bound(const TopicIntent& intent) {
    const auto seen = store(0).read(nullptr);
    const QueueView queue = seen->index().queue_by_binding(intent.binding_key);
    return queue && queue.is_active();
  }

  bool reserve(const IntentBatch& batch, std::array<Reservation, 2>& reserved) {
    std::array<std::string, 2> told;
    for (std::size_t side = 0; side < 2; ++side) {
      auto answer = store(side).reserve(batch);
      if (!answer.ok()) {
        told[side] = answer.error().reason();
        continue;
      }
      for (const IntentOutcome& outcome : answer->outcomes) {
        told[side] += outcome.queue == 0 ? "taken " : outcome.joined ? "joined " : "new ";
      }
      told[side] += std::to_string(answer->node_rows.size());
      reserved[side] = *std::move(answer);
    }
    EXPECT_EQ(told[0], told[1]);
    return told[0] == told[1] && told[0] != "graph_moved";
  }

  void commit_diff() {
    if (open_.empty()) return;
    const std::size_t which = random_.below(open_.size());
    const OpenDiff diff = open_[which];
    open_.erase(open_.begin() + static_cast<std::ptrdiff_t>(which));
    const bool whole = random_.chance(90);  // else some of its nodes get no queue
    std::vector<bool> promoted;
    for (std::size_t i = 0; i < diff.asked.size(); ++i) {
      promoted.push_back(whole || random_.chance(50));
    }
    const std::optional<double> weight =
        random_.chance(50) ? std::optional(0.25 * static_cast<double>(random_.below(4)))
                           : std::nullopt;
    const std::string version = "v" + std::to_string(random_.below(3));
    commit([&](std::size_t side) {
      GraphChange change = make_change(diff, side, promoted);
      change.deploy =
          make_deploy(*places_[diff.place], version, deploy_nodes(diff, change), at(now_));
      if (weight || version == "v1") change.sentinel = make_sentinel(*change.deploy, weight);
      return change;
    });
  }

  GraphChange make_change(const OpenDiff& diff, std::size_t side,
                          const std::vector<bool>& promoted) {
    GraphChange change;
    change.diff_id = "diff";
    change.base = diff.base[side];
    change.binding = places_[diff.place];
    change.at = at(now_);
    std::vector<RowId> rows = diff.rows[side];
    std::size_t drawn = 0;
    for (std::size_t i = 0; i < diff.nodes.size(); ++i) {
      NodeRecord node = nodes_[diff.nodes[i]];
      change.dag_nodes.push_back(node.id.text());
      if (diff.known[side][i]) continue;
      node.row = rows[i] = diff.reserved[side].node_rows.at(drawn++);
      change.nodes.push_back(std::move(node));
    }
    for (std::size_t i = 0; i < diff.asked.size(); ++i) {
      const RowId queue = diff.reserved[side].outcomes.at(i).queue;
      if (queue == 0 || !promoted[i]) continue;
      const auto node = std::ranges::find(diff.nodes, diff.asked[i]) - diff.nodes.begin();
      add_queue(change, queue, rows[static_cast<std::size_t>(node)], diff.asked[i]);
    }
    return change;
  }

  void add_queue(GraphChange& change, RowId queue, RowId node, std::size_t number) {
    const auto count = static_cast<int>(number) + 1;
    change.queues.push_back({.queue = queue,
                             .node = node,
                             .shape = {count, 1, 1000 * count, "delete"},
                             .schema_hash = "schema",
                             .ttl_ms = count,
                             .lag_alert_seconds = 60});
    TopicLogRow row;
    row.topic = graph::TopicName("topic " + std::to_string(number));
    row.action = "create";
    row.at = at(now_);
    change.log.push_back(std::move(row));
  }

  static std::vector<DeployNode> deploy_nodes(const OpenDiff& diff, const GraphChange& change) {
    std::vector<DeployNode> nodes;
    for (const NodeRecord& node : change.nodes) nodes.push_back({node.row, node.name, true});
    nodes.push_back({0, std::to_string(diff.nodes.front()), false});
    return nodes;
  }

  /// Marks a queue in both stores: on what is known now, or on an older view.
  void mark() {
    const std::size_t node = random_.below(kNodes);
    const std::size_t place = random_.below(kPlaces);
    const bool begins = random_.chance(50);
    const Epoch late = static_cast<Epoch>(random_.below(3));
    const auto key = make_intent(nodes_[node], *places_[place]).binding_key;
    if (!is_bound(make_intent(nodes_[node], *places_[place]))) return;
    commit([&](std::size_t side) {
      const auto seen = store(side).read(nullptr);
      GraphChange change;
      change.diff_id = "mark";
      change.base = std::max<Epoch>(0, seen->epoch() - late);
      change.binding = places_[place];
      change.at = at(now_);
      change.dag_nodes = {nodes_[node].id.text()};
      change.marks = {{seen->index().queue_by_binding(key).row(), "hash " + std::to_string(now_),
                       begins ? std::optional(at(now_)) : std::nullopt}};
      return change;
    });
  }

  /// A diff that changes nothing but its deploy row and its sentinel.
  void store_deploy() {
    const std::size_t place = random_.below(kPlaces);
    const std::string version = "v" + std::to_string(random_.below(3));
    const bool due = random_.chance(50);
    const bool ended = random_.chance(20);
    const bool with_sentinel = random_.chance(50);
    const std::optional<double> weight =
        random_.chance(50) ? std::optional(0.5 * static_cast<double>(random_.below(3)))
                           : std::nullopt;
    commit([&](std::size_t side) {
      GraphChange change;
      change.diff_id = "deploy";
      change.binding = places_[place];
      change.at = at(now_);
      change.deploy = make_deploy(*places_[place], version, {{0, "n", false}}, at(now_));
      change.deploy->sentinel_due = due;
      if (ended) change.deploy->ended_at = at(now_);
      const auto seen = store(side).read(&change.deploy->key);
      change.base = seen->epoch();
      change.deploy_known = seen->deploy().has_value();
      if (with_sentinel) change.sentinel = make_sentinel(*change.deploy, weight);
      return change;
    });
  }

  /// A queue completes in both stores; one that had does no longer.
  void complete() {
    const std::size_t node = random_.below(kNodes);
    const TopicIntent meant = make_intent(nodes_[node], *places_[random_.below(kPlaces)]);
    if (!is_bound(meant)) return;
    for (std::size_t side = 0; side < 2; ++side) {
      CompletionChange change{.completed = {}, .resumed = {}, .at = at(now_)};
      {
        const auto seen = store(side).read(nullptr);
        const QueueView queue = seen->index().queue_by_binding(meant.binding_key);
        if (queue.completed()) {
          change.resumed = {queue.row()};
        } else {
          change.completed = {{.queue = queue.row(), .size = now_, .lasted = Duration::zero()}};
        }
      }
      CompletionStore& to = side == 0 ? memory_->completion() : instances_[turn_]->completion();
      const auto changed = to.change(fences_[side], change);
      ASSERT_TRUE(succeeded(changed));
      EXPECT_EQ(changed->size(), 1U);
    }
    ++completions_;
  }

  /// An intent alone, now and then one that gives up the name its binding holds.
  void reserve_odd_name() {
    const std::size_t node = random_.below(kNodes);
    const std::size_t place = random_.below(kPlaces);
    IntentBatch batch;
    batch.diff_id = "odd";
    batch.binding = places_[place];
    batch.at = at(now_);
    TopicIntent intent =
        make_intent(nodes_[node], *places_[place], "odd." + std::to_string(random_.below(8)));
    {
      const auto seen = store(0).read(nullptr);
      const QueueView own = seen->index().queue_by_binding(intent.binding_key);
      if (own && random_.chance(60)) intent.gives_up = graph::TopicName(own.topic());
    }
    batch.intents.push_back(std::move(intent));
    // As before each diff: what other instances stored is known when names are reserved.
    ASSERT_TRUE(succeeded(store(1).read(nullptr)));
    std::array<Reservation, 2> reserved;
    reserve(batch, reserved);
  }

  template <class Make>
  void commit(Make make) {
    std::array<std::string, 2> told;
    for (std::size_t side = 0; side < 2; ++side) {
      const auto committed = store(side).commit(make(side));
      told[side] = committed.ok() ? "epoch " + std::to_string(committed->epoch) + ", events " +
                                        std::to_string(committed->events)
                                  : committed.error().reason();
    }
    EXPECT_EQ(told[0], told[1]);
    ++(told[0] == "graph_moved" ? refusals_ : commits_);
  }

  void compare_newest(const char* strategy, const char* world) {
    std::array<std::string, 2> told;
    for (std::size_t side = 0; side < 2; ++side) {
      const bool any = *world == '\0';
      const auto deploy = store(side).newest_deploy(
          graph::StrategyId(strategy),
          any ? std::nullopt : std::optional<graph::WorldId>(graph::WorldId(world)));
      const auto sentinel = store(side).newest_sentinel(
          graph::SentinelId(std::string(strategy) + "-sentinel"), graph::WorldId(world));
      ASSERT_TRUE(succeeded(deploy));
      ASSERT_TRUE(succeeded(sentinel));
      const auto seen = store(side).read(nullptr);
      if (*deploy) told[side] = describe(**deploy, seen->index());
      if (*sentinel) told[side] += describe(**sentinel);
    }
    EXPECT_EQ(told[0], told[1]);
  }

  /// How many events there are, always; what they say, now and then, since it is long.
  void compare_events() {
    const auto told = memory_->bus().backlog();
    const auto shared = instances_[turn_]->bus().backlog();
    ASSERT_TRUE(succeeded(told));
    ASSERT_TRUE(succeeded(shared));
    EXPECT_EQ(told->pending, shared->pending);
    if (now_ % kFreshEvery == 0) {
      EXPECT_EQ(describe(memory_->bus()), describe(instances_[turn_]->bus()));
    }
  }

  /// Rows since the last time: sequences may have gaps, their order may not differ.
  void compare_logs() {
    std::array<std::vector<TopicLogRow>, 2> rows;
    for (std::size_t side = 0; side < 2; ++side) {
      const auto log = store(side).topic_log(logged_[side], 10'000);
      ASSERT_TRUE(succeeded(log));
      for (const auto& [seq, row] : *log) {
        EXPECT_GT(seq, logged_[side]);
        logged_[side] = seq;
        rows[side].push_back(row);
      }
    }
    EXPECT_TRUE(rows[0] == rows[1]);
  }

  SeededRandom random_;
  std::unique_ptr<test::GraphEngine> memory_ = test::make_graph_engine(test::Adapter::Memory);
  test::PostgresGraph graph_;
  std::vector<std::unique_ptr<test::PostgresInstance>> instances_;
  std::size_t turn_ = 0;
  std::vector<NodeRecord> nodes_;
  std::vector<std::shared_ptr<const BindingContext>> places_;
  std::deque<OpenDiff> open_;
  std::array<RowId, 2> logged_{};
  std::array<LoopFence, 2> fences_;
  int now_ = 0;
  int commits_ = 0;
  int refusals_ = 0;
  int completions_ = 0;
};

void run_random(std::size_t instances) {
  RandomGraph graph(test::test_seed(), instances);
  for (int i = 0; i < kCommands && !testing::Test::HasFailure(); ++i) {
    SCOPED_TRACE("command " + std::to_string(i));
    graph.step();
    graph.compare();
  }
  // Else the commands came to nothing.
  EXPECT_GT(graph.commits(), kCommands / 5);
  EXPECT_GT(graph.refusals(), kCommands / 100);
  EXPECT_GT(graph.completions(), kCommands / 100);
}

TEST(GraphStoreRandom, HoldsTheSameInEveryEngineAfterEachOfAThousandCommands) { run_random(1); }

TEST(GraphStoreRandom, HoldsTheSameInMemoryAsInSeveralInstancesOnOneDatabase) { run_random(3); }

}  // namespace
}  // namespace weir::dagmanager
