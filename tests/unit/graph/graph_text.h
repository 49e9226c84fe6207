// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <fstream>
#include <initializer_list>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "graph/dag.h"

namespace weir::graph {

/// JSON text of a sound node with this id; `more` are further members, which win over the usual.
inline std::string node_text(std::string_view id, std::string_view more = "") {
  std::string text = R"({"node_id":")";
  text.append(id).append(R"(","node_type":"Node","interval":60,"period":5,"params":{},)");
  text.append(R"("schema_compat_id":"s","schema_hash":"h","code_hash":"c","config_hash":"g")");
  if (!more.empty()) text.append(",").append(more);
  return text + "}";
}

/// A document of these nodes; `more` are further members of its root.
inline std::string dag_text(std::initializer_list<std::string> nodes, std::string_view more = "") {
  std::string text = R"({"nodes":[)";
  for (const std::string& node : nodes) text += (&node == nodes.begin() ? "" : ",") + node;
  text += "]";
  if (!more.empty()) text.append(",").append(more);
  return text + "}";
}

inline Dag read(std::string_view text) {
  auto dag = read_dag(text);
  EXPECT_TRUE(dag.ok()) << text << "\n" << dag.error().describe();
  return dag.ok() ? *std::move(dag) : Dag();
}

/// Reason and pointer of each fault of a document that is refused.
using FaultPlaces = std::vector<std::pair<std::string, std::string>>;
inline FaultPlaces faults_of(std::string_view text, const DagLimits& limits = {}) {
  auto dag = read_dag(text, limits);
  EXPECT_FALSE(dag.ok()) << text;
  FaultPlaces places;
  if (dag.ok()) return places;
  EXPECT_EQ(dag.error().code(), Code::InvalidArgument);
  for (const Fault& fault : dag.error().faults()) {
    EXPECT_FALSE(fault.text.empty());
    places.emplace_back(fault.reason, fault.path);
  }
  if (!places.empty()) {
    EXPECT_EQ(dag.error().reason(), places.front().first);
  }
  return places;
}

/// One of the sample graphs of examples/strategies.
inline std::string sample(const std::string& name) {
  std::ifstream file(WEIR_SOURCE_DIR "/examples/strategies/" + name, std::ios::binary);
  EXPECT_TRUE(file.good()) << name;
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

}  // namespace weir::graph
