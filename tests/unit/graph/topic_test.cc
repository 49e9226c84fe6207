// SPDX-License-Identifier: Apache-2.0
#include "graph/topic.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace weir::graph {
namespace {

TEST(TopicType, FollowsTheNodeTypeFirstMatch) {
  EXPECT_EQ(topic_type_of("RawTrades"), TopicType::TradeExec);
  EXPECT_EQ(topic_type_of("PortfolioNode"), TopicType::TradeExec);
  EXPECT_EQ(topic_type_of("ORDER"), TopicType::TradeExec);
  EXPECT_EQ(topic_type_of("Executor"), TopicType::TradeExec);
  EXPECT_EQ(topic_type_of("DrawNode"), TopicType::Raw);
  EXPECT_EQ(topic_type_of("PriceFeed"), TopicType::Raw);
  EXPECT_EQ(topic_type_of("ohlcv"), TopicType::Raw);
  EXPECT_EQ(topic_type_of("Node"), TopicType::Indicator);
  EXPECT_EQ(topic_type_of(""), TopicType::Indicator);
}

TEST(TopicType, HasAName) {
  for (const TopicType type : kTopicTypes) {
    EXPECT_EQ(topic_type_from_name(topic_type_name(type)), type);
  }
  EXPECT_EQ(topic_type_name(TopicType::TradeExec), "trade_exec");
  EXPECT_FALSE(topic_type_from_name("Raw"));
}

TEST(TopicShape, IsTheSpecificationsTable) {
  const TopicShapes shapes = default_topic_shapes();
  EXPECT_EQ(shapes[0], (TopicShape{3, 3, 604'800'000, ""}));
  EXPECT_EQ(shapes[1], (TopicShape{1, 2, 2'592'000'000, "delete"}));
  EXPECT_EQ(shapes[2], (TopicShape{1, 3, 7'776'000'000, ""}));
}

TEST(TopicAsset, IsTheFirstTagThatLeavesSomething) {
  EXPECT_EQ(topic_asset({"!!", " ", "BTC/usd_T-1", "eth"}), "btcusd_t-1");
  EXPECT_EQ(topic_asset({}), "asset");
  EXPECT_EQ(topic_asset({"", "😀"}), "asset");
}

TEST(TopicAsset, HasADashForEachLetterBeyondAscii) {
  EXPECT_EQ(topic_asset({"비트btc"}), "--btc");
  EXPECT_EQ(topic_asset({"🚀btc"}), "btc");
}

TEST(TopicName, GivesADifferentNameForEachCandidate) {
  for (const std::string id :
       {"blake3:abcdef1234567890", "blake3:abcdefghi", "blake3:abcdefgh", "A", ""}) {
    std::set<std::string> names;
    for (unsigned candidate = 0; candidate < 50; ++candidate) {
      const TopicName name = topic_name({.asset = "btc",
                                         .node_type = "Node",
                                         .node_id = id,
                                         .version = "v1",
                                         .dry_run = true,
                                         .name_space = "w.live"},
                                        candidate);
      EXPECT_TRUE(names.insert(name.text()).second) << name.text();
    }
  }
}

TEST(TopicName, NumbersTheNameOnceTheDigestIsUsedUp) {
  const auto name = [](unsigned candidate) {
    return topic_name({.asset = "btc",
                       .node_type = "Node",
                       .node_id = "blake3:abcdef12345",
                       .version = "v1",
                       .dry_run = true},
                      candidate)
        .text();
  };
  EXPECT_EQ(name(0), "btc_Node_abcdef12_v1_sim");
  EXPECT_EQ(name(1), "btc_Node_abcdef1234_v1_sim");
  EXPECT_EQ(name(2), "btc_Node_abcdef12345_v1_sim");
  EXPECT_EQ(name(3), "btc_Node_abcdef12345_v1_sim_v2");
  EXPECT_EQ(name(4), "btc_Node_abcdef12345_v1_sim_v3");
}

TEST(TopicName, ReplacesWhatABrokerCannotHaveInType) {
  EXPECT_EQ(topic_name({.asset = "a", .node_type = "Nœud|x y", .node_id = "n", .version = "v1"}, 0)
                .text(),
            "a_N-ud-x-y_n_v1");
}

TEST(TopicName, TakesThePrefixOnce) {
  EXPECT_EQ(with_namespace(Namespace("w.live"), TopicName("t")).text(), "w.live.t");
  EXPECT_EQ(with_namespace(Namespace("w.live"), TopicName("w.live.t")).text(), "w.live.t");
  EXPECT_EQ(with_namespace(Namespace("w.live"), TopicName("w.livet")).text(), "w.live.w.livet");
  EXPECT_EQ(with_namespace(Namespace(), TopicName("t")).text(), "t");
}

TEST(LegacyTopicNames, GrowTheCodeHashPrefixedFirst) {
  const TopicNameParts parts = {.asset = "a",
                                .node_type = "N",
                                .node_id = "id",
                                .version = "v1",
                                .dry_run = false,
                                .name_space = "w.live"};
  std::vector<std::string> names;
  for (const TopicName& name : legacy_topic_names(parts, "0123456789"))
    names.push_back(name.text());
  EXPECT_EQ(names, (std::vector<std::string>{"w.live.a_N_012345_v1", "a_N_012345_v1",
                                             "w.live.a_N_01234567_v1", "a_N_01234567_v1",
                                             "w.live.a_N_0123456789_v1", "a_N_0123456789_v1"}));
  EXPECT_EQ(legacy_topic_names({.asset = "a", .node_type = "N", .version = "v"}, "012").size(), 1U);
}

TEST(TopicKey, IsEqualWhereABrokerWouldConfuseNames) {
  EXPECT_EQ(topic_key(TopicName("W1.Live.btc_A")), topic_key(TopicName("w1_live_BTC.a")));
  EXPECT_NE(topic_key(TopicName("a-b")), topic_key(TopicName("a_b")));
}

TEST(IllegalTopic, FollowsKafkasRules) {
  for (const std::string& good :
       {std::string("a"), std::string("A.b_c-9"), std::string(249, 'x'), std::string("...")}) {
    EXPECT_FALSE(illegal_topic(good)) << good;
  }
  for (const std::string& bad :
       {std::string(), std::string("."), std::string(".."), std::string(250, 'x'),
        std::string("a b"), std::string("sha256:a"), std::string("é"), std::string("a/b")}) {
    EXPECT_TRUE(illegal_topic(bad)) << bad;
  }
}

}  // namespace
}  // namespace weir::graph
