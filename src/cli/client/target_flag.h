// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include <CLI/App.hpp>

namespace weir::cli {

inline constexpr const char* kTargetDefault = "localhost:50051";

/// `--target HOST:PORT` of the commands that call a DAG manager.
void add_target_flag(CLI::App& command, std::string& target);

/// `--world ID` of the commands about a sentinel; given, though empty: it stands in none.
void add_its_world_flag(CLI::App& command, std::optional<std::string>& world);

}  // namespace weir::cli
