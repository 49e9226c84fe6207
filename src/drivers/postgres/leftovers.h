// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>

// Processes of a private server that outlive what started them.
namespace weir::postgres {

/// The process id in the first line of postmaster.pid; 0 if there is none.
int read_pid_file(const std::filesystem::path& data_dir);

/// A postmaster, and each of its backends, works in its data folder from before it writes its pid
/// file until its end; a dead or unrelated process with that number (they are used again) does not.
bool works_in(int pid, const std::filesystem::path& data_dir);

/// Ends every process of PostgreSQL that works in a data folder, harshly (SIGQUIT, then SIGKILL),
/// and returns once none is left: backends of a postmaster that was killed, which finish their
/// statement, however long it is, and write into the folder meanwhile. Call only when no postmaster
/// runs on it. False if one survives.
bool end_backends(const std::filesystem::path& data_dir);

}  // namespace weir::postgres
