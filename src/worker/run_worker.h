// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "worker/worker_config.h"

namespace weir::worker {

/// Runs the worker wrapper until SIGTERM or SIGINT, then drains it: what cannot end in time is
/// stopped and released, and every outcome is reported within a bound. The only place where real
/// adapters are made and wired. Returns the process's exit code: 0 after a drain, 1 if something it
/// needs could not be had. Call with no other thread running: it forks the guardian of its
/// children.
int run_worker(const WorkerConfig& config);

}  // namespace weir::worker
