// SPDX-License-Identifier: Apache-2.0
#include "bench/diff/documents.h"

#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "graph/node_identity.h"

namespace weir::bench {
namespace {

using Json = nlohmann::ordered_json;

const Json& factor_model() {
  static const Json model = [] {
    std::ifstream file(WEIR_SOURCE_DIR "/examples/strategies/factor-1000.json");
    return Json::parse(file);
  }();
  return model;
}

std::string computed_id(const Json& node) {
  const std::string text = node.dump();
  auto document = base::JsonDocument::parse(text);
  graph::IdentityParts parts;
  std::vector<Fault> faults;
  if (!document.ok() || !graph::read_identity_parts(document->root(), "", parts, faults)) return {};
  return graph::node_id(graph::canonical_bytes(parts)).text();
}

/// Names every node anew after its content changed, in the document's order (it is topological).
void rename(Json& nodes) {
  std::map<std::string, std::string> renamed;
  for (Json& node : nodes) {
    for (const char* field : {"inputs", "dependencies"}) {
      for (Json& input : node[field]) {
        const auto found = renamed.find(input.get<std::string>());
        if (found != renamed.end()) input = found->second;
      }
    }
    const std::string id = computed_id(node);
    renamed[node["node_id"].get<std::string>()] = id;
    node["node_id"] = id;
  }
}

/// Copies of the model with another set of symbols each, until there are `count` nodes.
Json make_nodes(std::size_t count, std::uint64_t edition) {
  Json nodes = Json::array();
  for (std::uint64_t copy = 0; nodes.size() < count; ++copy) {
    Json part = factor_model()["nodes"];
    while (nodes.size() + part.size() > count) part.erase(part.size() - 1);
    for (Json& node : part) {
      if (edition == 0 && copy == 0) continue;
      node["params"]["edition"] = edition;
      node["params"]["copy"] = copy;
      if (node["node_type"] != "TagQueryNode") continue;
      for (Json& tag : node["params"]["query_tags"]) {  // all that decides a query node
        tag = tag.get<std::string>() + "-" + std::to_string(edition) + "-" + std::to_string(copy);
      }
    }
    if (edition != 0 || copy != 0) rename(part);
    for (Json& node : part) nodes.push_back(std::move(node));
  }
  return nodes;
}

std::string wrap(Json nodes) {
  Json root;
  root["schema_version"] = "v1";
  root["nodes"] = std::move(nodes);
  return root.dump();
}

}  // namespace

std::string document(std::size_t nodes, std::uint64_t edition) {
  return wrap(make_nodes(nodes, edition));
}

std::string part_new_document(std::size_t nodes, std::size_t changed, std::uint64_t edition) {
  Json all = make_nodes(nodes, 0);
  std::set<std::string> read;
  for (const Json& node : all) {
    for (const Json& input : node["inputs"]) read.insert(input.get<std::string>());
  }
  for (auto node = all.rbegin(); node != all.rend() && changed > 0; ++node) {
    if (read.contains((*node)["node_id"].get<std::string>())) continue;
    if ((*node)["node_type"] == "TagQueryNode") continue;
    (*node)["params"]["edition"] = edition;
    (*node)["node_id"] = computed_id(*node);
    --changed;
  }
  return wrap(std::move(all));
}

}  // namespace weir::bench
