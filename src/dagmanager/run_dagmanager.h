// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "dagmanager/dagmanager_config.h"

namespace weir::dagmanager {

/// Runs the DAG manager until SIGTERM or SIGINT, then drains it (contract section 3.18). The only
/// place where real adapters are made and wired. Returns the process's exit code: 0 after a drain,
/// 1 if an engine or a listener could not be started, 2 if the store's schema is another version's.
/// Call with no other thread running.
int run_dagmanager(const DagmanagerConfig& config);

}  // namespace weir::dagmanager
