// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "base/result.h"
#include "dagmanager.pb.h"

/// What the command line says of a rollout, into its request (contract section 4). Faults are
/// INVALID_ARGUMENT `usage`.
namespace weir::cli {

namespace wire = qmtl::services::dagmanager;

/// "0.1:24h,0.5:1h,1": weights, each with how long it is held, in s, m, h or d; without: not.
Result<void> read_steps(const std::string& text, wire::StartRolloutRequest& request);

/// "ID" or "ID@VERSION".
void read_baseline(const std::string& text, wire::StartRolloutRequest& request);

/// A JSON object with the members of GateEvidence.
Result<wire::GateEvidence> read_evidence(const std::string& json);

}  // namespace weir::cli
