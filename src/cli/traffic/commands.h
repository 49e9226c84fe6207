// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <CLI/App.hpp>

#include "cli/console/session.h"

/// Commands that steer traffic (contract sections 3.16, 3.21, 3.22); as those of cli/commands.h.
namespace weir::cli {

/// `redo-diff`.
void add_redo_diff(CLI::App& parent, Session& session);
/// `cross-context list|ack`.
void add_cross_context(CLI::App& parent, Session& session);
/// `canary start|list|show|pause|resume|advance|abort`.
void add_canary(CLI::App& parent, Session& session);

}  // namespace weir::cli
