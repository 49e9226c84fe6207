// SPDX-License-Identifier: Apache-2.0
#include "graph/lint/param_rules.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/graph/lint/lint_graphs.h"

namespace weir::graph {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;

TEST(ParamRules, L08FindsKeysThatTheIdDoesNotSeeAtEveryDepth) {
  EXPECT_THAT(lint_with(R"("params":{"Seed":1,"deep":[{"ENV_x/y":{"world":1}}],"env":[]})"),
              ElementsAre(Pair("L08", "/nodes/0/params/Seed"),
                          Pair("L08", "/nodes/0/params/deep/0/ENV_x~1y"),
                          Pair("L08", "/nodes/0/params/env")));
  EXPECT_THAT(lint_with(R"("params":{"seeds":1,"environment":2,"my_world":3})"), IsEmpty());
}

TEST(ParamRules, L08LooksAtConfigOnlyWhereItCounts) {
  EXPECT_THAT(lint_with(R"("params":null,"config":{"seed":1})"),
              ElementsAre(Pair("L08", "/nodes/0/config/seed")));
  EXPECT_THAT(lint_with(R"("params":{},"config":{"seed":1})"), IsEmpty());
}

TEST(ParamRules, L09FindsNumbersThatAreNotWhatTheySay) {
  EXPECT_THAT(lint_with(R"("params":{"a":1e999,"b":[-1e-999],"c":0.123456789012345678})"),
              ElementsAre(Pair("L09", "/nodes/0/params/a"), Pair("L09", "/nodes/0/params/b/0"),
                          Pair("L09", "/nodes/0/params/c")));
  EXPECT_THAT(
      lint_with(
          R"("params":{"a":1e308,"b":0.0,"c":0.12345678901234567,"d":123456789012345678901234})"),
      IsEmpty());
  EXPECT_THAT(lint_with(R"("interval":60.5,"period":2.5e0)"),
              ElementsAre(Pair("L09", "/nodes/0/interval"), Pair("L09", "/nodes/0/period")));
  EXPECT_THAT(lint_with(R"("interval":60.0)"), IsEmpty());
}

TEST(ParamRules, DoesNotCountZerosThatSayNothing) {
  EXPECT_EQ(inexact_number("0.00000000000000000000000001"), "");
  EXPECT_EQ(inexact_number("1.50000000000000000000000000"), "");
  EXPECT_EQ(inexact_number("-100000000000000000000000.0"), "");
  EXPECT_THAT(inexact_number("1.00000000000000000001"), HasSubstr("it counts as 1.0"));
}

TEST(ParamRules, TakesNoNumberOfATagQuerysParamsForOneThatCounts) {
  const std::string query =
      members("TagQueryNode", R"("params":{"query_tags":["x"],"weight":1e999,"seed":1})");
  EXPECT_THAT(lint(graph_of({node(query), node(order({id_of(query)}))})),
              ElementsAre(Pair("L08", "/nodes/0/params/seed")));
}

}  // namespace
}  // namespace weir::graph
