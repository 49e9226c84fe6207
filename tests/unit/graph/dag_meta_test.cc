// SPDX-License-Identifier: Apache-2.0
#include "graph/dag_meta.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>

#include "base/blake3.h"
#include "tests/unit/graph/graph_text.h"

namespace weir::graph {
namespace {

std::string sentinel(const std::string& members) {
  return R"({"node_type":"VersionSentinel","node_id":"s-sentinel")" +
         (members.empty() ? "" : "," + members) + "}";
}

TEST(DagMeta, TakesTheFirstVersionGiven) {
  const std::string root = R"("strategy_version":"r1","version":"r2",)";
  const std::string meta =
      R"("meta":{"version":"m1","strategy_version":"m2","build_version":"m3"})";
  const auto version = [&](const std::string& node, const std::string& more) {
    return read(node.empty() ? dag_text({}, more) : dag_text({node}, more)).version.text();
  };
  EXPECT_EQ(version(sentinel(R"("version":"s1","strategy_version":"s2")"), root + meta), "s1");
  EXPECT_EQ(version(sentinel(R"("version":" ","strategy_version":"s2","build_version":"s3")"),
                    root + meta),
            "s2");
  EXPECT_EQ(version(sentinel(R"("version":null,"build_version":"s3")"), root + meta), "s3");
  EXPECT_EQ(version(sentinel(""), root + meta), "r1");
  EXPECT_EQ(version("", R"("version":"r2",)" + meta), "r2");
  EXPECT_EQ(version("", meta), "m1");
  EXPECT_EQ(version("", R"("meta":{"build_version":2.0})"), "2.0");
  EXPECT_EQ(version(sentinel(""), R"("meta":{"version":true})"), "v1");
}

TEST(DagMeta, KnowsWhetherAVersionWasGiven) {
  EXPECT_FALSE(read(dag_text({sentinel("")})).version_given);
  EXPECT_FALSE(read(dag_text({}, R"("version":[])")).version_given);
  EXPECT_TRUE(read(dag_text({}, R"("version":7)")).version_given);
}

TEST(DagMeta, ReadsWhatASentinelAsksFor) {
  const Dag dag =
      read(dag_text({sentinel(R"("traffic_weight":"0.25","commit_hash":"abc","release_tag":"r7")")},
                    R"("meta":{"weight":0.5,"commit_hash":"def"})"));
  ASSERT_TRUE(dag.sentinel);
  EXPECT_EQ(dag.sentinel->weight, 0.25);
  EXPECT_EQ(dag.sentinel->commit_hash, "abc");
  EXPECT_EQ(dag.sentinel->release_tag, "r7");
  EXPECT_EQ(dag.meta_weight, 0.5);
  EXPECT_TRUE(dag.nodes.empty());
}

TEST(DagMeta, FallsBackToMetaAndToTheHashOfTheDocument) {
  const Dag from_meta = read(dag_text({sentinel("")}, R"("meta":{"sentinel_weight":1,
      "commit_hash":"def","release_tag":"t"})"));
  EXPECT_EQ(from_meta.sentinel->weight, 1.0);
  EXPECT_EQ(from_meta.sentinel->commit_hash, "def");
  EXPECT_EQ(from_meta.sentinel->release_tag, "t");
  const std::string text = dag_text({sentinel("")});
  EXPECT_EQ(read(text).sentinel->commit_hash, "dag:" + base::blake3_hex(text));
  EXPECT_FALSE(read(text).sentinel->weight);
}

TEST(DagMeta, UnitesSeveralSentinelsByTheirFirstUsableValues) {
  const Dag dag =
      read(dag_text({sentinel(R"("weight":"none")"), sentinel(R"("weight":0.5,"version":"v7")"),
                     sentinel(R"("weight":0.9,"version":"v8","release_tag":"t")")}));
  EXPECT_EQ(dag.sentinel->weight, 0.5);
  EXPECT_EQ(dag.version.text(), "v7");
  EXPECT_EQ(dag.sentinel->release_tag, "t");
}

TEST(DagMeta, ClampsWeightsAndPassesOverWhatIsNone) {
  const auto weight = [](const std::string& value) {
    return read(dag_text({}, R"("meta":{"traffic_weight":)" + value + "}")).meta_weight;
  };
  EXPECT_EQ(weight("0.5"), 0.5);
  EXPECT_EQ(weight("7"), 1.0);
  EXPECT_EQ(weight("-1"), 0.0);
  EXPECT_EQ(weight("true"), 1.0);
  EXPECT_EQ(weight("false"), 0.0);
  EXPECT_EQ(weight(R"(" +2.5e-1 ")"), 0.25);
  for (const char* none : {"null", "[]", R"("nan")", R"("inf")", R"("-Infinity")", R"("much")",
                           R"("")", R"("0.5x")", R"("+-0.5")", "1e400", R"("1e400")"}) {
    EXPECT_EQ(weight(none), std::nullopt) << none;
  }
  EXPECT_EQ(read(dag_text({}, R"("meta":{"traffic_weight":"x","weight":0.75})")).meta_weight, 0.75);
}

TEST(DagMeta, TakesOnlyTheExactTypeForASentinel) {
  const Dag dag = read(dag_text({node_text("n", R"("node_type":"versionsentinel")")}));
  EXPECT_FALSE(dag.sentinel);
  EXPECT_EQ(dag.nodes.size(), 1U);
}

TEST(DagMeta, CleansTheNamespaceOfTheDocument) {
  const auto name_space = [](const std::string& value) {
    return read(dag_text({}, R"("meta":{"topic_namespace":)" + value + "}")).topic_namespace.text();
  };
  EXPECT_EQ(name_space(R"("Alpha..B c")"), "alpha.b-c");
  EXPECT_EQ(name_space(R"({"world":"W 1","domain":"Live"})"), "w-1.live");
  EXPECT_EQ(name_space(R"({"world_id":"w2","execution_domain":"live"})"), "w2.live");
  EXPECT_EQ(name_space(R"({"world":"w"})"), "");
  EXPECT_EQ(name_space("7"), "");
  EXPECT_EQ(name_space("null"), "");
}

TEST(DagMeta, ReadsWorldDomainAndOwner) {
  const Dag dag = read(dag_text({}, R"("meta":{"world_id":" w9 ","execution_domain":" live ",
      "owner":"desk"},"compute_context":{"world":"w1","as_of":20250101})"));
  EXPECT_EQ(dag.meta_world, "w9");
  EXPECT_EQ(dag.meta_execution_domain, "live");
  EXPECT_EQ(dag.owner, "desk");
  EXPECT_EQ(dag.context.world_id, "w1");
  EXPECT_EQ(dag.context.as_of, "20250101");
}

}  // namespace
}  // namespace weir::graph
