// SPDX-License-Identifier: Apache-2.0
#include "graph/dag.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/base64.h"
#include "base/blake3.h"
#include "base/crc32.h"
#include "tests/unit/graph/graph_text.h"

namespace weir::graph {
namespace {

TEST(Dag, HasWhatEachNodeSays) {
  const Dag dag = read(dag_text({node_text(
      "n1", R"("name":"rsi","tags":["btc",7,null,"","btc"],"inputs":["x","y"],"bucket":12,
      "global":true,
      "artifacts":[{"path":"m.onnx","checksum":"sha256:ab12","size":3,"dtype":"f4"}])")}));
  ASSERT_EQ(dag.nodes.size(), 1U);
  const DagNode& node = dag.nodes.front();
  EXPECT_EQ(node.node_id.text(), "n1");
  EXPECT_EQ(node.canonical, "Node|60|5|{}|x,y|s|c");
  EXPECT_EQ(node.computed_id.text(), "blake3:" + base::blake3_hex("Node|60|5|{}|x,y|s|c"));
  EXPECT_EQ(node.schema_hash, "h");
  EXPECT_EQ(node.config_hash, "g");
  EXPECT_EQ(node.name, "rsi");
  EXPECT_EQ(node.bucket, "12");
  EXPECT_EQ(node.tags, (std::vector<std::string>{"btc", "7", "btc"}));
  EXPECT_EQ(node.inputs, (std::vector<std::string>{"x", "y"}));
  EXPECT_TRUE(node.global);
  ASSERT_EQ(node.artifacts.size(), 1U);
  EXPECT_EQ(
      node.artifacts.front(),
      (Artifact{
          .path = "m.onnx", .checksum = "sha256:ab12", .size = 3, .framework = "", .dtype = "f4"}));
  EXPECT_FALSE(node.query);
  EXPECT_FALSE(dag.sentinel);
  EXPECT_TRUE(dag.warnings.empty());
  EXPECT_GT(dag.bytes, sizeof(Dag));
}

TEST(Dag, TakesAbsentAndNullFieldsAsEmpty) {
  const Dag dag = read(dag_text({
      R"({"node_id":"a","code_hash":"c","schema_hash":"s"})",
      R"({"node_id":"b","code_hash":"c","schema_hash":"s","inputs":null,"tags":null,"name":null,
          "dependencies":null,"bucket":null,"artifacts":null,"interval":null,"global":null,
          "meta":5})",
  }));
  for (const DagNode& node : dag.nodes) {
    EXPECT_EQ(node.canonical, "|0|0|null|||c");
    EXPECT_TRUE(node.tags.empty() && node.inputs.empty() && node.artifacts.empty());
    EXPECT_EQ(node.bucket, "");
    EXPECT_EQ(node.name, "");
    EXPECT_FALSE(node.global);
  }
}

TEST(Dag, IsReadFromBase64AsFromItsJson) {
  const std::string json = dag_text({node_text("n1")}) + "\n";
  const Dag plain = read(json);
  const Dag decoded = read(" " + base::encode_base64(json) + "\n");
  EXPECT_EQ(decoded.json_hash, plain.json_hash);
  EXPECT_EQ(decoded.nodes.front().canonical, plain.nodes.front().canonical);
  EXPECT_EQ(plain.json_hash, base::blake3(json));
}

TEST(Dag, MayBeEmpty) {
  const Dag dag = read(R"({"nodes":[]})");
  EXPECT_TRUE(dag.nodes.empty() && dag.order.empty());
  EXPECT_EQ(dag.crc32, 0U);
  // Its base64 is so short that a text holds it in itself.
  EXPECT_EQ(read("eyJub2RlcyI6W119").json_hash, dag.json_hash);
}

TEST(Dag, SaysWhatIsNeitherJsonNorBase64) {
  for (const char* text : {"", "  ", "{", "hello, world!", "bm90IGpzb24=", "{\"nodes\":[]} x"}) {
    const auto dag = read_dag(text);
    ASSERT_FALSE(dag.ok()) << text;
    EXPECT_EQ(dag.error().reason(), "dag_not_json") << text;
    EXPECT_EQ(dag.error().code(), Code::InvalidArgument);
    EXPECT_NE(dag.error().message().find("line 1, column"), std::string::npos);
  }
}

TEST(Dag, RefusesRootsOfAnotherShape) {
  const FaultPlaces at_root = {{"dag_shape", ""}};
  for (const char* text : {"[]", "null", "1234", "\"a\"", "true", "bnVsbA==", "W10="}) {
    EXPECT_EQ(faults_of(text), at_root) << text;
  }
  const FaultPlaces at_nodes = {{"dag_shape", "/nodes"}};
  for (const char* text : {"{}", R"({"nodes":{}})", R"({"nodes":null})", R"({"nodes":"a"})"}) {
    EXPECT_EQ(faults_of(text), at_nodes) << text;
  }
  EXPECT_EQ(faults_of(R"({"nodes":[],"meta":[],"compute_context":"live"})"),
            (FaultPlaces{{"dag_shape", "/meta"}, {"dag_shape", "/compute_context"}}));
  EXPECT_EQ(faults_of(R"({"nodes":[],"meta":{"compute_context":1}})"),
            (FaultPlaces{{"dag_shape", "/meta/compute_context"}}));
}

TEST(Dag, SkipsEntriesThatAreNoObjectsWithAWarning) {
  const Dag dag = read(dag_text({"5", node_text("a"), "null", "[]"}));
  ASSERT_EQ(dag.nodes.size(), 1U);
  EXPECT_EQ(dag.nodes.front().index, 1U);
  ASSERT_EQ(dag.warnings.size(), 3U);
  EXPECT_NE(dag.warnings.front().find("/nodes/0"), std::string::npos);
}

TEST(Dag, CountsTheWarningsItDoesNotTell) {
  std::string text = R"({"nodes":[0)";
  for (int more = 0; more < 149; ++more) text += ",0";
  const Dag dag = read(text + "]}");
  ASSERT_EQ(dag.warnings.size(), 101U);
  EXPECT_EQ(dag.warnings.back(), "and 50 more warnings");
}

TEST(Dag, UnitesRepeatedNodesThatDifferInTagsOnly) {
  const Dag dag =
      read(dag_text({node_text("a", R"("tags":["x","y"],"name":"first")"), node_text("b"),
                     node_text("a", R"("tags":["z","x"],"name":"second")")}));
  ASSERT_EQ(dag.nodes.size(), 2U);
  EXPECT_EQ(dag.nodes[0].tags, (std::vector<std::string>{"x", "y", "z"}));
  EXPECT_EQ(dag.nodes[0].name, "first");
  EXPECT_EQ(dag.nodes[1].node_id.text(), "b");
  ASSERT_EQ(dag.warnings.size(), 1U);
  EXPECT_NE(dag.warnings.front().find("/nodes/0"), std::string::npos);
  EXPECT_NE(dag.warnings.front().find("/nodes/2"), std::string::npos);
}

TEST(Dag, RefusesOneIdWithTwoMeanings) {
  const FaultPlaces second = {{"node_conflict", "/nodes/1"}};
  for (const char* other : {R"("params":{"n":1})", R"("schema_hash":"h2")", R"("code_hash":"c2")",
                            R"("inputs":["x"])", R"("interval":61)", R"("node_type":"N2")"}) {
    EXPECT_EQ(faults_of(dag_text({node_text("a"), node_text("a", other)})), second) << other;
  }
}

TEST(Dag, ChecksumsIdsAsSubmittedWithoutSentinelsAndOddEntries) {
  const Dag dag = read(dag_text({node_text("b"), "7", node_text("a"), node_text("b"),
                                 R"({"node_type":"VersionSentinel","node_id":"s-sentinel"})"}));
  EXPECT_EQ(dag.crc32, base::crc32(0, "bab"));
}

TEST(Dag, NamesItsSetOfNodesWhateverTheirOrder) {
  const std::string one = node_set_hash(read(dag_text({node_text("a"), node_text("b")})));
  EXPECT_EQ(node_set_hash(read(dag_text({node_text("b"), node_text("a")}))), one);
  EXPECT_EQ(node_set_hash(read(dag_text({node_text("b"), node_text("a"), node_text("b")}))), one);
  EXPECT_NE(node_set_hash(read(dag_text({node_text("ab")}))), one);
  EXPECT_EQ(one.size(), 64U);
}

TEST(Dag, PutsReadersBehindWhatTheyRead) {
  const Dag dag =
      read(dag_text({node_text("c", R"("inputs":["b"])"), node_text("b", R"("inputs":["a"])"),
                     node_text("a"), node_text("d", R"("inputs":["elsewhere"])")}));
  EXPECT_EQ(dag.order, (std::vector<std::uint32_t>{2, 1, 0, 3}));
}

TEST(Dag, RefusesCyclesAndNamesOne) {
  const auto dag = read_dag(
      dag_text({node_text("x"), node_text("a", R"("inputs":["c"])"),
                node_text("b", R"("dependencies":["a"])"), node_text("c", R"("inputs":["x","b"])"),
                node_text("d", R"("inputs":["c"])")}));
  ASSERT_FALSE(dag.ok());
  EXPECT_EQ(dag.error().describe(),
            "cycle: the graph has a fault\ncycle /nodes/1: is in a cycle: /nodes/1 is read by "
            "/nodes/2 is read by /nodes/3 is read by /nodes/1");
  EXPECT_EQ(faults_of(dag_text({node_text("a", R"("inputs":["a"])")})),
            (FaultPlaces{{"cycle", "/nodes/0"}}));
}

TEST(Dag, TellsAllFaultsInDocumentOrder) {
  EXPECT_EQ(
      faults_of(dag_text(
          {node_text("a", R"("inputs":["f"],"tags":5)"), node_text("b", R"("code_hash":"")"),
           node_text("c", R"("schema_id":"other","period":4294967296,"inputs":{})"),
           node_text("c2", R"("artifacts":[1])"), node_text("x#y"),
           node_text("f", R"("inputs":["a"])"), node_text("g"), node_text("g", R"("interval":1)")},
          R"("meta":3)")),
      (FaultPlaces{{"cycle", "/nodes/0"},
                   {"dag_shape", "/nodes/0/tags"},
                   {"missing_field", "/nodes/1/code_hash"},
                   {"schema_compat_mismatch", "/nodes/2/schema_id"},
                   {"dag_bounds", "/nodes/2/period"},
                   {"dag_shape", "/nodes/2/inputs"},
                   {"artifact_invalid", "/nodes/3/artifacts/0"},
                   {"name_illegal", "/nodes/4/node_id"},
                   {"node_conflict", "/nodes/7"},
                   {"dag_shape", "/meta"}}));
}

TEST(Dag, HoldsTheBoundsOfTheDocument) {
  EXPECT_EQ(faults_of(dag_text({"1", "2", "3"}), {.nodes_max = 2}),
            (FaultPlaces{{"dag_bounds", "/nodes"}}));
  EXPECT_EQ(faults_of(R"({"nodes":[],"x":[[1]]})", {.depth_max = 2}),
            (FaultPlaces{{"dag_bounds", "/x/0"}}));
  EXPECT_EQ(faults_of(base::encode_base64(R"({"nodes":[],"x":[[1]]})"), {.depth_max = 2}),
            (FaultPlaces{{"dag_bounds", "/x/0"}}));
}

TEST(Dag, FindsItsSentinelId) {
  EXPECT_EQ(sentinel_id(StrategyId("s1")).text(), "s1-sentinel");
  EXPECT_EQ(sentinel_id(StrategyId("s1-sentinel")).text(), "s1-sentinel");
}

}  // namespace
}  // namespace weir::graph
