// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "server/config/config_key.h"

namespace weir::dagmanager {

/// The keys that this version obeys.
std::vector<server::KeyDescription> available_config_keys();

/// The keys of section 4 whose part is not built yet. Their meaning ends with kNotAvailableYet.
std::vector<server::KeyDescription> later_config_keys();

inline constexpr const char* kNotAvailableYet =
    "Not available yet: another value than the default stops the start.";

}  // namespace weir::dagmanager
