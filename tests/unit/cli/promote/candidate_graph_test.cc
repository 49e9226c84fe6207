// SPDX-License-Identifier: Apache-2.0
#include "cli/promote/candidate_graph.h"

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>
#include <string>

#include "base/base64.h"
#include "graph/dag.h"

namespace weir::cli {
namespace {

const graph::StrategyId kStrategy("s");
constexpr const char* kAdded =
    R"({"node_id":"s-sentinel","node_type":"VersionSentinel","weight":0})";

std::string made(const std::string& json) {
  const auto candidate = candidate_json(json, kStrategy);
  return candidate.ok() ? *candidate : candidate.error().reason();
}

TEST(CandidateGraph, GetsASentinelOfWeightZeroBehindItsNodes) {
  EXPECT_EQ(made(R"({"nodes":[{"node_id":"a"}]})"),
            std::string(R"({"nodes":[{"node_id":"a"},)") + kAdded + "]}");
  EXPECT_EQ(made(R"({"nodes":[]})"), std::string(R"({"nodes":[)") + kAdded + "]}");
  const auto suffixed = candidate_json(R"({"nodes":[]})", graph::StrategyId("x-sentinel"));
  ASSERT_TRUE(suffixed.ok());
  EXPECT_NE(suffixed->find(R"("node_id":"x-sentinel")"), std::string::npos);
}

TEST(CandidateGraph, LeavesOutEveryWeightThatItStates) {
  EXPECT_EQ(made(R"({"meta":{"weight":1,"version":"8","sentinel_weight":"0.5"},"nodes":[)"
                 R"({"node_type":"VersionSentinel","traffic_weight":0.9,"version":"9"},)"
                 R"({"node_type":"VersionSentinel","weight":0.7},{"node_id":"a"}]})"),
            R"({"meta":{"version":"8"},"nodes":[)"
            R"({"node_type":"VersionSentinel","version":"9","weight":0},)"
            R"({"node_type":"VersionSentinel"},{"node_id":"a"}]})");
}

TEST(CandidateGraph, LeavesWhatIsCalledAlikeElsewhere) {
  const std::string json =
      R"({"weight":1,"nodes":[{"node_type":"Mean","weight":2,"params":{"weight":3,)"
      R"("meta":{"weight":4}}},{"node_type":"VersionSentinel","tags":{"weight":5}}],)"
      R"("other":[{"node_type":"VersionSentinel","weight":6}]})";
  std::string wanted = json;
  const std::string last = R"("tags":{"weight":5})";
  wanted.insert(wanted.find(last) + last.size(), R"(,"weight":0)");
  EXPECT_EQ(made(json), wanted);
}

TEST(CandidateGraph, KeepsNumbersTextAndRepeatedKeysAsTheyAre) {
  const std::string json =
      R"({"a":1.0,"b":-0,"c":1e400,"d":123456789012345678901234567890,"e":[true,false,null,{}],)"
      R"("f":"é\"\\\u0001","a":2,"nodes":[)";
  EXPECT_EQ(made(json + "]}"), json + kAdded + "]}");
}

TEST(CandidateGraph, IsTheSameFromBase64AndOfItself) {
  const std::string json = R"({ "nodes" : [ {"node_id":"a"} ] })";
  const std::string once = made(json);
  EXPECT_EQ(made(base::encode_base64(json)), once);
  EXPECT_EQ(made(once), once);
}

TEST(CandidateGraph, GivesWhatIsNoGraphToLint) {
  EXPECT_EQ(made(R"({"nodes":5})"), R"({"nodes":5})");
  EXPECT_EQ(made("[]"), "[]");
  EXPECT_EQ(made("{"), "dag_not_json");
}

TEST(CandidateGraph, KeepsTheNodesOfEverySample) {
  for (const char* name : {"factor-1000.json", "multi_signal_blend.gateway.b64",
                           "order_pipeline.json", "tag_query_aggregation.json"}) {
    std::ifstream file(std::string(WEIR_SOURCE_DIR) + "/examples/strategies/" + name);
    std::stringstream text;
    text << file.rdbuf();
    const auto before = graph::read_dag(text.str());
    ASSERT_TRUE(before.ok()) << name;
    const auto after = graph::read_dag(made(text.str()));
    ASSERT_TRUE(after.ok()) << name;
    EXPECT_EQ(graph::node_set_hash(*after), graph::node_set_hash(*before)) << name;
    EXPECT_EQ(after->version, before->version);
    EXPECT_EQ(after->crc32, before->crc32);
    EXPECT_EQ(after->sentinel.value().weight, 0.0);
    for (std::size_t i = 0; i < before->nodes.size(); ++i) {
      ASSERT_EQ(after->nodes[i].canonical, before->nodes[i].canonical);
      ASSERT_EQ(after->nodes[i].index, before->nodes[i].index);
    }
  }
}

}  // namespace
}  // namespace weir::cli
