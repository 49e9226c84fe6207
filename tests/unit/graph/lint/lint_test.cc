// SPDX-License-Identifier: Apache-2.0
#include "graph/lint/lint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "base/base64.h"
#include "tests/unit/graph/lint/lint_graphs.h"

namespace weir::graph {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::Pair;

const std::string kPlain = members("Node");

TEST(Lint, FindsNothingInASoundGraph) {
  const std::string source = node(kPlain);
  const std::string graph = graph_of({source, node(order({id_of(kPlain)}))});
  EXPECT_THAT(lint(graph), IsEmpty());
  EXPECT_THAT(lint(base::encode_base64(graph)), IsEmpty());
}

TEST(Lint, L01FindsAnIdWithTwoMeanings) {
  const std::string id = id_of(kPlain);
  const std::string other =
      R"({"node_id":")" + id + "\"," + members("Node", R"("schema_hash":"h2")") + "}";
  const std::string reader = node(order({id}));
  EXPECT_THAT(lint(graph_of({node(kPlain), other, reader})), ElementsAre(Pair("L01", "/nodes/1")));
  const auto findings = lint_dag(graph_of({node(kPlain), other, reader}), {});
  ASSERT_TRUE(findings.ok());
  EXPECT_EQ(findings->front().node_id, id);
}

TEST(Lint, L02FindsStreamsThatAreOneBecauseTheyDifferInTagsOrNameOnly) {
  const std::string other = members("Node", R"("tags":["eth"],"name":"eth")");
  const std::string reader = node(order({id_of(kPlain)}));
  const auto findings = lint_dag(graph_of({node(kPlain), node(other), reader}), {});
  ASSERT_TRUE(findings.ok());
  ASSERT_EQ(findings->size(), 1U);
  EXPECT_EQ(lint_rule_name(findings->front().rule), "L02");
  EXPECT_EQ(findings->front().path, "/nodes/1");
  EXPECT_THAT(findings->front().message, HasSubstr("/nodes/0: they differ in tags, name only"));
  const std::string apart = members("Node", R"("tags":["eth"],"params":{"symbol":"eth"})");
  EXPECT_THAT(
      lint(graph_of({node(kPlain), node(apart), node(order({id_of(kPlain), id_of(apart)}))})),
      IsEmpty());
}

TEST(Lint, L03FindsInputsDefinedNowhereAndAsksForThemFirst) {
  const std::string graph = graph_of({node(order({"far", "near", "far"}))});
  EXPECT_THAT(inputs_from_elsewhere(graph), ElementsAre("far", "near"));
  EXPECT_THAT(lint(graph),
              ElementsAre(Pair("L03", "/nodes/0/inputs/0"), Pair("L03", "/nodes/0/inputs/1"),
                          Pair("L03", "/nodes/0/inputs/2")));
  EXPECT_THAT(lint(graph, {.stored = {"near", "far"}}), IsEmpty());
  const std::string old = members("Order", R"("inputs":[],"dependencies":["gone"])");
  EXPECT_THAT(lint(graph_of({node(old)})), ElementsAre(Pair("L03", "/nodes/0/dependencies/0")));
  EXPECT_THAT(inputs_from_elsewhere("no graph"), IsEmpty());
}

TEST(Lint, L04FindsInputsDefinedAfterTheirUse) {
  const std::string reader = node(order({id_of(kPlain)}));
  EXPECT_THAT(lint(graph_of({reader, node(kPlain)})),
              ElementsAre(Pair("L04", "/nodes/0/inputs/0")));
  EXPECT_THAT(lint(graph_of({node(kPlain), reader})), IsEmpty());
}

TEST(Lint, L05FindsACycle) {
  // Ids of a cycle cannot be those of their contents.
  const std::string one = R"({"node_id":"a",)" + order({"b"}) + "}";
  const std::string other = R"({"node_id":"b",)" + order({"a"}) + "}";
  EXPECT_THAT(lint(graph_of({one, other})),
              ElementsAre(Pair("L05", "/nodes/0"), Pair("L06", "/nodes/0/node_id"),
                          Pair("L04", "/nodes/0/inputs/0"), Pair("L06", "/nodes/1/node_id")));
}

TEST(Lint, L06FindsAnIdThatIsNotTheComputedOneOrHasNoPrefix) {
  const std::string wrong = R"({"node_id":"blake3:00",)" + order({}) + "}";
  const std::string bare =
      R"({"node_id":")" + id_of(order({})).substr(sizeof("blake3")) + "\"," + order({}) + "}";
  const auto first = lint_dag(graph_of({wrong}), {});
  const auto second = lint_dag(graph_of({bare}), {});
  for (const auto* findings : {&first, &second}) {
    ASSERT_TRUE(findings->ok());
    ASSERT_EQ((*findings)->size(), 1U);
    EXPECT_EQ(lint_rule_name((*findings)->front().rule), "L06");
    EXPECT_EQ((*findings)->front().path, "/nodes/0/node_id");
    EXPECT_EQ((*findings)->front().mend, "name it " + id_of(order({})));
  }
  EXPECT_THAT(first->front().message, Not(HasSubstr("blake3:")));
  EXPECT_THAT(second->front().message, HasSubstr("has no blake3:"));
  EXPECT_THAT(lint(graph_of({R"({"node_id":"a#b",)" + order({}) + "}"})),
              ElementsAre(Pair("L06", "/nodes/0/node_id"), Pair("L12", "/nodes/0")));
}

TEST(Lint, L07FindsMissingFieldsAndTwoSchemaIds) {
  EXPECT_THAT(
      lint(graph_of({node(order({}, R"("config_hash":"","schema_compat_id":null)"))})),
      ElementsAre(Pair("L07", "/nodes/0/config_hash"), Pair("L07", "/nodes/0/schema_compat_id")));
  EXPECT_THAT(lint(graph_of({"{" + order({}, R"("code_hash":"")") + "}"})),
              ElementsAre(Pair("L07", "/nodes/0/code_hash"), Pair("L07", "/nodes/0/node_id")));
  const std::string two = R"({"node_id":"a",)" + order({}, R"("schema_id":"t")") + "}";
  EXPECT_THAT(lint(graph_of({two})), ElementsAre(Pair("L07", "/nodes/0/schema_id")));
  EXPECT_THAT(lint(graph_of({node(order({}, R"("schema_id":"s")"))})), IsEmpty());
}

TEST(Lint, L10FindsNodesThatNothingReadsAndThatAreNoTrade) {
  EXPECT_THAT(lint(graph_of({node(kPlain)})), ElementsAre(Pair("L10", "/nodes/0")));
  EXPECT_THAT(lint(graph_of({node(order({}))})), IsEmpty());
}

TEST(Lint, L10SeesWhatATagQueryReads) {
  const auto query = [](std::string_view mode, std::string_view interval) {
    return members("TagQueryNode", R"("tags":["btc","eth"],"match_mode":")" + std::string(mode) +
                                       R"(","interval":)" + std::string(interval));
  };
  const auto linted = [&](const std::string& asked) {
    return lint(graph_of({node(kPlain), node(asked), node(order({id_of(asked)}))}));
  };
  EXPECT_THAT(linted(query("any", "60")), IsEmpty());
  EXPECT_THAT(linted(query("all", "60")), ElementsAre(Pair("L10", "/nodes/0")));
  EXPECT_THAT(linted(query("any", "300")), ElementsAre(Pair("L10", "/nodes/0")));
}

TEST(Lint, L14FindsThatItWouldRunInSafeMode) {
  const std::string graph = graph_of({node(order({}))}, R"("compute_context":{"domain":"sim"})");
  EXPECT_THAT(lint(graph), ElementsAre(Pair("L14", "")));
  EXPECT_THAT(lint(graph, {.context = {.as_of = "2026-01-01"}}), IsEmpty());
  EXPECT_THAT(lint(graph_of({node(order({}))}, "")), ElementsAre(Pair("L14", "")));
  EXPECT_THAT(lint(graph_of({node(order({}))}, ""), {.context = {.execution_domain = "shadow"}}),
              IsEmpty());
}

TEST(Lint, L15FindsThatThereIsNoVersion) {
  EXPECT_THAT(lint(graph_of({node(order({}))}, kContext, "")), ElementsAre(Pair("L15", "")));
  const std::string sentinel = R"({"node_id":"x-sentinel","node_type":"VersionSentinel",)"
                               R"("version":"8"})";
  EXPECT_THAT(lint(graph_of({sentinel, node(order({}))}, kContext, "")), IsEmpty());
}

TEST(Lint, L16FindsWhatIsBeyondTheBounds) {
  const std::string graph = graph_of({node(order({})), node(order({"far", "near"}))});
  EXPECT_THAT(lint(graph, {.stored = {"far", "near"}, .limits = {.inputs_max = 1}}),
              ElementsAre(Pair("L16", "/nodes/1/inputs")));
  EXPECT_THAT(lint(graph, {.limits = {.nodes_max = 1}}), ElementsAre(Pair("L16", "/nodes")));
  const auto deep = lint(graph, {.limits = {.depth_max = 3}});
  ASSERT_EQ(deep.size(), 1U);
  EXPECT_EQ(deep.front().first, "L16");
  EXPECT_THAT(lint(graph_of({node(order({})), node(order({"far"}))}),
                   {.stored = {"far"}, .limits = {.inputs_max = 1}}),
              IsEmpty());
}

TEST(Lint, RefusesWhatIsNoGraphWithAllItsFaults) {
  const auto refused =
      lint_dag(graph_of({R"({"node_id":"a",)" + order({}, R"("tags":5,"artifacts":7)") + "}"}), {});
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().faults().size(), 2U);
  for (const char* text : {"", "[]", "{}", R"({"nodes":5})", R"({"nodes":[],"meta":1})", "%%%"}) {
    EXPECT_FALSE(lint_dag(text, {}).ok()) << text;
  }
}

TEST(Lint, HasAnErrorOrARefusalForEveryGraphThatReadingRefuses) {
  const std::string sound = node(order({}));
  const std::string id = id_of(order({}));
  const std::vector<std::string> graphs = {
      graph_of({"{" + order({}) + "}"}),
      graph_of({node(order({}, R"("code_hash":null)"))}),
      graph_of({R"({"node_id":"a#b",)" + order({}) + "}"}),
      graph_of({R"({"node_id":"a",)" + order({}, R"("schema_id":"t")") + "}"}),
      graph_of({R"({"node_id":"a",)" + order({}, R"("interval":[])") + "}"}),
      graph_of({R"({"node_id":"a",)" + order({}, R"("period":99999999999)") + "}"}),
      graph_of({R"({"node_id":"a",)" + order({}, R"("bucket":"x")") + "}"}),
      graph_of({R"({"node_id":"a",)" + order({"a"}) + "}"}),
      graph_of({sound, R"({"node_id":")" + id + "\"," + order({}, R"("schema_hash":"2")") + "}"}),
      graph_of({node(order({}, R"("name":")" + std::string(1'025, 'x') + "\""))}),
      graph_of({sound}, R"("compute_context":5)"),
      graph_of({sound}, R"("meta":{"compute_context":[]})"),
  };
  for (const std::string& graph : graphs) {
    ASSERT_FALSE(read_dag(graph).ok()) << graph;
    const auto findings = lint_dag(graph, {});
    EXPECT_TRUE(!findings.ok() || std::ranges::any_of(*findings, [](const LintFinding& finding) {
      return lint_severity(finding.rule) == LintSeverity::Error;
    })) << graph;
  }
}

TEST(Lint, TellsAThousandFindingsOfARuleAndHowManyMoreThereAre) {
  std::string inputs;
  for (int i = 0; i < 1'005; ++i) inputs += (i == 0 ? "\"x" : ",\"x") + std::to_string(i) + "\"";
  const std::string wide = members("Order", R"("inputs":[)" + inputs + "]");
  const auto findings = lint_dag(graph_of({node(wide)}), {});
  ASSERT_TRUE(findings.ok());
  ASSERT_EQ(findings->size(), 1'001U);
  EXPECT_EQ(findings->back().rule, LintRule::UnknownInput);
  EXPECT_EQ(findings->back().message, "holds 5 more times");
}

TEST(Lint, HasANameAndASeverityForEachRule) {
  const std::string errors = "L01 L05 L06 L07 L11 L12 L16 ";
  std::string found;
  for (std::size_t rule = 0; rule < kLintRules; ++rule) {
    const auto each = static_cast<LintRule>(rule);
    const std::string number = std::to_string(rule + 1);
    EXPECT_EQ(lint_rule_name(each), "L" + std::string(number.size() == 1 ? "0" : "") + number);
    if (lint_severity(each) == LintSeverity::Error)
      found += std::string(lint_rule_name(each)) + " ";
  }
  EXPECT_EQ(found, errors);
  EXPECT_EQ(lint_severity_name(LintSeverity::Error), "error");
  EXPECT_EQ(lint_severity_name(LintSeverity::Warning), "warning");
}

}  // namespace
}  // namespace weir::graph
