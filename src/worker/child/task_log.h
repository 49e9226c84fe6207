// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"
#include "drivers/process/file_descriptor.h"
#include "graph/task_ids.h"

namespace weir::worker {

/// The file of an attempt's output: `<folder>/<task_id>.<attempt>.log`. There is none if the
/// attempt wrote nothing.
std::filesystem::path task_log_path(const std::filesystem::path& folder,
                                    const graph::TaskId& task_id, int attempt);

/// The last lines of a log, at most `bytes_max` bytes, beginning with a whole line where there is
/// one; empty if there is no log.
std::string read_log_tail(const std::filesystem::path& path, std::size_t bytes_max);

/// Takes away logs older than kLogAge, then the oldest beyond kLogFilesMax; says how many.
std::size_t prune_logs(const std::filesystem::path& folder, Instant now);

/// The output of one attempt, at most kLogBytesMax bytes of it: when there is more, the newer half
/// stays behind a line that says so. Others may read it meanwhile. Used by one thread. What cannot
/// be written is lost: no task fails for its log.
class TaskLog {
 public:
  explicit TaskLog(std::filesystem::path path) : path_(std::move(path)) {}

  void append(std::string_view bytes);
  /// Bytes that were written or dropped.
  std::size_t seen() const { return seen_; }

 private:
  bool open();
  bool keep_newer_half();

  std::filesystem::path path_;
  process::FileDescriptor file_;
  std::size_t size_ = 0;
  std::size_t seen_ = 0;
};

}  // namespace weir::worker
