// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include <CLI/App.hpp>

#include "cli/console/session.h"

namespace weir::cli {

/// The whole command tree: help, completion and the reference page are read off it, and it sets
/// `session.action` when it parses. `session` outlives it.
std::unique_ptr<CLI::App> make_app(Session& session);

/// Parses, does what was asked, and gives the exit code: 2 for what cannot be understood.
int run(int argc, char** argv);

}  // namespace weir::cli
