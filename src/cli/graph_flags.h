// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include <CLI/App.hpp>

#include "base/result.h"
#include "cli/client/diff_outcome.h"
#include "cli/client/target_flag.h"

namespace weir::cli {

/// What diff, submit and explain take alike: the file, its context, the server.
struct GraphFlags {
  std::string file;
  std::string target = kTargetDefault;
  std::string strategy = "cli";
  std::string world;
  std::string domain;
  std::string as_of;
  std::string partition;
  std::string fingerprint;

  /// The flags as a question about `dag_json`.
  DiffQuery query(std::string dag_json, bool plan_only) const;
  /// "strategy cli, world w1, domain live": what was given.
  std::string context_text() const;
};

void add_file_flag(CLI::App& command, std::string& file);
/// --world, --domain and --as-of: what decides how a graph would run.
void add_world_flags(CLI::App& command, GraphFlags& flags);
/// Those, and the rest of a context.
void add_context_flags(CLI::App& command, GraphFlags& flags);

/// Reads --file, or says `Failed to read file …` and gives nothing.
std::optional<std::string> read_graph_file(const std::string& file);

/// Says a fault of the server's, and which file it is about.
void print_fault(const Error& error, const GraphFlags& flags);

}  // namespace weir::cli
