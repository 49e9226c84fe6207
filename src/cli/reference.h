// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include <CLI/App.hpp>

/// The reference pages under docs/reference/, made from the descriptions that the program itself
/// uses: what they say is what it does.
namespace weir::cli {

/// docs/reference/cli.md.
std::string cli_reference(const CLI::App& app);

/// docs/reference/configuration.md.
std::string config_reference();

}  // namespace weir::cli
