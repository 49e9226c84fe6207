// SPDX-License-Identifier: Apache-2.0
#include "cli/offline_diff.h"

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "cli/plan_text.h"

namespace weir::cli {
namespace {

DiffQuery query_of(const std::string& sample) {
  std::ifstream file(std::string(WEIR_SOURCE_DIR) + "/examples/strategies/" + sample);
  std::stringstream text;
  text << file.rdbuf();
  DiffQuery query;
  query.dag_json = text.str();
  query.fields.strategy = graph::StrategyId("cli");
  return query;
}

TEST(OfflineDiff, FindsEveryNodeOfAGraphNew) {
  const Result<DiffOutcome> outcome = offline_diff(query_of("multi_indicator.json"));
  ASSERT_TRUE(outcome.ok()) << outcome.error().describe();
  EXPECT_GT(outcome->plan.size(), 0U);
  EXPECT_EQ(count_plan(*outcome).created, outcome->plan.size());
  EXPECT_EQ(outcome->queue_map.size(), outcome->plan.size());
  EXPECT_EQ(outcome->sentinel_id, "cli-sentinel");
  EXPECT_FALSE(outcome->version.empty());
}

TEST(OfflineDiff, NamesTopicsInTheContextThatIsAskedFor) {
  DiffQuery query = query_of("multi_indicator.json");
  query.fields.context.world_id = "w1";
  query.fields.context.execution_domain = "live";
  const Result<DiffOutcome> outcome = offline_diff(query);
  ASSERT_TRUE(outcome.ok()) << outcome.error().describe();
  for (const PlanRow& row : outcome->plan) {
    EXPECT_TRUE(row.topic.starts_with("w1.live.")) << row.topic;
  }
}

TEST(OfflineDiff, TellsTheFaultsOfABadGraph) {
  DiffQuery query;
  query.dag_json = R"({"nodes":[{"node_id":"a","node_type":"T"}]})";
  const Result<DiffOutcome> outcome = offline_diff(query);
  ASSERT_FALSE(outcome.ok());
  EXPECT_EQ(outcome.error().reason(), "missing_field");
  EXPECT_FALSE(outcome.error().faults().empty());
}

TEST(OfflineDiff, LabelsComeFromTheSameDocument) {
  const DiffQuery query = query_of("multi_indicator.json");
  const Result<DiffOutcome> outcome = offline_diff(query);
  ASSERT_TRUE(outcome.ok());
  const NodeLabels labels = node_labels(query.dag_json);
  for (const PlanRow& row : outcome->plan) EXPECT_TRUE(labels.contains(row.node_id));
}

}  // namespace
}  // namespace weir::cli
