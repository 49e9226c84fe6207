// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "dispatcher/dispatcher_config.h"

namespace weir::dispatcher {

/// Runs the dispatcher until SIGTERM or SIGINT: the control plane of the task plane (contract
/// section 1.1). Blocks; call it from main with signals untouched. Gives the exit code: 0 after an
/// orderly stop, 1 if it cannot start, 2 if a newer Weir made the schema.
int run_dispatcher(const DispatcherConfig& config);

}  // namespace weir::dispatcher
