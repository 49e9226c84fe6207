// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <functional>
#include <queue>
#include <vector>

#include "base/assert.h"
#include "graph/dag.h"

namespace weir::graph {
namespace {

using Edges = std::vector<std::vector<std::uint32_t>>;

/// One cycle among the nodes that could not be ordered, each followed by a node that reads it, the
/// lowest first. Every node left over reads another one left over, so following inputs must close.
std::vector<std::uint32_t> find_cycle(const Edges& inputs, const std::vector<bool>& ordered) {
  constexpr std::uint32_t kUnseen = UINT32_MAX;
  std::vector<std::uint32_t> place(inputs.size(), kUnseen);
  std::vector<std::uint32_t> walk;
  std::uint32_t node = 0;
  while (ordered[node]) ++node;
  while (place[node] == kUnseen) {
    place[node] = static_cast<std::uint32_t>(walk.size());
    walk.push_back(node);
    const auto next =
        std::ranges::find_if(inputs[node], [&](std::uint32_t input) { return !ordered[input]; });
    WEIR_ASSERT(next != inputs[node].end());
    node = *next;
  }
  std::vector<std::uint32_t> cycle(walk.begin() + place[node], walk.end());
  std::ranges::reverse(cycle);  // the walk went against the stream
  std::ranges::rotate(cycle, std::ranges::min_element(cycle));
  return cycle;
}

}  // namespace

Ordering topological_order(const Edges& inputs) {
  const auto count = static_cast<std::uint32_t>(inputs.size());
  Edges readers(count);
  std::vector<std::size_t> waits_for(count);
  std::priority_queue<std::uint32_t, std::vector<std::uint32_t>, std::greater<>> ready;
  for (std::uint32_t node = 0; node < count; ++node) {
    waits_for[node] = inputs[node].size();
    for (const std::uint32_t input : inputs[node]) readers[input].push_back(node);
    if (inputs[node].empty()) ready.push(node);
  }
  Ordering ordering;
  ordering.order.reserve(count);
  std::vector<bool> ordered(count);
  while (!ready.empty()) {
    const std::uint32_t node = ready.top();
    ready.pop();
    ordered[node] = true;
    ordering.order.push_back(node);
    for (const std::uint32_t reader : readers[node]) {
      if (--waits_for[reader] == 0) ready.push(reader);
    }
  }
  if (ordering.order.size() != count) {
    ordering.cycle = find_cycle(inputs, ordered);
    ordering.order.clear();
  }
  return ordering;
}

}  // namespace weir::graph
