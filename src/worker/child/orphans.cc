// SPDX-License-Identifier: Apache-2.0
#include "worker/child/orphans.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "base/text.h"
#include "drivers/process/pid_fd.h"
#include "worker/child/limits.h"

namespace weir::worker {
namespace {

namespace fs = std::filesystem;
using process::FileDescriptor;

constexpr std::string_view kMarkName = "TMPDIR=";

/// Fields of /proc/PID/stat, counted from the one after the name.
constexpr std::size_t kState = 0;
constexpr std::size_t kFlags = 6;
constexpr std::size_t kEnvironmentStart = 47;
constexpr std::size_t kEnvironmentEnd = 48;
/// The kernel's PF_KTHREAD.
constexpr unsigned kKernelThread = 0x00200000;

/// All of a file of /proc, whose size is not known before.
std::string read_from_start(const FileDescriptor& file) {
  std::string text;
  if (!file.open()) return text;
  std::array<char, 4096> block;  // NOLINT(*-member-init): pread() fills it
  while (text.size() < kEnvironBytesMax) {
    const ssize_t got =
        pread(file.number(), block.data(), block.size(), static_cast<off_t>(text.size()));
    if (got <= 0) break;
    text.append(block.data(), static_cast<std::size_t>(got));
  }
  return text;
}

std::string read_proc(const std::string& path) {
  return read_from_start(FileDescriptor(open(path.c_str(), O_RDONLY | O_CLOEXEC)));
}

std::optional<pid_t> pid_of(std::string_view text) {
  pid_t pid = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), pid);
  if (error != std::errc() || end != text.data() + text.size() || pid <= 1) return {};
  return pid;
}

/// What an environment that reads as empty is: that of a process that will never have one, as a
/// kernel thread or one that has ended; one that is not there yet, because execve has given the
/// process new memory and not put it there; or empty, for a moment of execve too
/// (proc_pid_stat(5)).
enum class Emptiness : std::uint8_t { None, Arriving, Empty };

Emptiness emptiness_of(pid_t pid) {
  const std::string text = read_proc("/proc/" + std::to_string(pid) + "/stat");
  const std::size_t name_end = text.rfind(')');
  if (name_end == std::string::npos || name_end + 2 > text.size()) return Emptiness::None;
  const std::vector<std::string_view> fields =
      base::split(std::string_view(text).substr(name_end + 2), ' ');
  if (fields.size() <= kEnvironmentEnd) return Emptiness::None;
  unsigned flags = 0;
  const std::string_view word = fields[kFlags];
  std::from_chars(word.data(), word.data() + word.size(), flags);
  if ((flags & kKernelThread) != 0 || fields[kState] == "Z") return Emptiness::None;
  const bool empty =
      fields[kEnvironmentEnd] != "0" && fields[kEnvironmentEnd] == fields[kEnvironmentStart];
  return empty ? Emptiness::Empty : Emptiness::Arriving;
}

/// Its mark, empty if it has none or may not be read.
std::string mark_of(pid_t pid) {
  const std::string path = "/proc/" + std::to_string(pid) + "/environ";
  if (access(path.c_str(), R_OK) != 0) return {};
  std::string environment = read_proc(path);
  int empty = 0;
  for (int look = 0; environment.empty() && look < kExecLooksMax; ++look) {
    const Emptiness how = emptiness_of(pid);
    if (how == Emptiness::None) break;
    if (how == Emptiness::Empty && ++empty > kEmptyLooksMax) break;
    process::wait_for_exit(process::open_pid_fd(pid), kExecPause);
    environment = read_proc(path);
  }
  for (const std::string_view variable : base::split(environment, '\0')) {
    if (variable.starts_with(kMarkName)) return std::string(variable);
  }
  return {};
}

/// Children of the first thread: it starts none but the guardian, so the others were inherited.
std::vector<pid_t> inherited_children(pid_t keep) {
  // Kept open: each reading from its beginning tells them anew.
  struct List {
    pid_t of = 0;
    FileDescriptor file = FileDescriptor(-1);
  };
  thread_local List kept;
  if (kept.of != getpid() || !kept.file.open()) {
    const std::string self = std::to_string(getpid());
    const std::string path = "/proc/" + self + "/task/" + self + "/children";
    kept = {getpid(), FileDescriptor(open(path.c_str(), O_RDONLY | O_CLOEXEC))};
  }
  const std::string list = read_from_start(kept.file);
  std::vector<pid_t> children;
  for (const std::string_view word : base::split(list, ' ')) {
    const std::optional<pid_t> pid = pid_of(word);
    if (pid && *pid != keep) children.push_back(*pid);
  }
  return children;
}

/// A mark that says another attempt of this worker, which may still run.
bool is_another_attempts(const std::string& mark, const fs::path& attempt_folder) {
  return mark != attempt_mark(attempt_folder) &&
         mark.starts_with(attempt_mark(attempt_folder.parent_path()) + "/");
}

[[noreturn]] void guard(int alive, const fs::path& folder) {
  // Away from the worker's group and terminal: it outlives what ends them.
  setsid();
  prctl(PR_SET_NAME, "guardian");
  for (const int number : {SIGTERM, SIGINT, SIGHUP, SIGQUIT}) std::signal(number, SIG_IGN);
  dup2(alive, STDIN_FILENO);
  syscall(SYS_close_range, 3U, ~0U, 0U);
  char byte = 0;
  while (read(STDIN_FILENO, &byte, 1) < 0 && errno == EINTR) {
  }
  kill_marked(folder);
  _exit(0);
}

}  // namespace

std::string attempt_mark(const fs::path& attempt_folder) {
  return std::string(kMarkName) + attempt_folder.string();
}

void become_subreaper() { prctl(PR_SET_CHILD_SUBREAPER, 1); }

std::size_t end_orphans(const fs::path& attempt_folder, pid_t keep) {
  std::size_t ended = 0;
  for (int round = 0; round < kOrphanRoundsMax; ++round) {
    bool any = false;
    for (const pid_t pid : inherited_children(keep)) {
      if (waitpid(pid, nullptr, WNOHANG) != 0) continue;  // it had ended
      if (is_another_attempts(mark_of(pid), attempt_folder)) continue;
      any = true;
      ++ended;
      kill(pid, SIGKILL);
      waitpid(pid, nullptr, 0);  // a killed process ends without its help; no bound is needed
    }
    if (!any) break;
  }
  return ended;
}

std::size_t kill_marked(const fs::path& folder) {
  const std::string mark = attempt_mark(folder) + "/";
  std::size_t killed = 0;
  for (int round = 0; round < kOrphanRoundsMax; ++round) {
    bool any = false;
    std::error_code error;
    for (const fs::directory_entry& entry : fs::directory_iterator("/proc", error)) {
      const std::optional<pid_t> pid = pid_of(entry.path().filename().string());
      if (!pid || *pid == getpid() || !mark_of(*pid).starts_with(mark)) continue;
      any = true;
      ++killed;
      kill(*pid, SIGKILL);
    }
    if (!any) break;
  }
  return killed;
}

Result<std::unique_ptr<Guardian>> Guardian::start(const fs::path& folder) {
  std::array<int, 2> ends = {-1, -1};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) {
    return base::unavailable("no_guardian", std::strerror(errno));
  }
  const FileDescriptor watched(ends[0]);
  FileDescriptor alive(ends[1]);
  const pid_t pid = fork();
  if (pid < 0) return base::unavailable("no_guardian", std::strerror(errno));
  if (pid == 0) guard(watched.number(), folder);
  return std::unique_ptr<Guardian>(new Guardian(pid, std::move(alive)));
}

Guardian::~Guardian() {
  alive_.close();
  while (waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

}  // namespace weir::worker
