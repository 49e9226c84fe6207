// SPDX-License-Identifier: Apache-2.0
#include "drivers/postgres/leftovers.h"

#include <charconv>
#include <csignal>
#include <fstream>
#include <string>
#include <system_error>
#include <vector>

#include "drivers/postgres/limits.h"
#include "drivers/process/pid_fd.h"

namespace weir::postgres {
namespace {

namespace fs = std::filesystem;

/// What the kernel calls every process of a server, whatever its title says.
constexpr const char* kProgram = "postgres";

bool is_postgres(int pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/comm");
  std::string name;
  return std::getline(file, name) && name == kProgram;
}

/// Descriptors of the server's processes that work in a folder.
std::vector<process::FileDescriptor> processes_in(const fs::path& data_dir) {
  std::vector<process::FileDescriptor> found;
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator("/proc", error)) {
    const std::string name = entry.path().filename().string();
    int pid = 0;
    const auto [end, fault] = std::from_chars(name.data(), name.data() + name.size(), pid);
    if (fault != std::errc() || end != name.data() + name.size() || !is_postgres(pid)) continue;
    process::FileDescriptor pid_fd = process::open_pid_fd(pid);
    // Looked at after the descriptor is open: the number cannot change hands any more.
    if (pid_fd.open() && works_in(pid, data_dir)) found.push_back(std::move(pid_fd));
  }
  return found;
}

}  // namespace

int read_pid_file(const fs::path& data_dir) {
  std::ifstream file(data_dir / "postmaster.pid");
  int pid = 0;
  return file >> pid ? pid : 0;
}

bool works_in(int pid, const fs::path& data_dir) {
  std::error_code error;
  const fs::path folder = fs::read_symlink("/proc/" + std::to_string(pid) + "/cwd", error);
  if (error) return false;
  const fs::path canonical = fs::canonical(data_dir, error);
  return !error && folder == canonical;
}

bool end_backends(const fs::path& data_dir) {
  for (const int signal : {SIGQUIT, SIGKILL}) {
    // More than one look: a backend may start another process while it ends.
    for (int round = 0; round < kClusterBackendRoundsMax; ++round) {
      const std::vector<process::FileDescriptor> left = processes_in(data_dir);
      if (left.empty()) return true;
      for (const auto& pid_fd : left) process::send_signal(pid_fd, signal);
      for (const auto& pid_fd : left) process::wait_for_exit(pid_fd, kClusterBackendStopTimeout);
    }
  }
  return processes_in(data_dir).empty();
}

}  // namespace weir::postgres
