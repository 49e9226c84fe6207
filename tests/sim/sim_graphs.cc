// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/sim_graphs.h"

#include <array>
#include <functional>
#include <utility>

#include "tests/unit/dagmanager/test_graphs.h"

namespace weir::sim {
namespace {

using dagmanager::read_test_dag;
using dagmanager::test_document;
using dagmanager::TestNode;

std::shared_ptr<const graph::Dag> read(const std::vector<TestNode>& nodes,
                                       const std::string& root = "",
                                       const std::string& sentinel = "") {
  std::string document = test_document(nodes, root);
  if (!sentinel.empty()) {
    const std::string node = R"({"node_type":"VersionSentinel","node_id":"x",)" + sentinel + "}";
    const std::string rest = document.substr(std::string(R"({"nodes":[)").size());
    document = R"({"nodes":[)" + node + (rest.front() == ']' ? "" : ",") + rest;
  }
  return read_test_dag(document);
}

/// A chain and a branch; nodes of every topic type.
std::vector<TestNode> chain() {
  return {{.name = "price", .type = "RawPrice"},
          {.name = "mean", .inputs = {"price"}},
          {.name = "signal", .tags = {"btc", "signal"}, .inputs = {"mean"}},
          {.name = "orders", .type = "Order", .tags = {}, .inputs = {"signal"}}};
}

/// Nodes that answer tag queries, and nodes that ask them.
std::vector<TestNode> tagged() {
  return {{.name = "one", .tags = {"eth"}},
          {.name = "two", .tags = {"eth", "fast"}},
          {.name = "ask any", .type = "TagQueryNode", .tags = {"eth"}},
          {.name = "ask all",
           .type = "TagQueryNode",
           .tags = {"eth", "fast"},
           .more = R"("match_mode":"all")"}};
}

std::vector<TestNode> with(std::vector<TestNode> nodes, std::size_t place,
                           const std::function<void(TestNode&)>& edit) {
  edit(nodes[place]);
  return nodes;
}

}  // namespace

GraphFamilies::GraphFamilies() {
  const auto period = [](TestNode& node) { node.period += 7; };
  const auto schema = [](TestNode& node) { node.schema = "schema-2"; };
  const auto schema_again = [](TestNode& node) { node.schema = "schema-3"; };
  const auto tags = [](TestNode& node) { node.tags = {"eth", "other"}; };
  families_.push_back({
      {read(chain()), "chain"},
      {read(chain(), R"("version":"v2")"), "chain v2"},
      {read(with(chain(), 1, period)), "chain, mean edited"},
      {read(with(chain(), 0, period)), "chain, price edited"},
      {read(with(chain(), 0, schema)), "chain, schema of price moved"},
      {read(with(chain(), 0, schema_again)), "chain, schema of price moved twice"},
      {read(with(with(chain(), 2, schema), 1, schema)), "chain, two schemas moved"},
      {read(chain(), "", R"("version":"v1","traffic_weight":0.5)"), "chain, sentinel v1 0.5"},
      {read(chain(), "", R"("version":"v2","traffic_weight":0.1)"), "chain, sentinel v2 0.1"},
      {read(with(chain(), 3, period), "", R"("version":"v2")"), "chain edited, sentinel v2"},
  });
  families_.push_back({
      {read(tagged()), "tagged"},
      {read({tagged()[0]}), "tagged, the first"},
      {read({tagged()[1]}), "tagged, the second"},
      {read({tagged()[2], tagged()[3]}), "tagged, those that ask"},
      {read(with(tagged(), 0, tags)), "tagged, other tags"},
      {read(with(tagged(), 0, period)), "tagged, one edited"},
  });
  // Ids that begin alike, or differ by case only: names collide.
  families_.push_back({
      {read({{.name = "a", .id = "blake3:abcdef0011"}, {.name = "b", .id = "blake3:abcdef0022"}}),
       "alike"},
      {read({{.name = "b", .id = "blake3:abcdef0022"}}), "alike, the second"},
      {read({{.name = "c", .id = "blake3:abcdef0022cc"}}), "alike, a third"},
      {read({{.name = "d", .id = "Short"}}), "short id"},
      {read({{.name = "e", .id = "sHORT"}}), "short id in another case"},
  });
  // One id, different contents: true conflicts.
  families_.push_back({
      {read({{.name = "n", .code = "c1", .id = "shared"}}), "conflict, first"},
      {read({{.name = "n", .code = "c2", .id = "shared"}}), "conflict, second"},
      {read({{.name = "n", .code = "c3", .id = "shared"}, {.name = "free"}}), "conflict, third"},
      {read({{.name = "other", .tags = {"eth"}, .code = "c2", .id = "shared"}}),
       "conflict, fourth"},
  });
  families_.push_back({{read({}), "empty"}, {read({{.name = "single"}}), "single"}});
}

std::vector<SimCommand> GraphFamilies::menu(base::SeededRandom& random) const {
  const auto& first = families_[random.below(families_.size())];
  const auto& second = families_[random.below(families_.size())];
  static constexpr std::array<const char*, 3> kWorlds = {"", "w1", "w2"};
  static constexpr std::array<std::array<const char*, 2>, 6> kDomains = {{{"live", ""},
                                                                          {"shadow", ""},
                                                                          {"backtest", "2025"},
                                                                          {"backtest", "2026"},
                                                                          {"dryrun", "2025"},
                                                                          {"dryrun", ""}}};
  const std::size_t worlds = 1 + random.below(kWorlds.size());
  const std::size_t domains = 1 + random.below(kDomains.size());
  std::vector<SimCommand> menu;
  const std::size_t commands = 2 + random.below(5);
  for (std::size_t i = 0; i < commands; ++i) {
    const auto& family = random.chance(70) ? first : second;
    const Member& member = family[random.below(family.size())];
    const std::string world = kWorlds[random.below(worlds)];
    const auto& domain = kDomains[random.below(domains)];
    const std::string strategy = random.chance(60) ? "s1" : "s2";
    menu.push_back(
        {member.dag, dagmanager::test_fields(strategy, world, domain[0], domain[1]),
         member.name + " by " + strategy + " in '" + world + "' " + domain[0] + " " + domain[1]});
  }
  return menu;
}

}  // namespace weir::sim
