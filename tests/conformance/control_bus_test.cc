// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/ports/control_bus.h"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>
#include <set>

#include "tests/conformance/graph_cases.h"

namespace weir::dagmanager {
namespace {

using nlohmann::json;
using test::at;
using test::Diff;
using test::make_binding;
using test::make_deploy;
using test::make_node;
using test::make_query_node;
using test::make_sentinel;
using test::succeeded;

constexpr std::size_t kAll = 100'000;

class ControlBusTest : public testing::TestWithParam<test::Adapter> {
 protected:
  ControlBusTest()
      : engine_(test::make_graph_engine(GetParam())),
        store_(engine_->store()),
        bus_(engine_->bus()) {}

  std::vector<PendingEvent> pending(std::size_t limit = kAll) {
    auto events = bus_.pending(limit);
    EXPECT_TRUE(succeeded(events));
    return events.ok() ? *events : std::vector<PendingEvent>();
  }
  /// The data of the last event about exactly these tags.
  json last_about(const std::vector<std::string>& tags) {
    json last;
    for (const PendingEvent& event : pending()) {
      const json data = json::parse(event.event.envelope)["data"];
      if (data["tags"] == json(tags)) last = data;
    }
    return last;
  }
  void store_sentinel(const char* version, std::optional<double> weight,
                      std::size_t events_expected) {
    Diff diff(store_, binding_, {}, at(60));
    diff.view().change().deploy = make_deploy(*binding_, version, {}, at(60));
    diff.change().sentinel = make_sentinel(*diff.change().deploy, weight);
    const auto committed = diff.commit();
    ASSERT_TRUE(succeeded(committed));
    EXPECT_EQ(committed->events, events_expected) << version;
  }

  std::unique_ptr<test::GraphEngine> engine_;
  GraphStore& store_;
  ControlBus& bus_;
  std::shared_ptr<const BindingContext> binding_ = make_binding("s1", "w1");
};

TEST_P(ControlBusTest, HasNothingToTellAtFirst) {
  EXPECT_TRUE(pending().empty());
  const auto backlog = bus_.backlog();
  ASSERT_TRUE(succeeded(backlog));
  EXPECT_EQ(backlog->pending, 0U);
}

TEST_P(ControlBusTest, TellsTheWholeAnswerOfAQueryThatIsAsked) {
  ASSERT_TRUE(succeeded(Diff(store_, binding_, {make_query_node("q", "btc")}).run()));
  ASSERT_TRUE(succeeded(Diff(store_, binding_, {make_node("a")}, at(1)).run()));
  NodeRecord global = make_node("b");
  global.global = true;
  ASSERT_TRUE(succeeded(Diff(store_, binding_, {global}, at(2)).run()));

  const json data = last_about({"btc"});
  EXPECT_EQ(data["type"], "QueueUpdated");
  EXPECT_EQ(data["interval"], 60);
  EXPECT_EQ(data["match_mode"], "any");
  EXPECT_EQ(data["world_id"], "w1");
  EXPECT_EQ(data["execution_domain"], "live");
  EXPECT_EQ(data["queues"], json::parse(R"([{"queue":"w1.id-a","global":false},
                                            {"queue":"w1.id-b","global":true}])"));
  EXPECT_EQ(data["etag"], "q:btc:60:2");
}

/// Of an event about btc every minute: `q:btc:60:<revision>`.
TEST_P(ControlBusTest, CountsOneRevisionForTheSetsOfATagListForConsumersKeepOneEtag) {
  const auto other = make_binding("s1", "w2");
  ASSERT_TRUE(succeeded(Diff(store_, binding_, {make_query_node("q", "btc")}).run()));
  ASSERT_TRUE(succeeded(Diff(store_, other, {make_query_node("q", "btc")}).run()));
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(succeeded(Diff(store_, binding_, {make_node("a" + std::to_string(i))}).run()));
  }
  ASSERT_TRUE(succeeded(Diff(store_, other, {make_node("a0")}).run()));
  EXPECT_EQ(last_about({"btc"})["world_id"], "w2");
  EXPECT_EQ(last_about({"btc"})["etag"], "q:btc:60:4");
  ASSERT_TRUE(succeeded(Diff(store_, binding_, {make_node("a9")}).run()));
  EXPECT_EQ(last_about({"btc"})["etag"], "q:btc:60:5");
}

TEST_P(ControlBusTest, TellsTwoModesOfATagListInOneChangeUnderTwoRevisions) {
  NodeRecord all = make_query_node("p", "btc");
  all.query->match_all = true;
  ASSERT_TRUE(succeeded(Diff(store_, binding_, {make_query_node("q", "btc"), all}).run()));
  ASSERT_TRUE(succeeded(Diff(store_, binding_, {make_node("a")}).run()));
  ASSERT_TRUE(succeeded(Diff(store_, binding_, {make_node("b")}).run()));
  std::vector<std::string> etags;
  std::set<std::string> modes;
  for (const PendingEvent& event : pending()) {
    const json data = json::parse(event.event.envelope)["data"];
    if (data["tags"] != json({"btc"})) continue;
    etags.push_back(data["etag"]);
    modes.insert(data["match_mode"]);
  }
  EXPECT_EQ(etags,
            (std::vector<std::string>{"q:btc:60:1", "q:btc:60:2", "q:btc:60:3", "q:btc:60:4"}));
  EXPECT_EQ(modes, (std::set<std::string>{"all", "any"}));
}

TEST_P(ControlBusTest, TellsAWeightThatDiffersOrAVersionThatDoes) {
  store_sentinel("v1", std::nullopt, 0);
  store_sentinel("v1", 0.5, 1);
  store_sentinel("v1", 0.5, 0);
  store_sentinel("v1", 0.5 + 5e-7, 0);
  store_sentinel("v1", 0.75, 1);
  store_sentinel("v2", 0.75, 1);
  store_sentinel("v1", 0.75, 1);
  store_sentinel("v1", 0.75, 0);
  store_sentinel("v1", std::nullopt, 0);
  const std::vector<PendingEvent> events = pending();
  ASSERT_EQ(events.size(), 4U);
  EXPECT_EQ(events[0].event.topic, "sentinel_weight");
  EXPECT_EQ(events[0].event.key, "s1-sentinel");
  EXPECT_EQ(events[0].created_at, at(60));
  const json data = json::parse(events[1].event.envelope)["data"];
  EXPECT_EQ(data["weight"], 0.75);
  EXPECT_EQ(data["sentinel_id"], "s1-sentinel");
  EXPECT_EQ(data["sentinel_version"], "v1");
  EXPECT_EQ(data["world_id"], "w1");
}

TEST_P(ControlBusTest, KeepsIdsAndOrderFromReadingToReading) {
  ASSERT_TRUE(succeeded(Diff(store_, binding_, {make_query_node("q", "btc")}).run()));
  for (int i = 0; i < 4; ++i) {
    ASSERT_TRUE(succeeded(Diff(store_, binding_, {make_node("a" + std::to_string(i))}).run()));
    store_sentinel("v1", 0.1 * i, 1);
  }
  const std::vector<PendingEvent> events = pending();
  ASSERT_GT(events.size(), 8U);
  std::set<std::string> ids;
  std::int64_t last = 0;
  for (const PendingEvent& event : events) {
    ids.insert(event.id);
    EXPECT_GT(event.key_seq, last);
    last = event.key_seq;
  }
  EXPECT_EQ(ids.size(), events.size());
  const std::vector<PendingEvent> again = pending(3);
  ASSERT_EQ(again.size(), 3U);
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(again[i].id, events[i].id);
    EXPECT_EQ(again[i].event.envelope, events[i].event.envelope);
  }
}

TEST_P(ControlBusTest, CountsWhatIsPendingAndSinceWhen) {
  ASSERT_TRUE(succeeded(Diff(store_, binding_, {make_node("a")}, at(5)).run()));
  ASSERT_TRUE(succeeded(Diff(store_, binding_, {make_node("b")}, at(6)).run()));
  const auto backlog = bus_.backlog();
  ASSERT_TRUE(succeeded(backlog));
  EXPECT_EQ(backlog->pending, pending().size());
  EXPECT_EQ(backlog->oldest, at(5));
}

TEST_P(ControlBusTest, TellsNothingOfIntents) {
  Diff(store_, binding_, {make_node("a")}).view().reserve();
  EXPECT_TRUE(pending().empty());
}

INSTANTIATE_TEST_SUITE_P(Adapters, ControlBusTest, test::all_adapters(), test::adapter_name);

}  // namespace
}  // namespace weir::dagmanager
