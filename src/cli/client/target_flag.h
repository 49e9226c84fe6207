// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include <CLI/App.hpp>

namespace weir::cli {

inline constexpr const char* kTargetDefault = "localhost:50051";

/// `--target HOST:PORT` of the commands that call a DAG manager.
void add_target_flag(CLI::App& command, std::string& target);

}  // namespace weir::cli
