// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cctype>
#include <string>

#include "graph/dag.h"
#include "tests/unit/graph/graph_text.h"

namespace weir::graph {
namespace {

struct Sample {
  std::string file;
  std::size_t nodes;
  std::size_t warnings;
};

class DagSamples : public testing::TestWithParam<Sample> {};

TEST_P(DagSamples, BearTheIdsThatTheirContentHas) {
  const Dag dag = read(sample(GetParam().file));
  EXPECT_EQ(dag.nodes.size(), GetParam().nodes);
  for (const DagNode& node : dag.nodes) {
    EXPECT_EQ(node.node_id, node.computed_id) << "/nodes/" << node.index;
  }
  EXPECT_EQ(dag.order.size(), dag.nodes.size());
  EXPECT_TRUE(dag.findings.empty());
  EXPECT_EQ(dag.warnings.size(), GetParam().warnings);
}

INSTANTIATE_TEST_SUITE_P(
    Strategies, DagSamples,
    testing::Values(Sample{"ccxt_spot_nodeset.json", 12, 0}, Sample{"cross_market_lag.json", 2, 1},
                    Sample{"execution_model.json", 7, 0}, Sample{"factor-1000.json", 1000, 0},
                    Sample{"factor-1000-hotfix.json", 1000, 0},
                    Sample{"factor-1000-one-edit.json", 1000, 0},
                    Sample{"multi_indicator.json", 4, 0}, Sample{"multi_signal_blend.json", 14, 0},
                    Sample{"multi_signal_blend.gateway.b64", 14, 0},
                    Sample{"order_pipeline.json", 8, 0}, Sample{"tag_query.json", 3, 0},
                    Sample{"tag_query_aggregation.json", 2, 0}),
    [](const auto& test) {
      std::string name = test.param.file;
      std::erase_if(name,
                    [](char byte) { return !std::isalnum(static_cast<unsigned char>(byte)); });
      return name;
    });

TEST(DagSamples, AskForASentinelInTheGatewaysForm) {
  const Dag dag = read(sample("multi_signal_blend.gateway.b64"));
  ASSERT_TRUE(dag.sentinel);
  EXPECT_EQ(dag.version.text(), "2026.11.1");
  EXPECT_TRUE(dag.sentinel->commit_hash.starts_with("dag:"));
  EXPECT_FALSE(read(sample("multi_signal_blend.json")).sentinel);
}

TEST(DagSamples, AreInTheOrderInWhichTheyWereSubmitted) {
  const Dag dag = read(sample("factor-1000.json"));
  for (std::uint32_t at = 0; at < dag.order.size(); ++at) ASSERT_EQ(dag.order[at], at);
}

TEST(DagSamples, HaveReadableQueries) {
  const Dag dag = read(sample("factor-1000.json"));
  std::size_t queries = 0;
  for (const DagNode& node : dag.nodes) {
    if (!node.query) continue;
    ++queries;
    EXPECT_EQ(node.query->tags.size(), 2U);
    EXPECT_EQ(node.query->interval, 300);
  }
  EXPECT_EQ(queries, 5U);
}

}  // namespace
}  // namespace weir::graph
