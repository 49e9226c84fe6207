// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "base/json.h"

namespace weir::dispatcher {

/// What a job is now, to be held against a build's definition.
struct JobNow {
  std::string_view core_json;
  std::string_view node_json;
  JsonValue normalised;  ///< the job of the normalised document
};

/// Why a job's node id is another than that of the build whose `definition_json` this is: the first
/// field of core, then of node, that differs (`config`, `execution_strategy`, `inputs[1]`), or
/// `upstream` where only what it reads became another. Empty: nothing differs.
std::string reason_of_change(std::string_view definition_json, const JobNow& now);

/// Whether both read the same in the same order, upstream node ids included.
bool same_inputs(std::string_view definition_json, const JobNow& now);

}  // namespace weir::dispatcher
