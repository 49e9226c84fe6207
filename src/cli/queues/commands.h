// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <CLI/App.hpp>

#include "cli/console/session.h"

/// Commands that bring queues to their end (contract section 3.12); as those of cli/commands.h.
namespace weir::cli {

/// `gc`.
void add_gc(CLI::App& parent, Session& session);

}  // namespace weir::cli
