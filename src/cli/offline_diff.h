// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/result.h"
#include "cli/client/diff_outcome.h"

namespace weir::cli {

/// The plan of a graph against an empty store, worked out here: `diff --offline`. Fails as a server
/// with the default configuration would (contract section 1.1).
Result<DiffOutcome> offline_diff(const DiffQuery& query);

}  // namespace weir::cli
