// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/core/records.h"

#include <array>
#include <string_view>

namespace weir::dagmanager {

std::string DeployKey::text() const {
  base::Blake3 hash;
  const std::array<std::string_view, 7> fields = {
      strategy.view(), context.world_id, context.execution_domain, context.as_of, context.partition,
      version.view(),  node_set};
  for (const std::string_view field : fields) {
    hash.update(std::to_string(field.size())).update(":").update(field);
  }
  base::Digest digest{};
  hash.finish(digest);
  return base::to_hex(digest);
}

}  // namespace weir::dagmanager
