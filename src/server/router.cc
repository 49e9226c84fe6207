// SPDX-License-Identifier: Apache-2.0
#include "server/router.h"

#include <utility>
#include <vector>

#include "base/assert.h"
#include "base/text.h"

namespace weir::server {

void Router::add(HttpRoute route) {
  WEIR_ASSERT(route.handler != nullptr);
  WEIR_ASSERT(route.path.starts_with('/'));
  auto& methods = paths_[route.path];
  std::string method = route.method;
  const bool inserted = methods.emplace(std::move(method), std::move(route)).second;
  WEIR_ASSERT(inserted);
}

Router::Match Router::match(std::string_view method, std::string_view path) const {
  const auto found = paths_.find(path);
  if (found == paths_.end()) return {};
  const auto& methods = found->second;
  auto route = methods.find(std::string(method));
  if (route == methods.end() && method == "HEAD") route = methods.find("GET");
  if (route != methods.end()) return {&route->second};
  std::vector<std::string> allowed;
  for (const auto& [name, unused] : methods) {
    allowed.push_back(name);
    if (name == "GET" && !methods.contains("HEAD")) allowed.emplace_back("HEAD");
  }
  return {nullptr, base::join(allowed, ", ")};
}

}  // namespace weir::server
