// SPDX-License-Identifier: Apache-2.0
#include "cli/up/state_folder.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <system_error>
#include <utility>

#include "cli/up/limits.h"

namespace weir::cli {
namespace {

using Json = nlohmann::ordered_json;

std::filesystem::path lock_file(const std::filesystem::path& folder) { return folder / "up.lock"; }

std::string errno_text() { return std::generic_category().message(errno); }

std::string read_note(int fd) {
  std::array<char, kNoteBytesMax> bytes{};
  const ssize_t count = pread(fd, bytes.data(), bytes.size(), 0);
  return count <= 0 ? std::string() : std::string(bytes.data(), static_cast<std::size_t>(count));
}

Error already_up(const std::filesystem::path& path, const std::optional<UpNote>& note) {
  std::string text = "weir up runs already on " + path.string();
  if (note) {
    text += ", pid " + std::to_string(note->pid);
    text +=
        note->grpc.empty() ? ", still starting" : ", gRPC " + note->grpc + ", HTTP " + note->http;
    if (!note->tasks.empty()) text += ", tasks " + note->tasks;
  }
  return base::failed_precondition("already_up", text + "; stop it with `weir down --state-dir " +
                                                     path.string() +
                                                     "`, or give this one another --state-dir");
}

}  // namespace

Error state_dir_unusable(const std::filesystem::path& path, const std::string& why) {
  return base::failed_precondition(
      "state_dir_unusable",
      path.string() + ": " + why + "; give another folder with --state-dir or WEIR_STATE_DIR");
}

std::string UpNote::json() const {
  Json line;
  line["pid"] = pid;
  line["grpc"] = grpc;
  line["http"] = http;
  if (!tasks.empty()) line["tasks"] = tasks;
  return line.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::optional<UpNote> UpNote::parse(std::string_view text) {
  const Json line = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!line.is_object() || !line.contains("pid") || !line["pid"].is_number_integer()) return {};
  UpNote note;
  note.pid = line["pid"].get<pid_t>();
  if (note.pid <= 0) return {};
  const auto member = [&line](const char* name) {
    return line.contains(name) && line[name].is_string() ? line[name].get<std::string>()
                                                         : std::string();
  };
  note.grpc = member("grpc");
  note.http = member("http");
  note.tasks = member("tasks");
  return note;
}

Result<std::unique_ptr<StateFolder>> StateFolder::take(const std::filesystem::path& path) {
  std::error_code error;
  const std::filesystem::path folder = std::filesystem::absolute(path, error);
  if (!error) std::filesystem::create_directories(folder, error);
  if (error) return state_dir_unusable(path, error.message());
  const int fd = open(lock_file(folder).c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) return state_dir_unusable(folder, errno_text());
  if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
    const bool held = errno == EWOULDBLOCK;
    const Error fault = held ? already_up(folder, UpNote::parse(read_note(fd)))
                             : state_dir_unusable(folder, errno_text());
    close(fd);
    return fault;
  }
  return std::unique_ptr<StateFolder>(new StateFolder(folder, fd));
}

StateFolder::~StateFolder() {
  // The note goes before the lock does, so that nobody reads a dead one.
  if (ftruncate(lock_, 0) != 0) errno = 0;
  close(lock_);
}

Result<void> StateFolder::note(const UpNote& note) {
  const std::string text = note.json() + "\n";
  if (ftruncate(lock_, 0) != 0 ||
      pwrite(lock_, text.data(), text.size(), 0) != static_cast<ssize_t>(text.size())) {
    return state_dir_unusable(path_, errno_text());
  }
  return {};
}

Result<std::optional<UpNote>> running_in(const std::filesystem::path& path) {
  const int fd = open(lock_file(path).c_str(), O_RDWR | O_CLOEXEC);
  if (fd < 0) {
    if (errno == ENOENT || errno == ENOTDIR) return std::optional<UpNote>();
    return state_dir_unusable(path, errno_text());
  }
  std::optional<UpNote> note;
  if (flock(fd, LOCK_SH | LOCK_NB) != 0) {
    note = UpNote::parse(read_note(fd));
    if (!note) note = UpNote{};  // held, and not written yet
  }
  close(fd);
  return note;
}

Result<bool> stop_running_in(const std::filesystem::path& path, Duration span) {
  WEIR_TRY(const std::optional<UpNote> note, running_in(path));
  if (!note) return false;
  if (note->pid == 0) {
    return base::unavailable("still_up",
                             "weir up on " + path.string() + " has only just begun: try again");
  }
  const int process = static_cast<int>(syscall(SYS_pidfd_open, note->pid, 0));
  if (process < 0) return false;
  // The lock says that this very process still holds the folder.
  WEIR_TRY(const std::optional<UpNote> still, running_in(path));
  bool ended = !still || still->pid != note->pid;
  if (!ended && syscall(SYS_pidfd_send_signal, process, SIGTERM, nullptr, 0) == 0) {
    pollfd watched{.fd = process, .events = POLLIN, .revents = 0};
    const auto wait = std::chrono::ceil<std::chrono::milliseconds>(span).count();
    ended = poll(&watched, 1, static_cast<int>(wait)) > 0;
  }
  close(process);
  if (ended) return true;
  return Error(Code::DeadlineExceeded, "still_up",
               "weir up, pid " + std::to_string(note->pid) + ", did not end in time");
}

std::string log_tail(const std::filesystem::path& path, std::uintmax_t skipped) {
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  if (!file) return {};
  const auto size = static_cast<std::uintmax_t>(file.tellg());
  if (size <= skipped) return {};
  const std::uintmax_t length = std::min<std::uintmax_t>(size - skipped, kLogTailBytesMax);
  file.seekg(static_cast<std::streamoff>(size - length));
  std::string text(length, '\0');
  file.read(text.data(), static_cast<std::streamsize>(length));
  if (length < size - skipped) text.erase(0, text.find('\n') + 1);
  while (text.ends_with('\n')) text.pop_back();
  return text;
}

}  // namespace weir::cli
