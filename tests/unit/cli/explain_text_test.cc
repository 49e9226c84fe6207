// SPDX-License-Identifier: Apache-2.0
#include "cli/explain_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

namespace weir::cli {
namespace {

using graph::Verdict;
using testing::HasSubstr;
using testing::Not;

std::string sample(const std::string& name) {
  std::ifstream file(std::string(WEIR_SOURCE_DIR) + "/examples/strategies/" + name);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

std::vector<graph::ExplainedNode> nodes_of(const std::string& name) {
  Result<std::vector<graph::ExplainedNode>> nodes = graph::explained_nodes(sample(name));
  EXPECT_TRUE(nodes.ok());
  return nodes.ok() ? *std::move(nodes) : std::vector<graph::ExplainedNode>();
}

/// The factor model with one edit beside the one without.
class OneEdit : public testing::Test {
 protected:
  std::vector<graph::ExplainedNode> file_ = nodes_of("factor-1000-one-edit.json");
  std::vector<graph::ExplainedNode> other_ = nodes_of("factor-1000.json");
  std::vector<graph::Explanation> explanations_ = graph::explain(file_, other_);
};

TEST_F(OneEdit, IsTenNodesThatDifferWithOneRoot) {
  const std::string text = explain_text(explanations_, {}, {.title = "a compared with b"});
  EXPECT_THAT(text, testing::StartsWith("a compared with b\n\n  differs  /nodes/183  "));
  EXPECT_THAT(text, HasSubstr("           /nodes/183/params/clip: 3.0 → 2.5\n"));
  EXPECT_THAT(text, HasSubstr("dependencies, because of /nodes/183/params/clip\n"));
  EXPECT_THAT(text, testing::EndsWith("\n\nExplained: 990 same, 10 differ, 0 added, 0 removed; one "
                                      "root: /nodes/183/params/clip.\n"));
  EXPECT_THAT(text, Not(HasSubstr("same     ")));
}

TEST_F(OneEdit, ListsTheSameNodesWhenVerbose) {
  EXPECT_THAT(explain_text(explanations_, {}, {.verbose = true}),
              HasSubstr("  same     /nodes/0  "));
}

TEST_F(OneEdit, LineOfTheEditedNodeHasEveryMember) {
  const auto edited = std::ranges::find_if(explanations_, [](const graph::Explanation& one) {
    return one.node != nullptr && one.node->index == 183U;
  });
  ASSERT_NE(edited, explanations_.end());
  const std::string line = explain_json(*edited, {});
  EXPECT_EQ(line.find('\n'), line.size() - 1);
  const auto json = nlohmann::ordered_json::parse(line);
  std::vector<std::string> members;
  for (const auto& [name, value] : json.items()) members.push_back(name);
  EXPECT_THAT(members,
              testing::ElementsAre("index", "name", "stated", "node_id", "canonical", "compute_key",
                                   "topic", "state", "other", "verdict", "changes", "because"));
  EXPECT_EQ(json["index"], 183);
  EXPECT_EQ(json["stated"], json["node_id"]);
  EXPECT_THAT(json["canonical"].get<std::string>(), HasSubstr("\"clip\":2.5"));
  EXPECT_TRUE(json["compute_key"].is_null());
  EXPECT_TRUE(json["topic"].is_null());
  EXPECT_TRUE(json["state"].is_null());
  EXPECT_EQ(json["other"]["by"], "name");
  EXPECT_EQ(json["verdict"], "differs");
  EXPECT_EQ(json["changes"].dump(),
            R"([{"part":"params","path":"/nodes/183/params/clip","old":"3.0","new":"2.5"}])");
  EXPECT_EQ(json["because"].dump(), "[]");
}

TEST_F(OneEdit, LineTellsTopicAndStateOfThePlan) {
  const PlanRow row{.node_id = file_.front().stated,
                    .decision = "reuse",
                    .topic = "btc_x",
                    .compute_key = "blake3:ck",
                    .reason = ""};
  const std::vector<PlanRow> plan = {row};
  const auto json = nlohmann::json::parse(explain_json(explanations_.front(), plan_by_node(plan)));
  EXPECT_EQ(json["compute_key"], "blake3:ck");
  EXPECT_EQ(json["topic"], "btc_x");
  EXPECT_EQ(json["state"], "bound");
}

TEST(ExplainJson, OfARemovedNodeHasTheOtherSideOnly) {
  graph::ExplainedNode gone;
  gone.node_id = "blake3:1";
  gone.name = "gone";
  const graph::Explanation removed{.node = nullptr,
                                   .other = &gone,
                                   .paired_by = "",
                                   .verdict = Verdict::Removed,
                                   .changes = {},
                                   .because = {}};
  EXPECT_EQ(explain_json(removed, {}),
            R"({"index":null,"name":"gone","stated":null,"node_id":null,"canonical":null,)"
            R"("compute_key":null,"topic":null,"state":null,)"
            R"("other":{"node_id":"blake3:1","by":null},"verdict":"removed","changes":[],)"
            R"("because":[]})"
            "\n");
}

TEST(ExplainState, FollowsTheDecision) {
  EXPECT_EQ(plan_state("reuse"), "bound");
  EXPECT_EQ(plan_state("buffer"), "bound");
  EXPECT_EQ(plan_state("new"), "planned");
  EXPECT_EQ(plan_state("bind"), "planned");
  EXPECT_EQ(plan_state("refused"), "refused");
}

TEST(ExplainedStore, NodeHasTheIdOfItsContent) {
  const std::vector<graph::ExplainedNode> nodes = nodes_of("multi_indicator.json");
  ASSERT_FALSE(nodes.empty());
  for (const graph::ExplainedNode& node : nodes) {
    qmtl::services::dagmanager::NodeRecord record;
    record.set_node_id(node.stated);
    record.set_node_type(node.parts.node_type);
    record.set_interval(node.parts.interval);
    record.set_period(static_cast<std::int32_t>(node.parts.period));
    record.set_params_canon(node.parts.params_canon);
    for (const std::string& input : node.parts.dependencies) record.add_dependencies(input);
    record.set_schema_compat_id(node.parts.schema_compat_id);
    record.set_code_hash(node.parts.code_hash);
    record.set_name(node.name);
    const graph::ExplainedNode stored = stored_node(record);
    EXPECT_EQ(stored.node_id, node.node_id);
    EXPECT_EQ(stored.parts, node.parts);
    EXPECT_EQ(stored.name, node.name);
  }
}

TEST(Unexplained, IsAnotherIdWithoutAChange) {
  graph::ExplainedNode one;
  one.node_id = "a";
  graph::ExplainedNode two;
  two.node_id = "b";
  graph::Explanation explanation;
  explanation.node = &one;
  explanation.other = &two;
  EXPECT_TRUE(unexplained(explanation));
  explanation.changes.push_back({"params", "/nodes/0/params", {}, {}});
  EXPECT_FALSE(unexplained(explanation));
  explanation.changes.clear();
  explanation.other = &one;
  EXPECT_FALSE(unexplained(explanation));
  explanation.other = nullptr;
  EXPECT_FALSE(unexplained(explanation));
}

}  // namespace
}  // namespace weir::cli
