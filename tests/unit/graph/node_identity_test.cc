// SPDX-License-Identifier: Apache-2.0
#include "graph/node_identity.h"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "graph/node_parts.h"

namespace weir::graph {
namespace {

JsonDocument parsed(const std::string& text) {
  auto document = JsonDocument::parse(text);
  EXPECT_TRUE(document.ok()) << text;
  return *std::move(document);
}

std::string canonical_of(const std::string& text) {
  const JsonDocument document = parsed(text);
  IdentityParts parts;
  std::vector<Fault> faults;
  EXPECT_TRUE(read_identity_parts(document.root(), "", parts, faults)) << text;
  return canonical_bytes(parts);
}

TEST(NodeIdentity, SpellsScalarsAsThePublicClientDoes) {
  EXPECT_EQ(canonical_of(R"({"node_type":true,"code_hash":-0})"), "True|0|0|null|||0");
  EXPECT_EQ(canonical_of(R"({"node_type":1e16,"code_hash":1e400})"), "1e+16|0|0|null|||inf");
  EXPECT_EQ(canonical_of(R"({"node_type":null,"schema_compat_id":0,"schema_id":5})"),
            "None|0|0|null||5|");
  EXPECT_EQ(canonical_of(R"({"inputs":[false,0,1.0,null,""]})"), "|0|0|null|0,1.0,False||");
}

TEST(NodeIdentity, TakesAListOfNullsForInputsThatAreThere) {
  EXPECT_EQ(canonical_of(R"({"inputs":[null],"dependencies":["a"]})"), "|0|0|null|||");
  EXPECT_EQ(canonical_of(R"({"inputs":null,"dependencies":["a"]})"), "|0|0|null|a||");
}

TEST(NodeIdentity, ReadsTruthAsANumberWhereOneIsWanted) {
  EXPECT_EQ(canonical_of(R"({"interval":true,"period":false})"), "|1|0|null|||");
}

TEST(NodeIdentity, TellsFaultsBelowTheNodesOwnPath) {
  const JsonDocument document =
      parsed(R"({"period":"x","interval":{},"schema_compat_id":"a","schema_id":"b"})");
  IdentityParts parts;
  std::vector<Fault> faults(1);
  EXPECT_FALSE(read_identity_parts(document.root(), "/nodes/7", parts, faults));
  ASSERT_EQ(faults.size(), 4U);  // what was there stays
  EXPECT_EQ(faults[1].path, "/nodes/7/period");
  EXPECT_EQ(faults[2].path, "/nodes/7/interval");
  EXPECT_EQ(faults[3].reason, "schema_compat_mismatch");
}

TEST(NodeIdentity, ChangesWithEachOfItsParts) {
  const IdentityParts parts = {.node_type = "N",
                               .interval = 1,
                               .period = 2,
                               .params_canon = "{}",
                               .dependencies = {"a", "b"},
                               .schema_compat_id = "s",
                               .code_hash = "c"};
  std::set<std::string> ids = {node_id(canonical_bytes(parts)).text()};
  std::vector<IdentityParts> others(7, parts);
  others[0].node_type = "M";
  others[1].interval = 3;
  others[2].period = 3;
  others[3].params_canon = "[]";
  others[4].dependencies.pop_back();
  others[5].schema_compat_id = "t";
  others[6].code_hash = "d";
  for (const IdentityParts& other : others) {
    EXPECT_TRUE(ids.insert(node_id(canonical_bytes(other)).text()).second);
  }
}

TEST(NodeIdentity, StopsLookingForAFreeIdAtItsBound) {
  unsigned asked = 0;
  const NodeId id = node_id_without_collision("x", [&](const NodeId&) {
    ++asked;
    return true;
  });
  EXPECT_EQ(asked, kRehashesMax);
  EXPECT_EQ(id.text().size(), 7U + 128U);
}

TEST(ExcludedParam, LooksAtTheWholeKeyInAnyLetterCase) {
  for (const char* key : {"world", "WORLD_IDS", "Dataset_Fingerprint", "env", "ENV_",
                          "env_some_very_long_name_indeed"}) {
    EXPECT_TRUE(is_excluded_param(key)) << key;
  }
  for (const char* key : {"", "worlds", "dataset_fingerprints", "envx", "en", " seed", "seed ",
                          "dataset_fingerprint_"}) {
    EXPECT_FALSE(is_excluded_param(key)) << key;
  }
}

TEST(ReadTagQuery, GivesTheQueryOfANode) {
  const JsonDocument document = parsed(
      R"({"node_type":"TagQueryNode","interval":"60","tags":["y"],
          "params":{"query_tags":[" b ",null,3,"a","a"],"match_mode":"All"}})");
  EXPECT_EQ(read_tag_query(document.root()), (TagQuerySpec{.tags = {"3", "None", "a", "b"},
                                                           .match_all = true,
                                                           .has_interval = true,
                                                           .interval = 60}));
}

TEST(ReadTagQuery, HasNoIntervalWhereNoneCanBeRead) {
  for (const char* interval : {"null", "\"\"", "\"x\"", "[]", "1e400"}) {
    const JsonDocument document = parsed(std::string(R"({"interval":)") + interval + "}");
    EXPECT_FALSE(read_tag_query(document.root()).has_interval) << interval;
  }
  EXPECT_TRUE(read_tag_query(parsed(R"({"interval":0})").root()).has_interval);
}

TEST(ReadTagQuery, LooksForTagsFromParamsToTheNode) {
  const auto tags = [](const std::string& text) {
    return read_tag_query(parsed(text).root()).tags;
  };
  using Tags = std::vector<std::string>;
  EXPECT_EQ(tags(R"({"tags":["n"],"params":{"query_tags":"a,b","tags":["t"]}})"), (Tags{"a", "b"}));
  EXPECT_EQ(tags(R"({"tags":["n"],"params":{"query_tags":"","tags":["t"]}})"), Tags{"t"});
  EXPECT_EQ(tags(R"({"tags":["n"],"params":{"query_tags":{},"tags":null}})"), Tags{"n"});
  EXPECT_EQ(tags(R"({"tags":["n"],"params":{"tags":""}})"), Tags());
  EXPECT_EQ(tags(R"({"tags":["n"],"params":{"query_tags":[" "],"tags":["t"]}})"), Tags());
  EXPECT_EQ(tags(R"({"tags":["n"],"params":["query_tags"]})"), Tags{"n"});
  EXPECT_EQ(tags(R"({"tags":"x, y"})"), (Tags{"x", "y"}));
}

}  // namespace
}  // namespace weir::graph
