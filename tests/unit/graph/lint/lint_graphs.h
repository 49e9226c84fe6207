// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/json.h"
#include "graph/lint/lint.h"
#include "graph/node_identity.h"

/// Graphs that have nothing to find, to be bent in one place by a test.
namespace weir::graph {

/// The members of a sound node but for its id; `more` are further ones, which win over the usual.
inline std::string members(std::string_view type, std::string_view more = "") {
  std::string text = R"("node_type":")";
  text.append(type).append(R"(","interval":60,"period":5,"params":{},"tags":["btc"],)");
  text.append(R"("schema_compat_id":"s","schema_hash":"h","code_hash":"c","config_hash":"g")");
  if (!more.empty()) text.append(",").append(more);
  return text;
}

/// The id that these members have.
inline std::string id_of(const std::string& of_members) {
  const auto document = JsonDocument::parse("{" + of_members + "}");
  EXPECT_TRUE(document.ok()) << of_members;
  IdentityParts parts;
  std::vector<Fault> faults;
  EXPECT_TRUE(document.ok() && read_identity_parts(document->root(), "", parts, faults));
  return node_id(canonical_bytes(parts)).text();
}

/// A node with the id of its content.
inline std::string node(const std::string& of_members) {
  return R"({"node_id":")" + id_of(of_members) + "\"," + of_members + "}";
}

/// Members of a node that carries out trades and reads `inputs`: nothing need read it.
inline std::string order(std::initializer_list<std::string> inputs, std::string_view more = "") {
  std::string list;
  for (const std::string& input : inputs) {
    if (!list.empty()) list += ",";
    list += "\"" + input + "\"";
  }
  std::string text = R"("inputs":[)" + list + "]";
  if (!more.empty()) text.append(",").append(more);
  return members("Order", text);
}

inline constexpr std::string_view kContext =
    R"("compute_context":{"execution_domain":"live","world":"w1"})";

/// A document of these nodes that has a version and a domain.
inline std::string graph_of(std::initializer_list<std::string> nodes,
                            std::string_view context = kContext,
                            std::string_view version = R"("meta":{"version":"7"})") {
  std::string text = R"({"nodes":[)";
  for (const std::string& each : nodes) text += (&each == nodes.begin() ? "" : ",") + each;
  text += "]";
  if (!version.empty()) text.append(",").append(version);
  if (!context.empty()) text.append(",").append(context);
  return text + "}";
}

/// Rule and place of each finding.
using Places = std::vector<std::pair<std::string, std::string>>;
inline Places lint(std::string_view text, const LintQuestion& question = {}) {
  const auto findings = lint_dag(text, question);
  EXPECT_TRUE(findings.ok()) << findings.error().describe();
  Places places;
  if (!findings.ok()) return places;
  for (const LintFinding& finding : *findings) {
    EXPECT_FALSE(finding.message.empty() || finding.mend.empty());
    places.emplace_back(lint_rule_name(finding.rule), finding.path);
  }
  return places;
}

/// Of a graph that is one node, which nothing need read, with these members too.
inline Places lint_with(std::string_view more) { return lint(graph_of({node(order({}, more))})); }

}  // namespace weir::graph
