// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <CLI/App.hpp>

#include "cli/console/session.h"

/// Commands on commit logs; as those of cli/commands.h.
namespace weir::cli {

/// `consume`.
void add_consume(CLI::App& parent, Session& session);

}  // namespace weir::cli
