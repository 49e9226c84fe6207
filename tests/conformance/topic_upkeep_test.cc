// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/ports/topics/topic_upkeep_store.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "dagmanager/core/monitors/alert_catalog.h"
#include "dagmanager/ports/loops/memory_loop_leases.h"
#include "dagmanager/ports/loops/postgres_loop_leases.h"
#include "dagmanager/ports/memory_graph_store.h"
#include "dagmanager/ports/memory_topic_admin.h"
#include "dagmanager/ports/monitors/memory_alert_store.h"
#include "dagmanager/ports/rollouts/memory_hit_store.h"
#include "dagmanager/ports/topics/memory_principal_store.h"
#include "dagmanager/ports/topics/memory_topic_rights.h"
#include "dagmanager/ports/topics/memory_topic_upkeep.h"
#include "dagmanager/ports/topics/postgres_principal_store.h"
#include "dagmanager/ports/topics/postgres_topic_upkeep.h"
#include "dagmanager/topics/reconciler.h"
#include "graph/dag_meta.h"
#include "tests/conformance/graph_cases.h"
#include "tests/conformance/postgres_engine.h"
#include "tests/hand_clock.h"
#include "tests/must.h"

namespace weir::dagmanager {
namespace {

using std::chrono::minutes;
using test::at;
using test::Diff;
using test::make_binding;
using test::make_deploy;
using test::make_node;
using test::make_sentinel;
using test::reason_of;
using test::succeeded;
using testing::ElementsAre;
using testing::IsEmpty;

/// Topics whose listing may fail or be cut short, and that may hold messages.
class MoodyTopics final : public TopicAdmin {
 public:
  Result<std::vector<CreateAnswer>> create(std::span<const TopicSpec> topics) override {
    return inner_.create(topics);
  }
  Result<std::vector<TopicSeen>> look(std::span<const graph::TopicName> topics) override {
    return inner_.look(topics);
  }
  Result<std::vector<TopicSeen>> list() override {
    if (fails) return base::unavailable("broker_unavailable", "no broker");
    auto listed = inner_.list();
    if (cut_short) listed->clear();
    return listed;
  }
  Result<std::vector<std::optional<std::int64_t>>> sizes(
      std::span<const graph::TopicName> topics) override {
    std::vector<std::optional<std::int64_t>> sizes;
    for (const graph::TopicName& topic : topics) sizes.emplace_back(held[topic.text()]);
    return sizes;
  }
  Result<std::vector<bool>> remove(std::span<const graph::TopicName> topics) override {
    if (keeps) return std::vector<bool>(topics.size(), false);
    return inner_.remove(topics);
  }
  Result<int> broker_count() override { return 3; }
  Result<void> ping() override { return {}; }

  bool fails = false;
  bool cut_short = false;
  bool keeps = false;
  std::map<std::string, std::int64_t> held;

 private:
  MemoryTopicAdmin inner_;
};

class Seen final : public ReconcileObserver {
 public:
  void mended(MendKind kind) override { ++mends[std::string(mend_kind_text(kind))]; }
  void sentinel_gaps(std::size_t count) override { gaps = count; }
  void topics_unowned(std::size_t count) override { unowned = count; }
  void topic_recreated(const graph::TopicName& topic) override {
    recreated.push_back(topic.text());
  }
  Result<void> shared_topics(const std::vector<CrossContextViolation>& violations) override {
    shared += violations.size();
    return {};
  }

  std::map<std::string, int> mends;
  std::optional<std::size_t> gaps;
  std::optional<std::size_t> unowned;
  std::vector<std::string> recreated;
  std::size_t shared = 0;
};

/// One graph, and what mends its topics.
class UpkeepEngine {
 public:
  virtual ~UpkeepEngine() = default;
  virtual GraphStore& store() = 0;
  virtual HitStore& hits() = 0;
  virtual LoopLeases& loops() = 0;
  virtual TopicUpkeepStore& upkeep() = 0;
  virtual PrincipalStore& principals() = 0;
  virtual AlertStore& alerts() = 0;
  /// Forgets every sentinel, as an accident would.
  virtual void lose_sentinels() = 0;
  /// Gives one queue's topic to another too, as no diff would. The store may be another one then.
  virtual void share_topic(const std::string& of, const std::string& with) = 0;
};

class MemoryUpkeep final : public UpkeepEngine {
 public:
  explicit MemoryUpkeep(const Clock& clock)
      : store_(test::must(MemoryGraphStore::open({}, random_))), loops_(clock) {}
  GraphStore& store() override { return *store_; }
  HitStore& hits() override { return hits_; }
  LoopLeases& loops() override { return loops_; }
  TopicUpkeepStore& upkeep() override { return upkeep_; }
  PrincipalStore& principals() override { return principals_; }
  AlertStore& alerts() override { return alerts_; }
  void lose_sentinels() override {
    ASSERT_TRUE(succeeded(store_->alter([](MemoryGraph& graph, const auto&) -> Result<bool> {
      graph.sentinels.clear();
      return true;
    })));
  }
  void share_topic(const std::string& of, const std::string& with) override {
    ASSERT_TRUE(succeeded(store_->alter([&](MemoryGraph& graph, const auto&) -> Result<bool> {
      const auto key = graph::topic_key(graph::TopicName(with));
      QueueRecord queue = graph.index.queue_by_topic(key).record();
      queue.topic = graph::TopicName(of);
      graph.index.put_queue(queue);
      return true;
    })));
  }

 private:
  test::SharedRandom random_{1};
  std::unique_ptr<MemoryGraphStore> store_;
  MemoryLoopLeases loops_;
  MemoryHitStore hits_{*store_, random_};
  MemoryTopicUpkeep upkeep_{*store_, loops_};
  MemoryPrincipalStore principals_{*store_, loops_};
  MemoryAlertStore alerts_{loops_};
};

class PostgresUpkeep final : public UpkeepEngine {
 public:
  GraphStore& store() override { return after_ ? after_->store() : instance_->store(); }
  HitStore& hits() override { return instance_->hits(); }
  LoopLeases& loops() override { return loops_; }
  TopicUpkeepStore& upkeep() override { return upkeep_; }
  PrincipalStore& principals() override { return principals_; }
  AlertStore& alerts() override { return instance_->alerts(); }
  void lose_sentinels() override {
    graph_.script(
        "DELETE FROM weir_dagmanager.sentinel; DELETE FROM weir_dagmanager.sentinel_deploy");
  }
  void share_topic(const std::string& of, const std::string& with) override {
    // Its unique key stays what it was.
    graph_.script("UPDATE weir_dagmanager.queue SET topic = '" + of + "' WHERE topic = '" + with +
                  "'");
    after_ = graph_.instance();
  }

 private:
  test::PostgresGraph graph_;
  std::unique_ptr<test::PostgresInstance> instance_ = graph_.instance();
  std::unique_ptr<test::PostgresInstance> after_;  // reads the graph anew
  PostgresLoopLeases loops_{instance_->pool()};
  PostgresTopicUpkeep upkeep_{instance_->pool()};
  PostgresPrincipalStore principals_{instance_->pool()};
};

class TopicUpkeepTest : public testing::TestWithParam<test::Adapter> {
 protected:
  TopicUpkeepTest() {
    if (GetParam() == test::Adapter::Memory) {
      engine_ = std::make_unique<MemoryUpkeep>(clock_);
    } else {
      engine_ = std::make_unique<PostgresUpkeep>();
    }
    const std::vector<LoopClaim> claims{{"reconciler"}};
    fence_ = {"reconciler", test::must(engine_->loops().renew("me", claims)).front().fence};
    make_reconciler();
  }

  void make_reconciler(TopicAcls acls = {}) {
    acls_ = std::move(acls);
    reconciler_.emplace(Reconciler::Parts{
        engine_->store(), engine_->upkeep(), topics_, engine_->hits(), engine_->alerts(), clock_,
        seen_, /*holds=*/nullptr,
        RightsMender::Parts{engine_->upkeep(), engine_->principals(), rights_, acls_}});
  }
  /// Who may do what, a line each: `w1.id-a User:x read`.
  std::vector<std::string> rights() {
    std::vector<std::string> lines;
    for (const TopicRight& one : test::must(rights_.list())) {
      lines.push_back(one.topic.text() + " " + one.principal + " " +
                      std::string(right_kind_text(one.kind)));
    }
    return lines;
  }
  void give(const std::string& topic, const std::string& principal, RightKind kind) {
    const std::vector<TopicRight> one = {{graph::TopicName(topic), principal, kind}};
    ASSERT_TRUE(succeeded(rights_.grant(one)));
  }

  Diff diff(const std::vector<std::string>& names, const std::string& strategy = "s1") {
    std::vector<NodeRecord> nodes;
    for (const std::string& name : names) nodes.push_back(make_node(name));
    return Diff(engine_->store(), make_binding(strategy, "w1"), nodes, clock_.now());
  }
  /// Names held by intents, and their topics, as a diff that died before its commit leaves them.
  void leave_behind(const std::vector<std::string>& names) {
    Diff died = diff(names);
    died.view().reserve();
    make_topics(died);
  }
  void make_topics(Diff& of) {
    std::vector<TopicSpec> specs;
    for (const TopicIntent& intent : of.batch().intents)
      specs.push_back({intent.topic, intent.shape});
    ASSERT_TRUE(succeeded(topics_.create(specs)));
  }
  void bind(const std::vector<std::string>& names) {
    Diff whole = diff(names);
    whole.view().reserve();
    make_topics(whole);
    ASSERT_TRUE(succeeded(whole.commit()));
  }
  Result<void> pass() {
    clock_.sleep_for(minutes(1));
    return reconciler_->run_once(fence_);
  }
  std::vector<std::string> broker() {
    std::vector<std::string> names;
    const auto listed = topics_.list();
    for (const TopicSeen& topic : *listed) names.push_back(topic.topic.text());
    std::ranges::sort(names);
    return names;
  }
  void remove(const std::string& topic) {
    ASSERT_TRUE(succeeded(topics_.remove(std::vector{graph::TopicName(topic)})));
  }
  std::vector<std::string> logged() {
    std::vector<std::string> lines;
    for (const auto& [seq, row] : test::must(engine_->store().topic_log(0, 1000))) {
      lines.push_back(row.action + " " + row.topic.text() + " " + row.result);
      if (row.actor != "loop:reconciler") lines.back() += " by " + row.actor;
    }
    return lines;
  }
  /// What stands, as alerts are made of it.
  std::vector<Condition> conditions() { return test::must(engine_->alerts().read()).conditions; }
  graph::TopicShape recorded(const std::string& topic) {
    const auto view = test::must(engine_->store().read(nullptr));
    return view.index().queue_by_topic(graph::topic_key(graph::TopicName(topic))).record().shape;
  }
  /// As if somebody had made the topic anew, in a shape of their own.
  void reshape(const std::string& topic, const graph::TopicShape& shape) {
    remove(topic);
    ASSERT_TRUE(succeeded(topics_.create(std::vector{TopicSpec{graph::TopicName(topic), shape}})));
  }
  std::size_t intents() {
    return test::must(engine_->upkeep().intents(Instant::max(), 1000)).size();
  }

  test::HandClock clock_{std::chrono::hours(1), at(0)};
  MoodyTopics topics_;
  TopicAcls acls_;
  MemoryTopicRights rights_;
  Seen seen_;
  std::unique_ptr<UpkeepEngine> engine_;
  LoopFence fence_;
  std::optional<Reconciler> reconciler_;
};

/// A topic whose maker died before it gave the rights has them from the next pass.
TEST_P(TopicUpkeepTest, GivesRightsThatLackAndSaysSo) {
  make_reconciler({.readers = {"User:r"}, .writers = {"User:w"}});
  bind({"a", "b"});
  give("w1.id-b", "User:r", RightKind::Read);
  ASSERT_TRUE(succeeded(pass()));
  EXPECT_THAT(rights(), ElementsAre("w1.id-a User:r read", "w1.id-a User:r describe",
                                    "w1.id-a User:w write", "w1.id-a User:w describe",
                                    "w1.id-b User:r read", "w1.id-b User:r describe",
                                    "w1.id-b User:w write", "w1.id-b User:w describe"));
  EXPECT_THAT(logged(),
              ElementsAre("acl w1.id-a User:r +read, User:r +describe, User:w +write, User:w "
                          "+describe",
                          "acl w1.id-b User:r +describe, User:w +write, User:w +describe"));
  ASSERT_TRUE(succeeded(pass()));
  EXPECT_EQ(seen_.mends["acl"], 2);
  EXPECT_THAT(test::must(engine_->principals().list()), ElementsAre("User:r", "User:w"));
}

TEST_P(TopicUpkeepTest, TakesTheRightsOfWhomItGaveThemAndOfNobodyElse) {
  make_reconciler({.readers = {"User:r", "User:w"}, .writers = {"User:w"}});
  bind({"a"});
  ASSERT_TRUE(succeeded(pass()));
  give("w1.id-a", "User:byhand", RightKind::Read);
  give("foreign", "User:r", RightKind::Read);
  make_reconciler({.readers = {}, .writers = {"User:w"}});
  ASSERT_TRUE(succeeded(pass()));
  EXPECT_THAT(rights(), ElementsAre("foreign User:r read", "w1.id-a User:byhand read",
                                    "w1.id-a User:w write", "w1.id-a User:w describe"));
  make_reconciler({});
  ASSERT_TRUE(succeeded(pass()));
  EXPECT_THAT(rights(), ElementsAre("foreign User:r read", "w1.id-a User:byhand read"));
  ASSERT_TRUE(succeeded(pass()));
  EXPECT_THAT(test::must(engine_->principals().list()), ElementsAre("User:r")) << "has one";
}

/// As somebody leaves them who gives them while the topic is being deleted.
TEST_P(TopicUpkeepTest, TakesRightsOnANameThatNothingKnows) {
  make_reconciler({.readers = {"User:r"}, .writers = {}});
  const std::string gone = "w1.btc_raw_00112233_v1";
  const std::string foreign = "w1.eth_raw_00112233_v1";
  ASSERT_TRUE(succeeded(topics_.create(std::vector{TopicSpec{graph::TopicName(foreign), {}}})));
  leave_behind({"a"});
  give(gone, "User:r", RightKind::Read);
  give(gone, "User:byhand", RightKind::Read);
  give(foreign, "User:r", RightKind::Read);
  give("w1.id-a", "User:r", RightKind::Read);
  give("not_ours", "User:r", RightKind::Read);
  ASSERT_TRUE(succeeded(pass()));
  EXPECT_EQ(rights().size(), 5U) << "what one listing misses may be there";
  ASSERT_TRUE(succeeded(pass()));
  EXPECT_THAT(rights(), ElementsAre("not_ours User:r read", gone + " User:byhand read",
                                    foreign + " User:r read", "w1.id-a User:r read"));
}

TEST_P(TopicUpkeepTest, RemembersWhomRightsWereGiven) {
  PrincipalStore& known = engine_->principals();
  EXPECT_THAT(test::must(known.list()), IsEmpty());
  ASSERT_TRUE(succeeded(known.add(std::vector<std::string>{"User:b", "User:a"})));
  ASSERT_TRUE(succeeded(known.add(std::vector<std::string>{"User:b", "User:c"})));
  ASSERT_TRUE(succeeded(known.add({})));
  EXPECT_THAT(test::must(known.list()), ElementsAre("User:a", "User:b", "User:c"));
  const std::vector<std::string> two = {"User:a", "User:c"};
  EXPECT_EQ(reason_of(known.drop({"reconciler", fence_.fence + 1}, two)), "loop_lost");
  ASSERT_TRUE(succeeded(known.drop(fence_, two)));
  ASSERT_TRUE(succeeded(known.drop(fence_, {})));
  EXPECT_THAT(test::must(known.list()), ElementsAre("User:b"));
}

TEST_P(TopicUpkeepTest, DropsWhatADeadDiffLeftBehindOnceItIsTenMinutesOld) {
  leave_behind({"a", "b"});
  bind({"c"});
  for (int i = 0; i < 9; ++i) ASSERT_TRUE(succeeded(pass()));
  EXPECT_THAT(broker(), ElementsAre("w1.id-a", "w1.id-b", "w1.id-c"));
  for (int i = 0; i < 2; ++i) ASSERT_TRUE(succeeded(pass()));
  EXPECT_THAT(broker(), ElementsAre("w1.id-c"));
  EXPECT_EQ(intents(), 0U);
  EXPECT_EQ(seen_.mends["dropped"], 2);
  EXPECT_THAT(logged(), ElementsAre("dropped w1.id-a ok", "dropped w1.id-b ok"));
}

TEST_P(TopicUpkeepTest, LeavesAnIntentAloneThatARepeatJoined) {
  leave_behind({"a"});
  clock_.sleep_for(minutes(9));
  Diff repeat = diff({"a"});
  repeat.view().reserve();
  ASSERT_TRUE(succeeded(pass()));
  ASSERT_TRUE(succeeded(pass()));
  EXPECT_EQ(intents(), 1U);
  ASSERT_TRUE(succeeded(repeat.commit()));
  EXPECT_EQ(intents(), 0U);
}

TEST_P(TopicUpkeepTest, KeepsTheCommitOfALateDiffFromAnIntentThatIsBeingDropped) {
  Diff late = diff({"a"});
  late.view().reserve();
  clock_.sleep_for(minutes(11));
  const RowId intent = late.reservation().outcomes.front().queue;
  EXPECT_TRUE(test::must(engine_->upkeep().start_dropping(fence_, intent, clock_.now())));
  EXPECT_FALSE(test::must(engine_->upkeep().start_dropping(fence_, intent, clock_.now())));
  EXPECT_EQ(reason_of(late.commit()), "graph_moved");
}

TEST_P(TopicUpkeepTest, TellsADiffThatANameIsLeavingAndGivesItOnceItHasLeft) {
  leave_behind({"a"});
  clock_.sleep_for(minutes(11));
  const RowId intent = test::must(engine_->upkeep().intents(clock_.now(), 10)).front().queue;
  ASSERT_TRUE(test::must(engine_->upkeep().start_dropping(fence_, intent, clock_.now())));
  Diff repeat = diff({"a"});
  repeat.view().reserve();
  const IntentOutcome told = repeat.reservation().outcomes.front();
  EXPECT_EQ(told.queue, 0);
  EXPECT_TRUE(told.leaving);
  ASSERT_TRUE(succeeded(pass()));  // as the next holder after a crash between the two steps
  EXPECT_THAT(broker(), IsEmpty());
  Diff again = diff({"a"});
  again.view().reserve();
  EXPECT_NE(again.reservation().outcomes.front().queue, 0);
  EXPECT_NE(again.reservation().outcomes.front().queue, intent);
  EXPECT_TRUE(succeeded(again.commit()));
}

TEST_P(TopicUpkeepTest, KeepsTheNameOfATopicThatIsNotSurelyGone) {
  leave_behind({"a"});
  clock_.sleep_for(minutes(11));
  topics_.keeps = true;
  ASSERT_TRUE(succeeded(pass()));
  EXPECT_EQ(intents(), 1U);
  EXPECT_THAT(logged(), IsEmpty());
  topics_.keeps = false;
  ASSERT_TRUE(succeeded(pass()));
  EXPECT_EQ(intents(), 0U);
  EXPECT_THAT(broker(), IsEmpty());
}

TEST_P(TopicUpkeepTest, DeletesNoTopicThatSomebodyWritesTo) {
  leave_behind({"a"});
  topics_.held["w1.id-a"] = 5;
  clock_.sleep_for(minutes(11));
  ASSERT_TRUE(succeeded(pass()));
  EXPECT_THAT(broker(), ElementsAre("w1.id-a"));
  EXPECT_EQ(intents(), 0U);
  EXPECT_THAT(logged(), ElementsAre("dropped w1.id-a left alone"));
}

TEST_P(TopicUpkeepTest, MakesALostTopicAgainAfterTwoListingsWithoutIt) {
  bind({"a", "b"});
  ASSERT_TRUE(succeeded(pass()));
  remove("w1.id-a");
  ASSERT_TRUE(succeeded(pass()));
  EXPECT_THAT(broker(), ElementsAre("w1.id-b"));
  ASSERT_TRUE(succeeded(pass()));
  EXPECT_THAT(broker(), ElementsAre("w1.id-a", "w1.id-b"));
  EXPECT_THAT(seen_.recreated, ElementsAre("w1.id-a"));
  EXPECT_THAT(logged(), ElementsAre("recreated w1.id-a ok"));
  const auto view = test::must(engine_->store().read(nullptr));
  const auto shape =
      view.index().queue_by_topic(graph::topic_key(graph::TopicName("w1.id-a"))).record().shape;
  const auto found = topics_.look(std::vector{graph::TopicName("w1.id-a")});
  EXPECT_EQ(found->front().shape, shape);
}

TEST_P(TopicUpkeepTest, SaysThatATopicIsLostForAsLongAsAnHourAfterItIsMadeAgain) {
  bind({"a"});
  reshape("w1.id-a", recorded("w1.id-a"));
  ASSERT_TRUE(succeeded(pass()));
  remove("w1.id-a");
  ASSERT_TRUE(succeeded(pass()));
  EXPECT_THAT(conditions(), IsEmpty()) << "one listing without it says nothing";
  ASSERT_TRUE(succeeded(pass()));
  const auto said = conditions();
  ASSERT_THAT(said, testing::SizeIs(1));
  EXPECT_EQ(said[0].key, (AlertKey{std::string(kTopicRecreated), "w1.id-a"}));
  EXPECT_EQ(said[0].topic, "w1.id-a");
  EXPECT_EQ(said[0].node, "id-a");
  EXPECT_EQ(said[0].until, clock_.now() + std::chrono::hours(1));
  ASSERT_TRUE(succeeded(pass()));
  EXPECT_EQ(conditions(), said) << "it happened once";
}

TEST_P(TopicUpkeepTest, SaysAtEachPassThatATopicHasOtherSettingsThanItsQueue) {
  bind({"a", "b"});
  for (const char* topic : {"w1.id-a", "w1.id-b"}) reshape(topic, recorded(topic));
  ASSERT_TRUE(succeeded(pass()));
  EXPECT_THAT(conditions(), IsEmpty());
  graph::TopicShape other = recorded("w1.id-a");
  other.partitions += 1;
  reshape("w1.id-a", other);
  ASSERT_TRUE(succeeded(pass()));
  auto said = conditions();
  ASSERT_THAT(said, testing::SizeIs(1));
  EXPECT_EQ(said[0].key, (AlertKey{std::string(kTopicMismatch), "w1.id-a"}));
  EXPECT_THAT(said[0].detail, testing::HasSubstr(std::to_string(other.partitions) + " partitions"));
  EXPECT_EQ(said[0].until, clock_.now() + std::chrono::hours(1));
  ASSERT_TRUE(succeeded(pass()));
  said = conditions();
  EXPECT_EQ(said[0].until, clock_.now() + std::chrono::hours(1)) << "still";
  reshape("w1.id-a", recorded("w1.id-a"));
  ASSERT_TRUE(succeeded(pass()));
  EXPECT_LT(conditions()[0].until, clock_.now() + std::chrono::hours(1)) << "it runs out";
  EXPECT_EQ(broker().size(), 2U) << "nothing was touched";
}

TEST_P(TopicUpkeepTest, MakesNothingAgainForAListingThatIsCutShort) {
  bind({"a"});
  for (int i = 0; i < 3; ++i) {
    topics_.cut_short = i % 2 == 0;
    ASSERT_TRUE(succeeded(pass()));
  }
  topics_.cut_short = true;  // and twice running: a look shows that it is there
  ASSERT_TRUE(succeeded(pass()));
  ASSERT_TRUE(succeeded(pass()));
  EXPECT_THAT(seen_.recreated, IsEmpty());
  EXPECT_THAT(logged(), IsEmpty());
}

TEST_P(TopicUpkeepTest, MendsNoTopicWithoutAListing) {
  bind({"a"});
  leave_behind({"b"});
  remove("w1.id-a");
  ASSERT_TRUE(succeeded(pass()));
  clock_.sleep_for(minutes(11));
  seen_.unowned.reset();
  topics_.fails = true;
  EXPECT_EQ(reason_of(pass()), "broker_unavailable");
  EXPECT_EQ(intents(), 1U);
  EXPECT_FALSE(seen_.unowned);
  topics_.fails = false;
  ASSERT_TRUE(succeeded(pass()));  // the first listing again
  EXPECT_THAT(seen_.recreated, IsEmpty());
  ASSERT_TRUE(succeeded(pass()));
  EXPECT_THAT(seen_.recreated, ElementsAre("w1.id-a"));
}

TEST_P(TopicUpkeepTest, CountsTopicsThatNobodyOwnsAndLeavesThem) {
  bind({"a"});
  leave_behind({"b"});
  std::vector<TopicSpec> others;
  for (const char* name :
       {"w1.btc_Indicator_0123abcd_v1", "orders", "w1.eth_RawFeed_00112233_v2"}) {
    others.push_back({graph::TopicName(name), {1, 1, 1000, ""}});
  }
  ASSERT_TRUE(succeeded(topics_.create(others)));
  ASSERT_TRUE(succeeded(pass()));
  EXPECT_EQ(seen_.unowned, 2U);
  clock_.sleep_for(minutes(30));
  ASSERT_TRUE(succeeded(pass()));
  EXPECT_EQ(broker().size(), 4U);
}

TEST_P(TopicUpkeepTest, KnowsEveryNameThatARowHolds) {
  bind({"a"});
  leave_behind({"b"});
  std::vector<graph::TopicName> names;
  for (const char* name : {"w1.id-a", "w1.id-b", "W1.id-a", "w1.id-c"}) names.emplace_back(name);
  EXPECT_THAT(test::must(engine_->upkeep().known(names)), ElementsAre(true, true, false, false));
}

TEST_P(TopicUpkeepTest, TellsTheContextsThatQueuesAreBoundIn) {
  bind({"a"});
  leave_behind({"b"});
  const auto contexts = test::must(engine_->upkeep().contexts());
  const auto same = [](const auto& context) { return *context == *make_binding("s1", "w1"); };
  EXPECT_EQ(std::ranges::count_if(contexts, same), 1);
}

TEST_P(TopicUpkeepTest, WritesALostSentinelFromItsDeploy) {
  const auto binding = make_binding("s1", "w1");
  Diff whole = diff({"a"});
  whole.view().reserve();
  make_topics(whole);
  const RowId row = whole.change().nodes.front().row;
  whole.change().deploy = make_deploy(*binding, "v1", {{row, "a", true}}, clock_.now());
  whole.change().deploy->sentinel_due = true;
  whole.change().sentinel = make_sentinel(*whole.change().deploy, 0.5);
  whole.change().sentinel->id = graph::sentinel_id(binding->strategy);
  ASSERT_TRUE(succeeded(whole.commit()));
  ASSERT_TRUE(succeeded(pass()));
  EXPECT_EQ(seen_.gaps, 0U);
  EXPECT_EQ(seen_.mends["sentinel"], 0);
  engine_->lose_sentinels();
  ASSERT_TRUE(succeeded(pass()));
  EXPECT_EQ(seen_.gaps, 1U);
  EXPECT_EQ(seen_.mends["sentinel"], 1);
  EXPECT_THAT(logged(), ElementsAre("sentinel  s1-sentinel@v1"));
  const auto sentinel = test::must(
      engine_->store().newest_sentinel(graph::SentinelId("s1-sentinel"), graph::WorldId("w1")));
  ASSERT_TRUE(sentinel);
  EXPECT_EQ(sentinel->version.text(), "v1");
  EXPECT_EQ(sentinel->deploy_key, whole.change().deploy->key.text());
  EXPECT_FALSE(sentinel->traffic_weight);
  ASSERT_TRUE(succeeded(pass()));
  EXPECT_EQ(seen_.gaps, 0U);
}

TEST_P(TopicUpkeepTest, FindsATopicThatTwoContextsShareUntilItIsMended) {
  bind({"a"});
  Diff other(engine_->store(), make_binding("s2", "w2"), {make_node("b")}, clock_.now());
  other.view().reserve();
  make_topics(other);
  ASSERT_TRUE(succeeded(other.commit()));
  ASSERT_TRUE(succeeded(pass()));
  EXPECT_EQ(seen_.shared, 0U);
  engine_->share_topic("w1.id-a", "w2.id-b");
  make_reconciler();
  ASSERT_TRUE(succeeded(pass()));
  ASSERT_TRUE(succeeded(pass()));
  const auto standing = test::must(engine_->hits().list(HitState::Open));
  ASSERT_EQ(standing.size(), 1U);
  EXPECT_EQ(standing[0].what.node.text(), "id-b");
  EXPECT_THAT(standing[0].what.wanted, testing::HasSubstr("world=w2"));
  EXPECT_THAT(standing[0].what.existing, testing::HasSubstr("world=w1"));
  EXPECT_EQ(standing[0].seen, 2) << "once a pass";
  EXPECT_EQ(seen_.shared, 2U);
  EXPECT_EQ(seen_.mends["hit"], 2);
  const std::string line = "hit  " + standing[0].what.wanted + " and " + standing[0].what.existing;
  EXPECT_THAT(logged(), ElementsAre(line)) << "once while it stands";

  ASSERT_TRUE(succeeded(engine_->hits().acknowledge(
      {.id = standing[0].id, .note = "mended", .actor = "me", .at = clock_.now()})));
  EXPECT_EQ(test::must(engine_->hits().open_count()), 0U);
  ASSERT_TRUE(succeeded(pass()));  // nothing was mended
  const auto again = test::must(engine_->hits().list(HitState::Open));
  ASSERT_EQ(again.size(), 1U);
  EXPECT_NE(again[0].id, standing[0].id);
  EXPECT_EQ(again[0].what, standing[0].what);
  EXPECT_THAT(logged(), ElementsAre(line, line));
}

TEST_P(TopicUpkeepTest, GivesWayToTheNextHolderOfTheLoop) {
  leave_behind({"a"});
  bind({"b"});
  clock_.sleep_for(minutes(11));
  const LoopFence before{fence_.loop, fence_.fence - 1};
  const RowId intent = test::must(engine_->upkeep().intents(clock_.now(), 10)).front().queue;
  EXPECT_EQ(reason_of(engine_->upkeep().start_dropping(before, intent, clock_.now())), kLoopLost);
  ASSERT_TRUE(test::must(engine_->upkeep().start_dropping(fence_, intent, clock_.now())));
  bool called = false;
  const auto remove = [&](const IntentRow&) -> Result<std::optional<TopicLogRow>> {
    called = true;
    return std::optional<TopicLogRow>();
  };
  EXPECT_EQ(reason_of(engine_->upkeep().end_dropping(before, intent, remove)), kLoopLost);
  EXPECT_EQ(reason_of(engine_->upkeep().add_log(before, std::vector<TopicLogRow>(1))), kLoopLost);
  EXPECT_EQ(reason_of(engine_->upkeep().mend_sentinel(before, {}, {})), kLoopLost);
  const auto held = [&]() -> Result<std::vector<TopicLogRow>> {
    called = true;
    return std::vector<TopicLogRow>();
  };
  EXPECT_EQ(reason_of(engine_->upkeep().while_active(before, intent, held)), kLoopLost);
  EXPECT_FALSE(test::must(engine_->upkeep().while_active(fence_, intent, held)));
  EXPECT_FALSE(called);
}

TEST_P(TopicUpkeepTest, WritesNothingWhereTheBrokerFailsInBetween) {
  leave_behind({"a"});
  clock_.sleep_for(minutes(11));
  const RowId intent = test::must(engine_->upkeep().intents(clock_.now(), 10)).front().queue;
  ASSERT_TRUE(test::must(engine_->upkeep().start_dropping(fence_, intent, clock_.now())));
  const auto fail = [](const IntentRow&) -> Result<std::optional<TopicLogRow>> {
    return base::unavailable("broker_unavailable", "no answer");
  };
  EXPECT_EQ(reason_of(engine_->upkeep().end_dropping(fence_, intent, fail)), "broker_unavailable");
  EXPECT_EQ(intents(), 1U);
  EXPECT_THAT(logged(), IsEmpty());
}

INSTANTIATE_TEST_SUITE_P(Adapters, TopicUpkeepTest, test::all_adapters(), test::adapter_name);

}  // namespace
}  // namespace weir::dagmanager
