// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "base/result.h"
#include "operators/range_windows.h"

namespace weir::operators {

/// What a range_aggregator keeps under its key `default`: a WindowState for each version it reads.
using WindowStates = std::map<std::string, WindowState>;

/// Reads `{"windows":{"<dataset_version>":{…}}}`; `{}` is no state. Fatal `state_invalid`.
Result<WindowStates> read_window_states(std::string_view json);
std::string write_window_states(const WindowStates& states);

}  // namespace weir::operators
