// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "dagmanager/core/traffic_weights.h"

namespace weir::dagmanager {

/// The world that a request about a sentinel names, which may be an empty one.
template <class Request>
WantedWorld wanted_world(const Request& request) {
  if (!request.has_world_id()) return std::nullopt;
  return graph::WorldId(request.world_id());
}

}  // namespace weir::dagmanager
