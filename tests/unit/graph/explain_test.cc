// SPDX-License-Identifier: Apache-2.0
#include "graph/explain.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "base/canonical_json.h"
#include "graph/limits.h"
#include "tests/unit/graph/graph_text.h"

namespace weir::graph {
namespace {

std::vector<ExplainedNode> nodes_of(const std::string& text) {
  auto nodes = explained_nodes(text);
  EXPECT_TRUE(nodes.ok()) << text << nodes.error().describe();
  return nodes.ok() ? *std::move(nodes) : std::vector<ExplainedNode>();
}

/// A node as the store has it: without a place in a file.
std::vector<ExplainedNode> as_stored(std::vector<ExplainedNode> nodes) {
  for (ExplainedNode& node : nodes) {
    node.index.reset();
    node.places = {};
    node.inputs.clear();
    node.stated.clear();
  }
  return nodes;
}

struct Explained {
  std::vector<ExplainedNode> file;
  std::vector<ExplainedNode> other;
  std::vector<Explanation> explanations;
};

/// Explains a file against another one and, which must give the same, against a store.
Explained explained(const std::string& file, const std::string& other) {
  Explained result{nodes_of(file), nodes_of(other), {}};
  result.explanations = explain(result.file, result.other);
  const std::vector<ExplainedNode> stored = as_stored(result.other);
  const std::vector<Explanation> again = explain(result.file, stored);
  EXPECT_EQ(again.size(), result.explanations.size());
  for (std::size_t at = 0; at < std::min(again.size(), result.explanations.size()); ++at) {
    EXPECT_EQ(again[at].verdict, result.explanations[at].verdict);
    EXPECT_EQ(again[at].because, result.explanations[at].because);
    EXPECT_EQ(again[at].changes.size(), result.explanations[at].changes.size());
  }
  return result;
}

std::string told(const Change& change) {
  return change.part + " " + change.path + " " + change.old_value.value_or("nothing") + " → " +
         change.new_value.value_or("nothing");
}

/// The only explanation of one changed node, as texts.
std::vector<std::string> changes_of(const std::string& now, const std::string& before) {
  const Explained result = explained(dag_text({now}), dag_text({before}));
  EXPECT_EQ(result.explanations.size(), 1U);
  EXPECT_EQ(result.explanations.front().verdict, Verdict::Differs);
  std::vector<std::string> texts;
  for (const Change& change : result.explanations.front().changes) texts.push_back(told(change));
  return texts;
}

std::vector<std::string> params_change(const std::string& now, const std::string& before) {
  return changes_of(node_text("n", R"("name":"n","params":)" + now),
                    node_text("n", R"("name":"n","params":)" + before));
}

using Texts = std::vector<std::string>;

TEST(Explain, FindsTheOneEditOfTheSample) {
  const Explained result =
      explained(sample("factor-1000-one-edit.json"), sample("factor-1000.json"));
  ASSERT_EQ(result.explanations.size(), 1000U);
  std::size_t differ = 0;
  for (const Explanation& explanation : result.explanations) {
    if (explanation.verdict == Verdict::Same) {
      EXPECT_EQ(explanation.paired_by, "id");
      continue;
    }
    ++differ;
    EXPECT_EQ(explanation.verdict, Verdict::Differs);
    if (explanation.node->index == 183U) {
      ASSERT_EQ(explanation.changes.size(), 1U);
      EXPECT_EQ(told(explanation.changes.front()), "params /nodes/183/params/clip 3.0 → 2.5");
      EXPECT_TRUE(explanation.because.empty());
    } else {
      EXPECT_EQ(explanation.because, Texts{"/nodes/183/params/clip"});
      for (const Change& change : explanation.changes) EXPECT_EQ(change.part, "dependencies");
    }
  }
  EXPECT_EQ(differ, 10U);
}

TEST(Explain, FindsTheRootsOfTheHotfixSample) {
  const Explained result = explained(sample("factor-1000-hotfix.json"), sample("factor-1000.json"));
  std::size_t differ = 0;
  std::size_t roots = 0;
  std::size_t most_reasons = 0;
  for (const Explanation& explanation : result.explanations) {
    differ += explanation.verdict == Verdict::Differs ? 1 : 0;
    most_reasons = std::max(most_reasons, explanation.because.size());
    for (const Change& change : explanation.changes) {
      if (change.part != "params") continue;
      ++roots;
      EXPECT_TRUE(change.path.ends_with("/params/stop_atr")) << change.path;
      EXPECT_EQ(change.old_value, "2.5");
      EXPECT_EQ(change.new_value, "2.0");
    }
  }
  EXPECT_EQ(differ, 49U);
  EXPECT_EQ(roots, 43U);
  EXPECT_EQ(most_reasons, kBecauseMax);  // of 43
}

TEST(Explain, FindsNothingBetweenAGraphAndItself) {
  for (const char* name : {"factor-1000.json", "cross_market_lag.json", "tag_query.json"}) {
    for (const Explanation& explanation : explained(sample(name), sample(name)).explanations) {
      EXPECT_EQ(explanation.verdict, Verdict::Same);
      EXPECT_TRUE(explanation.changes.empty() && explanation.because.empty());
    }
  }
}

TEST(Explain, TellsEachPartWithItsPlace) {
  const std::string before = node_text("n", R"("name":"n")");
  const auto change = [&](const std::string& member) {
    return changes_of(node_text("n", R"("name":"n",)" + member), before);
  };
  EXPECT_EQ(change(R"("node_type":"N\"2")"),
            Texts{R"(node_type /nodes/0/node_type "Node" → "N\"2")"});
  EXPECT_EQ(change(R"("interval":300)"), Texts{"interval /nodes/0/interval 60 → 300"});
  EXPECT_EQ(change(R"("period":-1)"), Texts{"period /nodes/0/period 5 → -1"});
  EXPECT_EQ(change(R"("code_hash":"c2")"), Texts{R"(code_hash /nodes/0/code_hash "c" → "c2")"});
  EXPECT_EQ(change(R"("schema_compat_id":"s2")"),
            Texts{R"(schema_compat_id /nodes/0/schema_compat_id "s" → "s2")"});
  EXPECT_EQ(change(R"("schema_compat_id":"","schema_id":"s2")"),
            Texts{R"(schema_compat_id /nodes/0/schema_id "s" → "s2")"});
  EXPECT_EQ(change(R"("inputs":["x"])"), Texts{R"(dependencies /nodes/0/inputs/0 nothing → "x")"});
}

TEST(Explain, TellsSeveralChangesInTheOrderOfTheParts) {
  EXPECT_EQ(
      changes_of(node_text("n", R"("name":"n","code_hash":"d","params":{"b":2,"a":1},"period":6)"),
                 node_text("n", R"("name":"n","params":{"b":1,"a":0})")),
      (Texts{"period /nodes/0/period 5 → 6", "params /nodes/0/params/a 0 → 1",
             "params /nodes/0/params/b 1 → 2", R"(code_hash /nodes/0/code_hash "c" → "d")"}));
}

TEST(Explain, GoesDownToTheInnermostValueOfParams) {
  const std::string path = "params /nodes/0/params";
  EXPECT_EQ(params_change(R"({"a":{"b":[1,{"c":2}]}})", R"({"a":{"b":[1,{"c":3}]}})"),
            Texts{path + "/a/b/1/c 3 → 2"});
  EXPECT_EQ(params_change(R"({"a/b":{"~":true}})", R"({"a/b":{"~":false}})"),
            Texts{path + "/a~1b/~0 false → true"});
  EXPECT_EQ(params_change(R"({"a":1,"b":2})", R"({"a":1})"), Texts{path + "/b nothing → 2"});
  EXPECT_EQ(params_change(R"({"a":1})", R"({"a":1,"b":[2]})"), Texts{path + "/b [2] → nothing"});
  EXPECT_EQ(params_change("[1,2,3]", "[1]"),
            (Texts{path + "/1 nothing → 2", path + "/2 nothing → 3"}));
  EXPECT_EQ(params_change("[1]", "[1,2]"), Texts{path + "/1 2 → nothing"});
  EXPECT_EQ(params_change(R"({"a":[]})", R"({"a":{}})"), Texts{path + "/a {} → []"});
  EXPECT_EQ(params_change(R"({"a":1})", R"({"a":1.0})"), Texts{path + "/a 1.0 → 1"});
  EXPECT_EQ(params_change(R"({"a":null})", R"({"a":""})"), Texts{path + "/a \"\" → null"});
  EXPECT_EQ(params_change("7", R"("é")"), Texts{path + " \"é\" → 7"});
}

TEST(Explain, FindsEveryValueOfParamsChangedToEveryKind) {
  using Json = nlohmann::json;
  const Json params =
      Json::parse(R"({"a":1,"b":{"c":[true,{"d":"x","e":null}],"f/g":{}},"h":[[2.5]]})");
  const std::vector<Json> kinds = {nullptr, false, 7, 7.0, "é", Json::array({1}), {{"k", 1}}};
  std::size_t checked = 0;
  const Json leaves = params.flatten();
  for (const auto& leaf : leaves.items()) {
    const Json::json_pointer pointer(leaf.key());
    const Json& before = params[pointer];
    if (before.is_structured()) continue;  // an empty one: its members would be what differs
    for (const Json& kind : kinds) {
      if (kind == before && kind.type() == before.type()) continue;
      Json changed = params;
      changed[pointer] = kind;
      EXPECT_EQ(
          params_change(changed.dump(), params.dump()),
          Texts{"params /nodes/0/params" + leaf.key() + " " + before.dump() + " → " + kind.dump()});
      ++checked;
    }
  }
  EXPECT_GT(checked, 30U);
}

TEST(Explain, ReadsCanonicalInfinities) {
  EXPECT_EQ(params_change(R"({"a":1e400,"b":1})", R"({"a":-1e400,"b":1})"),
            Texts{"params /nodes/0/params/a -Infinity → Infinity"});
}

TEST(Explain, LeavesOutParamsThatNameNothing) {
  EXPECT_EQ(params_change(R"({"seed":1,"a":1,"l":[{"env":1,"b":2}]})",
                          R"({"seed":2,"a":1,"l":[{"b":3}]})"),
            Texts{"params /nodes/0/params/l/0/b 3 → 2"});
}

TEST(Explain, PointsIntoConfigWhereThereAreNoParams) {
  EXPECT_EQ(params_change(R"(null,"config":{"a":1})", R"({"a":2})"),
            Texts{"params /nodes/0/config/a 2 → 1"});
}

TEST(Explain, PointsAtTheValuesOfAQueryWhereTheyStand) {
  const std::string type = R"("name":"q","node_type":"TagQueryNode",)";
  const std::string before = node_text("n", type + R"("params":{"query_tags":["a","b"]})");
  const auto change = [&](const std::string& members) {
    return changes_of(node_text("n", type + members), before);
  };
  EXPECT_EQ(change(R"("params":{"query_tags":"c, a"})"),
            Texts{R"(params /nodes/0/params/query_tags ["a","b"] → ["a","c"])"});
  EXPECT_EQ(change(R"("params":{"tags":["a"]})"),
            Texts{R"(params /nodes/0/params/tags ["a","b"] → ["a"])"});
  EXPECT_EQ(change(R"("params":{},"tags":["x"])"),
            Texts{R"(params /nodes/0/tags ["a","b"] → ["x"])"});
  EXPECT_EQ(change(R"("params":{"tags":["a","b"]},"match_mode":"all")"),
            Texts{R"(params /nodes/0/match_mode "any" → "all")"});
  EXPECT_EQ(change(R"("params":{"tags":["a","b"],"match_mode":"ALL"})"),
            Texts{R"(params /nodes/0/params/match_mode "any" → "all")"});
  EXPECT_EQ(change(R"("params":{"tags":["a","b"]},"interval":90)"),
            (Texts{"interval /nodes/0/interval 60 → 90", "params /nodes/0/interval 60 → 90"}));
  EXPECT_EQ(
      change(R"("params":{"tags":["a","b"],"interval":90},"interval":null)"),
      (Texts{"interval /nodes/0/interval 60 → 0", "params /nodes/0/params/interval 60 → 90"}));
}

TEST(Explain, PairsByIdThenNameThenShape) {
  const Explained result = explained(
      dag_text({node_text("a"), node_text("b", R"("name":"rsi","period":6,"tags":["x"])"),
                node_text("c", R"("name":"new name","period":7,"interval":9,"tags":["y","z"])"),
                node_text("d", R"("name":"alone","interval":10)")}),
      dag_text({node_text("c", R"("name":"old name","period":8,"interval":9,"tags":["z","y"])"),
                node_text("b", R"("name":"rsi","interval":61)"), node_text("a"),
                node_text("e", R"("name":"gone","interval":11)")}));
  std::vector<std::string> pairs;
  for (const Explanation& explanation : result.explanations) {
    pairs.push_back((explanation.node != nullptr ? explanation.node->stated : "-") + " " +
                    (explanation.other != nullptr ? explanation.other->stated : "-") + " " +
                    explanation.paired_by + " " + std::string(verdict_text(explanation.verdict)));
  }
  EXPECT_EQ(pairs, (Texts{"a a id same", "b b name differs", "c c shape differs", "d -  added",
                          "- e  removed"}));
}

TEST(Explain, PairsNoNamesThatAreNotUnique) {
  const Explained result = explained(dag_text({node_text("a", R"("name":"x","interval":1)"),
                                               node_text("b", R"("name":"x","interval":2)")}),
                                     dag_text({node_text("c", R"("name":"x","interval":3)")}));
  ASSERT_EQ(result.explanations.size(), 3U);
  EXPECT_EQ(result.explanations[0].verdict, Verdict::Added);
  EXPECT_EQ(result.explanations[1].verdict, Verdict::Added);
  EXPECT_EQ(result.explanations[2].verdict, Verdict::Removed);
}

/// Text of a document whose nodes are told by name, each under the id its content has, so that a
/// change goes downstream as it does with the SDK.
struct Wired {
  struct Node {
    std::string name;
    std::string params;
    std::vector<std::string> inputs;  // names of earlier nodes, else outside ids
  };
  static std::string text(const std::vector<Node>& nodes) {
    std::map<std::string, std::string> ids;
    std::string all;
    for (const Node& node : nodes) {
      std::string inputs;
      for (const std::string& input : node.inputs) {
        inputs +=
            (inputs.empty() ? "" : ",") + ('"' + (ids.contains(input) ? ids[input] : input) + '"');
      }
      const std::string members = R"("name":")" + node.name + R"(","params":)" + node.params +
                                  R"(,"inputs":[)" + inputs + "]";
      ids[node.name] = read(dag_text({node_text("n", members)})).nodes[0].computed_id.text();
      all += (all.empty() ? "" : ",") + node_text(ids[node.name], members);
    }
    return R"({"nodes":[)" + all + "]}";
  }
};

TEST(Explain, FollowsChangedDependenciesToTheirRoots) {
  const std::string before = Wired::text({{"a", R"({"n":1})", {}},
                                          {"b", R"({"m":1})", {}},
                                          {"c", "{}", {"a", "b"}},
                                          {"d", "{}", {"c"}},
                                          {"e", "{}", {"b"}}});
  const std::string now = Wired::text({{"a", R"({"n":2})", {}},
                                       {"b", R"({"m":3})", {}},
                                       {"c", R"({"x":1})", {"a", "b"}},
                                       {"d", "{}", {"c"}},
                                       {"e", "{}", {"b"}}});
  const Explained result = explained(now, before);
  EXPECT_EQ(result.explanations[2].because, (Texts{"/nodes/0/params/n", "/nodes/1/params/m"}));
  EXPECT_EQ(result.explanations[3].because,
            (Texts{"/nodes/0/params/n", "/nodes/1/params/m", "/nodes/2/params/x"}));
  EXPECT_EQ(result.explanations[4].because, Texts{"/nodes/1/params/m"});
  ASSERT_EQ(result.explanations[3].changes.size(), 1U);
  const Change& change = result.explanations[3].changes.front();
  EXPECT_EQ(change.path, "/nodes/3/inputs/0");
  EXPECT_EQ(change.old_value, '"' + result.other[2].node_id + '"');
  EXPECT_EQ(change.new_value, '"' + result.file[2].node_id + '"');
}

TEST(Explain, TakesAnotherWiringForARootOfItsOwn) {
  const std::string before = Wired::text({{"a", "{}", {}},
                                          {"b", R"({"n":1})", {}},
                                          {"c", "{}", {"a", "outside"}},
                                          {"d", "{}", {"c"}}});
  const auto because = [&](const std::vector<std::string>& inputs) {
    const std::string now = Wired::text(
        {{"a", "{}", {}}, {"b", R"({"n":1})", {}}, {"c", "{}", inputs}, {"d", "{}", {"c"}}});
    const Explained result = explained(now, before);
    EXPECT_EQ(result.explanations[3].because, result.explanations[2].because);
    return result.explanations[2].because;
  };
  EXPECT_EQ(because({"b", "outside"}), Texts{"/nodes/2/inputs/0"});
  EXPECT_EQ(because({"a", "elsewhere"}), Texts{"/nodes/2/inputs/1"});
  EXPECT_EQ(because({"a", "outside", "b"}), Texts{"/nodes/2/inputs/2"});
  EXPECT_EQ(because({"a"}), Texts{"/nodes/2/inputs"});
}

TEST(Explain, TakesANewNodeForARoot) {
  const std::string before = Wired::text({{"a", "{}", {}}, {"c", "{}", {"a"}}});
  const std::string now = Wired::text({{"a", "{}", {}},
                                       {"new", R"({"n":1})", {}},
                                       {"more", R"({"n":2})", {"new"}},
                                       {"c", "{}", {"a", "more"}}});
  const Explained result = explained(now, before);
  EXPECT_EQ(result.explanations[1].verdict, Verdict::Added);
  EXPECT_EQ(result.explanations[3].because, Texts{"/nodes/2"});
}

TEST(Explain, CountsRepeatedDependencies) {
  const std::string before = Wired::text({{"a", "{}", {}}, {"c", "{}", {"a", "a"}}});
  const std::string now = Wired::text({{"a", "{}", {}}, {"c", "{}", {"a"}}});
  const Explained fewer = explained(now, before);
  ASSERT_EQ(fewer.explanations[1].changes.size(), 1U);
  EXPECT_EQ(fewer.explanations[1].changes[0].path, "/nodes/1/inputs");
  EXPECT_FALSE(fewer.explanations[1].changes[0].new_value);
  const Explained more = explained(before, now);
  ASSERT_EQ(more.explanations[1].changes.size(), 1U);
  EXPECT_EQ(more.explanations[1].changes[0].path, "/nodes/1/inputs/0");
}

TEST(Explain, RefusesFilesThatCannotBeRead) {
  EXPECT_EQ(explained_nodes("{").error().reason(), "dag_not_json");
  EXPECT_EQ(explained_nodes(dag_text({"{}"})).error().reason(), "missing_field");
}

TEST(Explain, CountsPlacesFromTheFileWithAllItsEntries) {
  const std::vector<ExplainedNode> nodes =
      nodes_of(dag_text({"7", node_text("a", R"("inputs":[null,"x",""],"dependencies":["y"])"),
                         node_text("a", R"("inputs":["x"],"tags":["t"])"),
                         node_text("b", R"("dependencies":["z"])")}));
  ASSERT_EQ(nodes.size(), 2U);
  EXPECT_EQ(nodes[0].index, 1U);
  EXPECT_EQ(nodes[0].places.dependencies, "/nodes/1/inputs");
  ASSERT_EQ(nodes[0].inputs.size(), 1U);
  EXPECT_EQ(nodes[0].inputs[0].index, 1U);
  EXPECT_EQ(nodes[0].tags, Texts{"t"});
  EXPECT_EQ(nodes[1].places.dependencies, "/nodes/3/dependencies");
}

}  // namespace
}  // namespace weir::graph
