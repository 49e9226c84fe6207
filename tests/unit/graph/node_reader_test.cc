// SPDX-License-Identifier: Apache-2.0
#include "graph/node_reader.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "tests/unit/graph/graph_text.h"

namespace weir::graph {
namespace {

FaultPlaces faults_with(const std::string& member, const DagLimits& limits = {}) {
  return faults_of(dag_text({node_text("n", member)}), limits);
}

FaultPlaces one(const std::string& reason, const std::string& pointer) {
  return {{reason, "/nodes/0/" + pointer}};
}

TEST(NodeReader, WantsIdCodeHashAndSchemaHash) {
  for (const std::string field : {"node_id", "code_hash", "schema_hash"}) {
    for (const std::string empty : {"\"\"", "null"}) {
      EXPECT_EQ(faults_with("\"" + field + "\":" + empty), one("missing_field", field)) << empty;
    }
  }
  EXPECT_EQ(faults_of(R"({"nodes":[{}]})"),
            (FaultPlaces{{"missing_field", "/nodes/0/node_id"},
                         {"missing_field", "/nodes/0/code_hash"},
                         {"missing_field", "/nodes/0/schema_hash"}}));
}

TEST(NodeReader, RefusesFieldsOfTheWrongShape) {
  for (const std::string field :
       {"node_id", "node_type", "code_hash", "schema_hash", "schema_compat_id", "schema_id",
        "interval", "period", "bucket"}) {
    for (const std::string wrong : {"[\"a\"]", "{}"}) {
      EXPECT_EQ(faults_with("\"" + field + "\":" + wrong), one("dag_shape", field)) << wrong;
    }
  }
  for (const std::string field : {"inputs", "dependencies", "tags"}) {
    for (const std::string wrong : {"\"a\"", "{}", "1", "true", "\"\""}) {
      EXPECT_EQ(faults_with("\"" + field + "\":" + wrong), one("dag_shape", field)) << wrong;
    }
  }
  for (const std::string field : {"interval", "period", "bucket"}) {
    for (const std::string wrong : {"\"x\"", "\"1.5\"", "\" \"", "\"60s\"", "\"+-1\"", "\"0x1\""}) {
      EXPECT_EQ(faults_with("\"" + field + "\":" + wrong), one("dag_shape", field)) << wrong;
    }
  }
}

TEST(NodeReader, RefusesItemsOfTheWrongShape) {
  EXPECT_EQ(faults_with(R"("inputs":["a",{},[1]])"),
            (FaultPlaces{{"dag_shape", "/nodes/0/inputs/1"}, {"dag_shape", "/nodes/0/inputs/2"}}));
  EXPECT_EQ(faults_with(R"("dependencies":["a",[]])"), one("dag_shape", "dependencies/1"));
  EXPECT_EQ(faults_with(R"("tags":[[],"a"])"), one("dag_shape", "tags/0"));
}

TEST(NodeReader, RefusesTagQueriesOfTheWrongShape) {
  const std::string type = R"("node_type":"TagQueryNode","tags":["t"],)";
  EXPECT_EQ(faults_with(type + R"("params":{"query_tags":{"a":1}})"),
            one("dag_shape", "params/query_tags"));
  EXPECT_EQ(faults_with(type + R"("params":{"query_tags":[["a"]]})"),
            one("dag_shape", "params/query_tags"));
  EXPECT_EQ(faults_with(type + R"("params":{"tags":5})"), one("dag_shape", "params/tags"));
  EXPECT_EQ(faults_with(type + R"("interval":null,"params":{"interval":1e30})"),
            one("dag_bounds", "params/interval"));
}

TEST(NodeReader, HoldsTheRangesOfNumbers) {
  EXPECT_EQ(faults_with(R"("period":2147483648)"), one("dag_bounds", "period"));
  EXPECT_EQ(faults_with(R"("period":-2147483649)"), one("dag_bounds", "period"));
  EXPECT_EQ(faults_with(R"("interval":9223372036854775808)"), one("dag_bounds", "interval"));
  EXPECT_EQ(faults_with(R"("interval":"-9223372036854775809")"), one("dag_bounds", "interval"));
  EXPECT_EQ(faults_with(R"("interval":1e400)"), one("dag_bounds", "interval"));
  EXPECT_EQ(faults_with(R"("interval":9223372036854775807.0)"), one("dag_bounds", "interval"));
  EXPECT_EQ(faults_with(R"("bucket":1e30)"), one("dag_bounds", "bucket"));
  const Dag dag = read(dag_text(
      {node_text("n", R"("period":-2147483648,"interval":9223372036854775807,"bucket":" -5 ")")}));
  EXPECT_EQ(dag.nodes[0].parts.period, -2147483648);
  EXPECT_EQ(dag.nodes[0].parts.interval, 9223372036854775807);
  EXPECT_EQ(dag.nodes[0].bucket, "-5");
}

TEST(NodeReader, HoldsTheBoundsOfLists) {
  const DagLimits limits = {.inputs_max = 2, .tags_max = 2, .artifacts_max = 1};
  EXPECT_EQ(faults_with(R"("inputs":["a","b","c"])", limits), one("dag_bounds", "inputs"));
  EXPECT_EQ(faults_with(R"("dependencies":["a","b","c"])", limits),
            one("dag_bounds", "dependencies"));
  EXPECT_EQ(faults_with(R"("tags":["a","b","c"])", limits), one("dag_bounds", "tags"));
  EXPECT_EQ(faults_with(R"("artifacts":[1,2])", limits), one("artifact_invalid", "artifacts"));
  EXPECT_EQ(faults_of(dag_text({node_text("a", R"("tags":["x","y"])"),
                                node_text("a", R"("tags":["z"])")}),
                      limits),
            (FaultPlaces{{"dag_bounds", "/nodes/1/tags"}}));
}

TEST(NodeReader, HoldsTheBoundsOfTexts) {
  const std::string longest = "\"" + std::string(1024, 'x') + "\"";
  const std::string longer = "\"" + std::string(1025, 'x') + "\"";
  for (const std::string field : {"node_id", "name", "schema_compat_id"}) {
    read(dag_text({node_text("n", "\"" + field + "\":" + longest)}));
    EXPECT_EQ(faults_with("\"" + field + "\":" + longer), one("dag_bounds", field));
  }
  read(dag_text({node_text("n", "\"tags\":[" + longest + "],\"inputs\":[" + longest + "]")}));
  EXPECT_EQ(faults_with("\"tags\":[\"a\"," + longer + "]"), one("dag_bounds", "tags/1"));
  EXPECT_EQ(faults_with("\"inputs\":[null," + longer + "]"), one("dag_bounds", "inputs/1"));
}

TEST(NodeReader, RefusesTheMarkThatClientsCutAt) {
  EXPECT_EQ(faults_with(R"("node_id":"blake3:a#ck")"), one("name_illegal", "node_id"));
}

TEST(NodeReader, TakesNumbersAsIds) {
  EXPECT_EQ(read(dag_text({node_text("n", R"("node_id":17)")})).nodes[0].node_id.text(), "17");
}

TEST(ArtifactReader, RefusesEachBadField) {
  const auto fault_with = [](const std::string& member) {
    return faults_with(R"("artifacts":[{"path":"p","checksum":"sha256:ab","size":1,)" + member +
                       "}]");
  };
  const std::vector<std::pair<std::string, std::string>> bad = {
      {"path", "\"\""},
      {"path", "null"},
      {"path", "7"},
      {"path", "\"" + std::string(1025, 'p') + "\""},
      {"checksum", "\"\""},
      {"checksum", "\"abcd\""},
      {"checksum", "\":ab\""},
      {"checksum", "\"sha256:\""},
      {"checksum", "\"sha256:abc\""},
      {"checksum", "\"sha256:xy\""},
      {"checksum", "\"sha 256:ab\""},
      {"size", "null"},
      {"size", "-1"},
      {"size", "1.0"},
      {"size", "\"1\""},
      {"size", "true"},
      {"size", "9223372036854775808"},
      {"framework", "[]"},
      {"dtype", "4"},
  };
  for (const auto& [field, value] : bad) {
    EXPECT_EQ(fault_with("\"" + field + "\":" + value),
              one("artifact_invalid", "artifacts/0/" + field))
        << value;
  }
  EXPECT_EQ(faults_with(R"("artifacts":{})"), one("artifact_invalid", "artifacts"));
  EXPECT_EQ(faults_with(R"("artifacts":["p"])"), one("artifact_invalid", "artifacts/0"));
  EXPECT_EQ(faults_with(R"("artifacts":[{}])"),
            (FaultPlaces{{"artifact_invalid", "/nodes/0/artifacts/0/path"},
                         {"artifact_invalid", "/nodes/0/artifacts/0/checksum"},
                         {"artifact_invalid", "/nodes/0/artifacts/0/size"}}));
}

TEST(ArtifactReader, RefusesOneChecksumWithTwoSizesAcrossNodes) {
  const std::string first = R"("artifacts":[{"path":"p","checksum":"sha256:ab","size":1}])";
  const std::string same = R"("artifacts":[{"path":"q","checksum":"sha256:ab","size":1}])";
  const std::string other = R"("artifacts":[{"path":"p","checksum":"sha256:ab","size":2}])";
  EXPECT_EQ(read(dag_text({node_text("a", first), node_text("b", same)})).nodes[1].artifacts.size(),
            1U);
  EXPECT_EQ(faults_of(dag_text({node_text("a", first), node_text("b", other)})),
            (FaultPlaces{{"artifact_invalid", "/nodes/1/artifacts/0/size"}}));
}

}  // namespace
}  // namespace weir::graph
