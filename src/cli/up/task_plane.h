// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "base/result.h"
#include "cli/up/state_folder.h"

namespace weir::cli {

/// What the task plane of a `weir up` is asked to be.
struct TaskPlaneOptions {
  int worker_slots = 2;
  /// Folders that `table_ingest` may read, by name.
  std::map<std::string, std::string> ingest_roots = {};
  /// Registry file of extension operators; empty: none.
  std::string operators_file = {};
};

/// Where the sockets and the scratch of the task plane stand: below the state folder, or, where its
/// path is too long for the address of a socket, in a folder of this user's in /tmp.
struct ShortFolders {
  std::filesystem::path sockets;
  std::filesystem::path scratch;

  std::filesystem::path internal_socket() const { return sockets / "internal.sock"; }
};

/// Makes every folder of the task plane, those with sockets and keys for this user alone.
/// FAILED_PRECONDITION `state_dir_unusable`.
Result<ShortFolders> prepare_task_folders(const StatePaths& paths);

/// What the task plane's sections of the configuration are made of.
struct TaskPlaneConfig {
  StatePaths paths;
  ShortFolders folders;
  std::string dsn;
  std::string host;
  std::uint16_t port = 0;
  TaskPlaneOptions options;
};

/// Sections `dispatcher` and `worker` as YAML.
std::string task_plane_yaml(const TaskPlaneConfig& config);

/// A text as a YAML scalar in single quotes.
std::string yaml_quoted(std::string_view text);

}  // namespace weir::cli
