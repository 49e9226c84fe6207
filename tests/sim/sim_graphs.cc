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

constexpr int kWideNodes = 30;

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

/// More nodes than a collection takes at a time while the broker is busy.
std::vector<TestNode> wide() {
  std::vector<TestNode> nodes;
  for (int i = 0; i < kWideNodes; ++i) nodes.push_back({.name = "wide " + std::to_string(i)});
  return nodes;
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
  const auto other_code = [](TestNode& node) { node.code = "other"; };
  versions_ = {
      {read(chain(), "", R"("version":"v1","traffic_weight":0.5)"), "chain, v1 0.5"},
      {read(with(chain(), 1, period), "", R"("version":"v2","traffic_weight":0.1)"), "v2 0.1"},
      {read(with(chain(), 2, period), "", R"("version":"v2")"), "other v2"},
      {read(with(chain(), 3, period), "", R"("version":"v3")"), "v3"},
      {read(tagged(), "", R"("version":"v3","traffic_weight":1)"), "tagged, v3 1"},
      {read(with(tagged(), 1, other_code), "", R"("version":"v4","traffic_weight":0)"),
       "tagged, v4 0"},
      {read(wide(), "", R"("version":"v5","traffic_weight":0.3)"), "wide, v5 0.3"},
  };
  hotfixes_ = {test_document(with(chain(), 1, other_code)), test_document(chain()),
               test_document(with(tagged(), 0, other_code)),
               test_document(with(chain(), 2, schema), R"("version":"v9")")};
}

std::vector<SimCommand> GraphFamilies::versions(base::SeededRandom& random) const {
  const std::size_t strategies = 1 + random.below(2);
  const std::string world = random.chance(50) ? "" : "w1";
  std::vector<SimCommand> commands;
  for (std::size_t left = 2 + random.below(4); left > 0; --left) {
    // The last one is wide, and takes its time.
    const std::size_t last = versions_.size() - 1;
    const Member& member = versions_[random.chance(5) ? last : random.below(last)];
    const std::string strategy = "s" + std::to_string(1 + random.below(strategies));
    commands.push_back({member.dag, dagmanager::test_fields(strategy, world, "live"),
                        member.name + " by " + strategy + " in '" + world + "'"});
  }
  return commands;
}

const std::string& GraphFamilies::hotfix(base::SeededRandom& random) const {
  return hotfixes_[random.below(hotfixes_.size())];
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
