// SPDX-License-Identifier: Apache-2.0
#include "graph/lint/node_rules.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/graph/lint/lint_graphs.h"

namespace weir::graph {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

/// A TagQueryNode and what reads it.
Places lint_query(std::string_view more) {
  const std::string query = members("TagQueryNode", more);
  return lint(graph_of({node(query), node(order({id_of(query)}))}));
}

TEST(NodeRules, L11FindsTagQueriesWithoutTagsOrInterval) {
  EXPECT_THAT(lint_query(R"("tags":[])"), ElementsAre(Pair("L11", "/nodes/0/tags")));
  EXPECT_THAT(lint_query(R"("interval":null)"), ElementsAre(Pair("L11", "/nodes/0/interval")));
  EXPECT_THAT(
      lint_query(R"("params":{"tags":[" "],"interval":"x"},"interval":null)"),
      ElementsAre(Pair("L11", "/nodes/0/params/tags"), Pair("L11", "/nodes/0/params/interval")));
  EXPECT_THAT(lint_query(R"("tags":[],"params":{"query_tags":"a,b"})"), IsEmpty());
}

TEST(NodeRules, L12FindsTagsThatNoNameCanBeginWith) {
  EXPECT_THAT(lint_with(R"("tags":["",null,"!?","btc"])"),
              ElementsAre(Pair("L12", "/nodes/0/tags/2")));
  EXPECT_THAT(lint_with(R"("tags":["日経"])"), ElementsAre(Pair("L12", "/nodes/0/tags/0")));
  EXPECT_THAT(lint_with(R"("tags":["BTC/USDT","日経"])"), IsEmpty());
  EXPECT_THAT(lint_with(R"("tags":[])"), IsEmpty());
}

TEST(NodeRules, L12FindsTypesWithWhatNoNameCanHave) {
  EXPECT_THAT(lint_with(R"("node_type":"Order ü")"),
              ElementsAre(Pair("L12", "/nodes/0/node_type")));
  EXPECT_THAT(lint_with(R"("node_type":"my.Order_v-2")"), IsEmpty());
}

TEST(NodeRules, L12FindsNamesThatAreTooLong) {
  const auto typed = [](std::size_t length) {
    return R"("node_type":"Order)" + std::string(length, 'x') + "\"";
  };
  EXPECT_THAT(lint_with(typed(300)), ElementsAre(Pair("L12", "/nodes/0")));
  EXPECT_THAT(lint_with(typed(100)), IsEmpty());
}

TEST(NodeRules, L12FindsWorldsThatNoTopicCanBeginWith) {
  const auto in_world = [](const std::string& world) {
    return lint(graph_of({node(order({}))},
                         R"("compute_context":{"domain":"live","world":")" + world + "\"}"));
  };
  EXPECT_THAT(in_world("wélt"), ElementsAre(Pair("L12", "")));
  EXPECT_THAT(in_world("World 1"), IsEmpty());
  EXPECT_THAT(lint(graph_of({node(order({}))}), {.context = {.world_id = "wélt"}}),
              ElementsAre(Pair("L12", "")));
}

TEST(NodeRules, L13FindsTypesThatFitTwoTopicTypes) {
  EXPECT_THAT(lint_with(R"("node_type":"RawTrades")"),
              ElementsAre(Pair("L13", "/nodes/0/node_type")));
  EXPECT_THAT(lint_with(R"("node_type":"Trades")"), IsEmpty());
}

}  // namespace
}  // namespace weir::graph
