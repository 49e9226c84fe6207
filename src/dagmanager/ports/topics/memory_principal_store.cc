// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/ports/topics/memory_principal_store.h"

namespace weir::dagmanager {

Result<std::vector<std::string>> MemoryPrincipalStore::list() {
  std::vector<std::string> principals;
  store_.look([&](const MemoryGraph& graph) {
    principals.assign(graph.principals.begin(), graph.principals.end());
  });
  return principals;
}

Result<void> MemoryPrincipalStore::add(std::span<const std::string> principals) {
  return store_.alter([&](MemoryGraph& graph, const auto& /*tell*/) -> Result<bool> {
    const std::size_t before = graph.principals.size();
    graph.principals.insert(principals.begin(), principals.end());
    return graph.principals.size() != before;
  });
}

Result<void> MemoryPrincipalStore::drop(const LoopFence& fence,
                                        std::span<const std::string> principals) {
  WEIR_TRY(const auto held, loops_.lock(fence));
  return store_.alter([&](MemoryGraph& graph, const auto& /*tell*/) -> Result<bool> {
    for (const std::string& principal : principals) graph.principals.erase(principal);
    return !principals.empty();
  });
}

}  // namespace weir::dagmanager
