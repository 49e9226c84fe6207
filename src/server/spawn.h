// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include "base/result.h"
#include "server/process.h"

namespace weir::server {

/// Starts a process as `options` say and returns once it runs the program: UNAVAILABLE
/// `spawn_failed` names the step that failed otherwise. `output` (a descriptor, or -1 for what the
/// options say) becomes its stdout and stderr; stdin is /dev/null, no other descriptor is
/// inherited, no signal is blocked or ignored. The caller reaps it.
Result<pid_t> spawn_process(const ProcessOptions& options, int output);

}  // namespace weir::server
