// SPDX-License-Identifier: Apache-2.0
#include "graph/identity_check.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

#include "tests/unit/graph/graph_text.h"

namespace weir::graph {
namespace {

using Texts = std::vector<std::string>;

Texts codes_of(const std::vector<IdentityFinding>& findings) {
  Texts codes;
  for (const IdentityFinding& finding : findings)
    codes.push_back(finding.code + " " + finding.path);
  return codes;
}

/// A node under the id that its content has.
std::string named_node(const std::string& members = "") {
  const Dag dag = read(dag_text({node_text("n", members)}));
  return node_text(dag.nodes.front().computed_id.view(), members);
}

IdentityReport checked(const std::string& nodes, std::optional<std::uint32_t> crc32 = {}) {
  const auto document = JsonDocument::parse(nodes);
  EXPECT_TRUE(document.ok()) << nodes;
  return document.ok() ? check_identity(document->root(), crc32) : IdentityReport();
}

TEST(IdentityCheck, FindsNothingInAGraphThatIsRight) {
  EXPECT_TRUE(read(dag_text({named_node(), named_node(R"("period":6)")})).findings.empty());
}

TEST(IdentityCheck, FindsWhatAReadableGraphLacks) {
  EXPECT_EQ(
      codes_of(read(dag_text({named_node(R"("config_hash":null)"), named_node(R"("node_type":"")"),
                              named_node(R"("schema_compat_id":" ")")}))
                   .findings),
      (Texts{"E_NODE_ID_FIELDS /nodes/0", "E_NODE_ID_FIELDS /nodes/1",
             "E_NODE_ID_FIELDS /nodes/2"}));
}

TEST(IdentityCheck, WantsTagsAndIntervalOfAQuery) {
  const std::string type = R"("node_type":"TagQueryNode",)";
  const auto missing = [&](const std::string& members) {
    const IdentityReport report = checked("[" + named_node(type + members) + "]");
    return report.missing.empty() ? Texts() : report.missing.front().fields;
  };
  EXPECT_EQ(missing(R"("tags":["a"])"), Texts());
  EXPECT_EQ(missing(R"("tags":[])"), Texts{"tags"});
  EXPECT_EQ(missing(R"("tags":["a"],"interval":null)"), (Texts{"tags", "interval"}));
  EXPECT_EQ(missing(R"("params":{"tags":["a"],"interval":60},"interval":null)"), Texts());
}

TEST(IdentityCheck, FindsIdsThatAreNotTheirContents) {
  const Dag dag = read(dag_text({node_text("blake3:00"), node_text("A")}));
  EXPECT_EQ(codes_of(dag.findings),
            (Texts{"E_NODE_ID_MISMATCH /nodes/0", "E_NODE_ID_MISMATCH /nodes/1"}));
  EXPECT_FALSE(dag.findings[0].no_prefix);
  EXPECT_TRUE(dag.findings[1].no_prefix);
  EXPECT_NE(dag.findings[0].text.find(dag.nodes[0].computed_id.text()), std::string::npos);
}

TEST(IdentityCheck, TellsFindingsByKindNotByNode) {
  const std::string nodes = "[" + node_text("A") + "," + node_text("B", R"("config_hash":"")") +
                            "," + node_text("C", R"("schema_id":"s2")") + "]";
  const IdentityReport report = checked(nodes, 1);
  EXPECT_EQ(report.code(), "E_NODE_ID_FIELDS");
  EXPECT_EQ(codes_of(identity_findings(report)),
            (Texts{"E_NODE_ID_FIELDS /nodes/1", "E_SCHEMA_COMPAT_MISMATCH /nodes/2",
                   "E_CHECKSUM_MISMATCH /nodes", "E_NODE_ID_MISMATCH /nodes/0",
                   "E_NODE_ID_MISMATCH /nodes/1"}));
}

TEST(IdentityCheck, ChecksTheSumOnlyWhereOneIsGiven) {
  const std::string nodes = "[" + named_node() + "]";
  const std::uint32_t crc32 = checked(nodes).crc32;
  EXPECT_EQ(checked(nodes).code(), "");
  EXPECT_EQ(checked(nodes, crc32).code(), "");
  EXPECT_EQ(checked(nodes, crc32 + 1).code(), "E_CHECKSUM_MISMATCH");
}

TEST(IdentityCheck, LeavesSentinelsAndOddEntriesAlone) {
  const IdentityReport report = checked(R"([5,{"node_type":"VersionSentinel","node_id":"s"}])", 0);
  EXPECT_EQ(report.code(), "");
  EXPECT_EQ(report.crc32, 0U);
}

}  // namespace
}  // namespace weir::graph
