// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/ports/queues/buffering_store.h"

#include <gmock/gmock.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "dagmanager/queues/limits.h"
#include "dagmanager/queues/recompute_executor.h"
#include "tests/conformance/graph_cases.h"
#include "tests/hand_clock.h"
#include "tests/must.h"

namespace weir::dagmanager {
namespace {

using test::at;
using test::Diff;
using test::make_binding;
using test::make_node;
using test::reason_of;
using test::succeeded;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

class BufferingStoreTest : public testing::TestWithParam<test::Adapter> {
 protected:
  GraphStore& store() { return engine_->store(); }

  void bind(const std::vector<NodeRecord>& nodes) {
    ASSERT_TRUE(succeeded(Diff(store(), binding_, nodes, at(0)).run()));
    test::must(engine_->bus().publish(1000, at(0)));
  }
  QueueRecord queue(const std::string& name) { return queue_in(store(), name); }
  static QueueRecord queue_in(GraphStore& store, const std::string& name) {
    const auto view = test::must(store.read(nullptr));
    const RowId node = view.index().node(make_node(name).id).row();
    const auto queues = view.index().queues_of(node);
    return view.index().queue(queues.front()).record();
  }
  void mark(const std::string& name, const std::string& hash, std::optional<Instant> since) {
    Diff diff(store(), binding_, {make_node(name)});
    diff.view().change().marks.push_back({queue(name).row, hash, since});
    ASSERT_TRUE(succeeded(diff.commit()));
  }
  Result<std::vector<RowId>> recompute(Instant before, RowId after = 0, std::size_t limit = 100) {
    return engine_->buffering().recompute(
        fence_, {.before = before, .after = after, .limit = limit, .at = at(100)});
  }
  std::vector<nlohmann::json> told() {
    std::vector<nlohmann::json> found;
    for (const PendingEvent& event : test::must(engine_->bus().pending(1000))) {
      found.push_back(nlohmann::json::parse(event.event.envelope));
    }
    return found;
  }

  test::HandClock clock_{Duration::zero(), test::at(0)};
  std::shared_ptr<const BindingContext> binding_ = make_binding("s", "w");
  std::unique_ptr<test::GraphEngine> engine_ = test::make_graph_engine(GetParam(), &clock_);
  LoopFence fence_ = test::hold_loop(engine_->loops(), kRecomputeLoop);
};

TEST_P(BufferingStoreTest, OrdersWhatIsStrictlyOlderThanTheDelay) {
  bind({make_node("a")});
  mark("a", "next", at(7));
  const RowId row = queue("a").row;
  EXPECT_THAT(test::must(recompute(at(7))), IsEmpty()) << "as old as the delay, not older";
  EXPECT_TRUE(queue("a").buffering_since);
  EXPECT_FALSE(queue("a").recompute_due);
  EXPECT_THAT(test::must(recompute(at(7) + Duration(1))), ElementsAre(row));
}

TEST_P(BufferingStoreTest, FlagsTellsFollowsTheNewSchemaAndClearsTheMarkAtOnce) {
  bind({make_node("a"), make_node("b")});
  mark("a", "next", at(7));
  ASSERT_TRUE(test::must(engine_->other_instance().read(nullptr)).epoch() > 0);
  const Epoch before = test::must(store().read(nullptr)).epoch();
  const std::string other_before = queue("b").schema_hash;
  ASSERT_THAT(test::must(recompute(at(8))), SizeIs(1));
  EXPECT_EQ(test::must(store().read(nullptr)).epoch(), before + 1);
  for (GraphStore* seen : {&store(), &engine_->other_instance()}) {
    const QueueRecord a = queue_in(*seen, "a");
    EXPECT_TRUE(a.recompute_due);
    EXPECT_EQ(a.schema_hash, "next");
    EXPECT_EQ(a.pending_schema_hash, "");
    EXPECT_FALSE(a.buffering_since);
    const QueueRecord b = queue_in(*seen, "b");
    EXPECT_FALSE(b.recompute_due);
    EXPECT_EQ(b.schema_hash, other_before);
  }
  const auto events = told();
  ASSERT_THAT(events, SizeIs(1));
  EXPECT_EQ(events[0]["type"], "queue_lifecycle");
  const auto& data = events[0]["data"];
  EXPECT_EQ(data["queue"], queue("a").topic.text());
  EXPECT_EQ(data["action"], "recompute");
  EXPECT_EQ(data["reason"], "schema_changed");
  EXPECT_EQ(data["interval"], 60);
  EXPECT_EQ(data["tag"], graph::topic_type_name(queue("a").type));
  EXPECT_EQ(data["etag"], "ql:" + queue("a").topic.text() + ":recompute:schema_changed:1");
  EXPECT_THAT(test::must(recompute(at(1000))), IsEmpty()) << "only once";
  EXPECT_THAT(told(), SizeIs(1));
}

TEST_P(BufferingStoreTest, TakesTheHashThatWasAnnouncedLastForTheFirstMark) {
  bind({make_node("a")});
  mark("a", "second", at(7));
  mark("a", "third", at(50));
  EXPECT_EQ(queue("a").buffering_since, at(7)) << "the first mark wins";
  ASSERT_THAT(test::must(recompute(at(8))), SizeIs(1));
  EXPECT_EQ(queue("a").schema_hash, "third");
}

TEST_P(BufferingStoreTest, IsMarkedAnewAndOrderedAnew) {
  bind({make_node("a")});
  mark("a", "second", at(7));
  ASSERT_THAT(test::must(recompute(at(8))), SizeIs(1));
  mark("a", "third", at(20));
  EXPECT_FALSE(queue("a").recompute_due) << "it buffers again";
  EXPECT_EQ(queue("a").buffering_since, at(20));
  EXPECT_EQ(queue("a").schema_hash, "second");
  ASSERT_THAT(test::must(recompute(at(21))), SizeIs(1));
  EXPECT_TRUE(queue("a").recompute_due);
  const auto events = told();
  ASSERT_THAT(events, SizeIs(2));
  EXPECT_TRUE(events[1]["data"]["etag"].get<std::string>().ends_with(":2"));
}

TEST_P(BufferingStoreTest, RefusesADiffThatWasDecidedBeforeIt) {
  bind({make_node("a"), make_node("b")});
  mark("a", "second", at(7));
  Diff slow(store(), binding_, {make_node("a")});
  slow.view().change().marks.push_back({queue("a").row, "third", std::nullopt});
  Diff apart(store(), binding_, {make_node("b")});
  apart.view().change().marks.push_back({queue("b").row, "third", at(9)});
  ASSERT_THAT(test::must(recompute(at(8))), SizeIs(1));
  EXPECT_EQ(reason_of(slow.commit()), "graph_moved");
  EXPECT_EQ(queue("a").pending_schema_hash, "");
  EXPECT_TRUE(succeeded(apart.commit())) << "a diff of other nodes is not held up";
}

TEST_P(BufferingStoreTest, GoesOnBehindARow) {
  bind({make_node("a"), make_node("b"), make_node("c")});
  for (const char* name : {"a", "b", "c"}) mark(name, "next", at(7));
  const auto first = test::must(recompute(at(8), 0, 2));
  ASSERT_THAT(first, SizeIs(2));
  EXPECT_LT(first[0], first[1]);
  EXPECT_THAT(test::must(recompute(at(8), first[1], 2)), SizeIs(1));
  EXPECT_THAT(test::must(recompute(at(8), 0, 2)), IsEmpty());
}

TEST_P(BufferingStoreTest, DoesNothingWhereTheLoopIsAnothers) {
  bind({make_node("a")});
  mark("a", "next", at(7));
  const LoopFence own = fence_;
  fence_.fence += 1;
  EXPECT_EQ(reason_of(recompute(at(8))), kLoopLost);
  EXPECT_TRUE(queue("a").buffering_since);
  EXPECT_THAT(told(), IsEmpty());
  fence_ = own;
  EXPECT_THAT(test::must(recompute(at(8))), SizeIs(1));
}

TEST_P(BufferingStoreTest, IsPassedOverByALoopThatWaitsSevenDays) {
  bind({make_node("a")});
  RecomputeExecutor executor({engine_->buffering(), clock_}, kBufferingDelay);
  mark("a", "next", clock_.now());
  EXPECT_EQ(test::must(executor.run_once(fence_)), 0U);
  clock_.sleep_for(kBufferingDelay);
  EXPECT_EQ(test::must(executor.run_once(fence_)), 0U) << "seven days to the moment";
  clock_.sleep_for(Duration(1));
  EXPECT_EQ(test::must(executor.run_once(fence_)), 1U);
  EXPECT_EQ(test::must(executor.run_once(fence_)), 0U);
}

INSTANTIATE_TEST_SUITE_P(Adapters, BufferingStoreTest, test::all_adapters(), test::adapter_name);

}  // namespace
}  // namespace weir::dagmanager
