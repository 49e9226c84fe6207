// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/ports/monitors/completion_store.h"

#include <gmock/gmock.h>

#include <chrono>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "dagmanager/core/queues/queue_end.h"
#include "dagmanager/monitors/completion_watch.h"
#include "tests/conformance/graph_cases.h"
#include "tests/hand_clock.h"
#include "tests/must.h"

namespace weir::dagmanager {
namespace {

using test::Diff;
using test::make_binding;
using test::make_node;
using test::must;
using test::reason_of;
using test::succeeded;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

class CompletionStoreTest : public testing::TestWithParam<test::Adapter> {
 protected:
  GraphStore& store() { return engine_->store(); }
  CompletionStore& completion() { return engine_->completion(); }

  static NodeRecord tagged(const std::string& name) {
    NodeRecord node = make_node(name);
    node.tags = {"t"};
    return node;
  }
  void bind(const std::vector<std::string>& names) {
    std::vector<NodeRecord> nodes;
    for (const std::string& name : names) nodes.push_back(tagged(name));
    ASSERT_TRUE(succeeded(Diff(store(), binding_, nodes, test::at(0)).run()));
  }
  static QueueRecord queue_in(GraphStore& store, const std::string& name) {
    const auto view = must(store.read(nullptr));
    const RowId node = view.index().node(make_node(name).id).row();
    return view.index().queue(view.index().queues_of(node).front()).record();
  }
  RowId row(const std::string& name) { return queue_in(store(), name).row; }
  bool completed(const std::string& name) { return queue_in(store(), name).completed; }
  static QueueSilence silence(RowId row, std::int64_t size = 7) {
    return {.queue = row, .size = size, .lasted = std::chrono::milliseconds(120'001)};
  }

  Result<std::vector<RowId>> complete(const std::vector<std::string>& names) {
    CompletionChange change{.completed = {}, .resumed = {}, .at = test::at(5)};
    for (const std::string& name : names) change.completed.push_back(silence(row(name)));
    return completion().change(fence_, change);
  }
  Result<std::vector<RowId>> resume(const std::vector<std::string>& names) {
    CompletionChange change{.completed = {}, .resumed = {}, .at = test::at(6)};
    for (const std::string& name : names) change.resumed.push_back(row(name));
    return completion().change(fence_, change);
  }

  /// Events that came since it was asked last.
  std::vector<nlohmann::json> told() {
    std::vector<nlohmann::json> found;
    for (const PendingEvent& event : must(engine_->bus().pending(1000))) {
      found.push_back(nlohmann::json::parse(event.event.envelope)["data"]);
    }
    must(engine_->bus().publish(1000, test::at(0)));
    return found;
  }
  static std::vector<std::string> queues_of(const nlohmann::json& data) {
    std::vector<std::string> names;
    for (const auto& one : data["queues"]) names.push_back(one["queue"]);
    return names;
  }
  std::string topic(const std::string& name) { return queue_in(store(), name).topic.text(); }
  static int revision(const nlohmann::json& data) {
    const auto etag = data["etag"].get<std::string>();
    return std::stoi(etag.substr(etag.rfind(':') + 1));
  }

  test::HandClock clock_{Duration::zero(), test::at(0)};
  std::shared_ptr<const BindingContext> binding_ = make_binding("s", "w");
  std::unique_ptr<test::GraphEngine> engine_ = test::make_graph_engine(GetParam(), &clock_);
  LoopFence fence_ = test::hold_loop(engine_->loops(), kCompletionLoop);
};

TEST_P(CompletionStoreTest, TellsTheRemainingSetOnceAndThenTheWholeOne) {
  bind({"a", "b"});
  const auto bound = told();
  ASSERT_THAT(bound, SizeIs(1));
  const Epoch before = must(store().read(nullptr)).epoch();
  ASSERT_THAT(must(complete({"a"})), ElementsAre(row("a")));
  EXPECT_EQ(must(store().read(nullptr)).epoch(), before + 1);
  EXPECT_TRUE(completed("a"));
  EXPECT_FALSE(completed("b"));
  EXPECT_TRUE(queue_in(engine_->other_instance(), "a").completed);
  const auto rest = told();
  ASSERT_THAT(rest, SizeIs(1));
  EXPECT_EQ(rest[0]["type"], "QueueUpdated");
  EXPECT_EQ(rest[0]["tags"], nlohmann::json::array({"t"}));
  EXPECT_EQ(rest[0]["world_id"], "w");
  EXPECT_THAT(queues_of(rest[0]), ElementsAre(topic("b")));
  EXPECT_EQ(revision(rest[0]), revision(bound[0]) + 1);
  EXPECT_THAT(must(complete({"a"})), IsEmpty());
  EXPECT_THAT(told(), IsEmpty()) << "only once";
  ASSERT_THAT(must(resume({"a"})), ElementsAre(row("a")));
  EXPECT_FALSE(completed("a"));
  EXPECT_FALSE(queue_in(engine_->other_instance(), "a").completed);
  const auto whole = told();
  ASSERT_THAT(whole, SizeIs(1));
  EXPECT_THAT(queues_of(whole[0]), ElementsAre(topic("a"), topic("b")));
  EXPECT_EQ(revision(whole[0]), revision(rest[0]) + 1);
  EXPECT_THAT(must(resume({"a"})), IsEmpty());
  EXPECT_THAT(told(), IsEmpty());
}

TEST_P(CompletionStoreTest, TellsOneSetOfAllThatChangesTogether) {
  bind({"a", "b", "c"});
  told();
  ASSERT_THAT(must(complete({"c", "a"})), ElementsAre(row("a"), row("c")));
  const auto rest = told();
  ASSERT_THAT(rest, SizeIs(1));
  EXPECT_THAT(queues_of(rest[0]), ElementsAre(topic("b")));
  ASSERT_THAT(must(complete({"b"})), SizeIs(1));
  const auto none = told();
  ASSERT_THAT(none, SizeIs(1));
  EXPECT_THAT(queues_of(none[0]), IsEmpty());
}

TEST_P(CompletionStoreTest, IsLeftOutOfWhatDiffsTell) {
  bind({"a", "b"});
  told();
  ASSERT_THAT(must(complete({"a"})), SizeIs(1));
  told();
  bind({"c"});
  const auto grown = told();
  ASSERT_THAT(grown, SizeIs(1));
  EXPECT_THAT(queues_of(grown[0]), ElementsAre(topic("b"), topic("c")));
  ASSERT_TRUE(
      succeeded(Diff(engine_->other_instance(), binding_, {tagged("d")}, test::at(9)).run()));
  const auto elsewhere = told();
  ASSERT_THAT(elsewhere, SizeIs(1));
  EXPECT_THAT(queues_of(elsewhere[0]), ElementsAre(topic("b"), topic("c"), topic("d")));
}

TEST_P(CompletionStoreTest, IsLeftOutOfWhatACollectionTells) {
  bind({"a", "b", "c"});
  ASSERT_THAT(must(complete({"a"})), SizeIs(1));
  told();
  const LoopFence gc = test::hold_loop(engine_->loops(), "gc");
  Collection collection;
  collection.at = test::at(9);
  collection.queues = {{.queue = row("b"), .action = GcAction::Drop, .tag = "raw"}};
  ASSERT_THAT(must(engine_->life().collect(gc, collection)), SizeIs(1));
  const auto events = told();
  ASSERT_THAT(events, SizeIs(2));
  EXPECT_THAT(queues_of(events[1]), ElementsAre(topic("c")));
  EXPECT_TRUE(completed("a"));
}

TEST_P(CompletionStoreTest, LeavesAloneWhatIsNoActiveQueue) {
  bind({"a", "b"});
  told();
  const RowId gone = row("b") + 1000;
  CompletionChange change{
      .completed = {silence(gone)}, .resumed = {gone, row("a")}, .at = test::at(5)};
  EXPECT_THAT(must(completion().change(fence_, change)), IsEmpty());
  EXPECT_THAT(told(), IsEmpty());
  EXPECT_THAT(must(completion().silences(fence_)), IsEmpty());
}

TEST_P(CompletionStoreTest, RefusesADiffThatWasDecidedBeforeIt) {
  bind({"a", "b"});
  Diff slow(store(), binding_, {tagged("a")});
  slow.view().change().marks.push_back({row("a"), "third", test::at(9)});
  ASSERT_THAT(must(complete({"a"})), SizeIs(1));
  EXPECT_EQ(reason_of(slow.commit()), "graph_moved");
  EXPECT_TRUE(completed("a"));
}

TEST_P(CompletionStoreTest, KeepsNotesUntilTheyAreForgotten) {
  bind({"a", "b", "c"});
  ASSERT_TRUE(succeeded(completion().note(
      fence_, {.put = {silence(row("b"), 1), silence(row("c"), 2)}, .forgotten = {}})));
  ASSERT_THAT(must(complete({"a"})), SizeIs(1));
  EXPECT_THAT(must(completion().silences(fence_)),
              ElementsAre(silence(row("a")), silence(row("b"), 1), silence(row("c"), 2)));
  ASSERT_TRUE(succeeded(
      completion().note(fence_, {.put = {silence(row("b"), 3)}, .forgotten = {row("c")}})));
  ASSERT_THAT(must(complete({"b"})), SizeIs(1));
  ASSERT_THAT(must(resume({"a"})), SizeIs(1));
  EXPECT_THAT(must(completion().silences(fence_)), ElementsAre(silence(row("b"))));
}

TEST_P(CompletionStoreTest, DoesNothingWhereTheLoopIsAnothers) {
  bind({"a"});
  told();
  const LoopFence own = fence_;
  fence_.fence += 1;
  EXPECT_EQ(reason_of(complete({"a"})), kLoopLost);
  EXPECT_EQ(reason_of(completion().note(fence_, {.put = {silence(row("a"))}, .forgotten = {}})),
            kLoopLost);
  EXPECT_EQ(reason_of(completion().silences(fence_)), kLoopLost);
  fence_ = own;
  EXPECT_FALSE(completed("a"));
  EXPECT_THAT(must(completion().silences(fence_)), IsEmpty());
  EXPECT_THAT(told(), IsEmpty());
  EXPECT_THAT(must(complete({"a"})), SizeIs(1));
}

INSTANTIATE_TEST_SUITE_P(Adapters, CompletionStoreTest, test::all_adapters(), test::adapter_name);

}  // namespace
}  // namespace weir::dagmanager
