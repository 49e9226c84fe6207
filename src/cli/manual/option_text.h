// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include <CLI/Option.hpp>

namespace weir::cli {

/// How an option is spelled: "-o, --output table|text|json"; an argument is its type's name.
std::string option_usage(const CLI::Option& option);

/// Whether a page lists it: `--help` and what is hidden do not count.
bool option_is_listed(const CLI::Option& option);

}  // namespace weir::cli
