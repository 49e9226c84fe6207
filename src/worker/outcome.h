// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "base/result.h"
#include "worker/child/child_run.h"
#include "worker/internal_api.h"

namespace weir::worker {

/// What is reported of an attempt whose operator ended so (contract appendix A.3): exit code 0 is
/// success, 75 retryable, other codes from 64 to 78 fatal, anything else retryable. A last line
/// that is a JSON object is the result, or, as `{"error":{"code","message"}}`, says why it failed.
/// Nothing is reported of an attempt that the fence refuses.
std::optional<Completion> outcome_of(const Claimed& claimed, const Result<ChildEnd>& end);

/// The report of an attempt that ended before an operator could be started.
Completion failed_completion(const Claimed& claimed, bool retryable, const Error& error);

/// The report of an attempt that this worker gives back unfinished.
Completion released_completion(const Claimed& claimed);

}  // namespace weir::worker
