// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

#include "base/canonical_json.h"
#include "base/random.h"
#include "graph/dag.h"
#include "graph/node_identity.h"
#include "tests/unit/base/test_seed.h"
#include "tests/unit/graph/random_node.h"
#include "tests/unit/graph/reference_identity.h"

namespace weir::graph {
namespace {

/// Canonical bytes as the product makes them; nothing where it refuses the node.
std::optional<std::string> canonical_if_any(const std::string& node_json) {
  const auto document = JsonDocument::parse(node_json);
  if (!document.ok()) return std::nullopt;
  IdentityParts parts;
  std::vector<Fault> faults;
  const bool sound = read_identity_parts(document->root(), "", parts, faults);
  EXPECT_EQ(sound, faults.empty());
  return sound ? std::optional(canonical_bytes(parts)) : std::nullopt;
}

TEST(NodeIdentityProperty, AgreesWithTheSlowReading) {
  base::SeededRandom random(base::test_seed(31));
  int named = 0;
  for (int round = 0; round < 8'000; ++round) {
    const std::string node =
        random_node(random, {.wrong_shapes = round % 2 == 0, .repeated_keys = round % 3 == 0});
    const ReferenceNode reference = reference_node(node);
    if (reference.verdict == ReferenceVerdict::Unreadable) continue;
    const std::optional<std::string> canonical = canonical_if_any(node);
    ASSERT_EQ(canonical.has_value(), reference.verdict == ReferenceVerdict::Named) << node;
    ASSERT_EQ(canonical.value_or(""), reference.canonical) << node;
    named += canonical ? 1 : 0;
  }
  EXPECT_GT(named, 1'500);
}

TEST(NodeIdentityProperty, DoesNotDependOnHowTheNodeIsWritten) {
  base::SeededRandom random(base::test_seed(32));
  for (int round = 0; round < 3'000; ++round) {
    const std::string node = random_node(random, {});
    const std::optional<std::string> canonical = canonical_if_any(node);
    const auto document = JsonDocument::parse(node);
    ASSERT_TRUE(document.ok()) << node;
    for (int other = 0; other < 3; ++other) {
      const std::string again = rewritten(random, document->root());
      ASSERT_EQ(canonical_if_any(again), canonical) << node << "\n" << again;
    }
  }
}

TEST(NodeIdentityProperty, TakesTheCanonicalFormForWhatItStandsFor) {
  base::SeededRandom random(base::test_seed(33));
  for (int round = 0; round < 3'000; ++round) {
    const std::string node = random_node(random, {.repeated_keys = true});
    const auto document = JsonDocument::parse(node);
    ASSERT_TRUE(document.ok()) << node;
    const std::string canonical = base::canonical_json(document->root());
    const auto again = JsonDocument::parse(canonical, {.infinities = true});
    ASSERT_TRUE(again.ok()) << canonical;
    ASSERT_EQ(base::canonical_json(again->root()), canonical);
    ASSERT_EQ(canonical_if_any(canonical), canonical_if_any(node)) << node;
  }
}

TEST(NodeIdentityProperty, NamesTheNodesOfWholeGraphsAsTheSlowReadingDoes) {
  base::SeededRandom random(base::test_seed(34));
  int read = 0;
  for (int round = 0; round < 2'000; ++round) {
    std::string text = R"({"nodes":[)";
    const std::uint64_t count = random.below(4);
    for (std::uint64_t at = 0; at < count; ++at) {
      std::string node = random_node(random, {});
      node.back() = node.size() > 2 ? ',' : ' ';
      text += std::string(at > 0 ? "," : "") + node + R"("node_id":"n)" + std::to_string(at) +
              R"(","schema_hash":"s","code_hash":"c","period":1,"interval":60,"tags":["t"]})";
    }
    text += "]}";
    const Result<Dag> dag = read_dag(text);
    const ReferenceDag reference = reference_dag(text);
    if (!dag.ok()) continue;
    ++read;
    ASSERT_EQ(reference.verdict, ReferenceVerdict::Named) << text;
    ASSERT_EQ(dag->nodes.size(), reference.ids.size());
    for (std::size_t at = 0; at < dag->nodes.size(); ++at) {
      ASSERT_EQ(dag->nodes[at].computed_id.text(), reference.ids[at].id) << text;
      ASSERT_EQ(dag->nodes[at].index, reference.ids[at].index);
    }
  }
  EXPECT_GT(read, 500);
}

}  // namespace
}  // namespace weir::graph
