// SPDX-License-Identifier: Apache-2.0
#include "worker/child/task_log.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <system_error>
#include <utility>
#include <vector>

#include "drivers/files/durable_file.h"
#include "worker/child/limits.h"

namespace weir::worker {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kDropped = "[earlier output was dropped]\n";

/// The end of a file, from the beginning of a line if there is one in it.
std::string tail_of(int file, std::size_t size, std::size_t bytes_max) {
  const std::size_t wanted = std::min(size, bytes_max);
  std::string text(wanted, '\0');
  const ssize_t got = pread(file, text.data(), wanted, static_cast<off_t>(size - wanted));
  text.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
  if (wanted == size) return text;
  const std::size_t line = text.find('\n');
  if (line != std::string::npos && line + 1 < text.size()) text.erase(0, line + 1);
  return text;
}

}  // namespace

fs::path task_log_path(const fs::path& folder, const graph::TaskId& task_id, int attempt) {
  return folder / (task_id.text() + "." + std::to_string(attempt) + ".log");
}

std::string read_log_tail(const fs::path& path, std::size_t bytes_max) {
  const process::FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  struct stat about = {};
  if (!file.open() || fstat(file.number(), &about) != 0) return {};
  return tail_of(file.number(), static_cast<std::size_t>(about.st_size), bytes_max);
}

std::size_t prune_logs(const fs::path& folder, Instant now) {
  struct Old {
    std::chrono::microseconds written;
    fs::path path;
  };
  std::vector<Old> logs;
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder, error)) {
    struct stat about = {};
    if (entry.path().extension() != ".log" || lstat(entry.path().c_str(), &about) != 0) continue;
    logs.push_back({std::chrono::seconds(about.st_mtim.tv_sec), entry.path()});
  }
  std::ranges::sort(logs, {}, &Old::written);
  std::size_t removed = 0;
  for (const Old& log : logs) {
    const bool too_old = now.time_since_epoch() - log.written > kLogAge;
    if (!too_old && logs.size() - removed <= kLogFilesMax) break;
    unlink(log.path.c_str());
    ++removed;
  }
  return removed;
}

void TaskLog::append(std::string_view bytes) {
  if (bytes.empty()) return;
  seen_ += bytes.size();
  if (!open()) return;
  if (size_ + bytes.size() > kLogBytesMax && !keep_newer_half()) return;
  if (bytes.size() > kLogBytesKept) bytes.remove_prefix(bytes.size() - kLogBytesKept);
  if (files::write_all(file_.number(), bytes)) size_ += bytes.size();
}

bool TaskLog::open() {
  if (file_.open()) return true;
  file_ = process::FileDescriptor(
      ::open(path_.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600));
  struct stat about = {};
  if (!file_.open() || fstat(file_.number(), &about) != 0) return false;
  size_ = static_cast<std::size_t>(about.st_size);
  return true;
}

bool TaskLog::keep_newer_half() {
  const std::string kept = tail_of(file_.number(), size_, kLogBytesKept - kDropped.size());
  const fs::path beside = path_.string() + ".new";
  process::FileDescriptor fresh(
      ::open(beside.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600));
  if (!fresh.open() || !files::write_all(fresh.number(), kDropped) ||
      !files::write_all(fresh.number(), kept) || rename(beside.c_str(), path_.c_str()) != 0) {
    unlink(beside.c_str());
    return false;
  }
  file_ = std::move(fresh);
  size_ = kDropped.size() + kept.size();
  return true;
}

}  // namespace weir::worker
