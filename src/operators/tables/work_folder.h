// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "drivers/process/file_descriptor.h"

namespace weir::operators {

/// A private folder of one run, gone with it. Not safe across threads.
class WorkFolder {
 public:
  /// Below `above`, mode 0700; retryable `machine_failed`.
  static Result<WorkFolder> make(const std::string& above);
  ~WorkFolder();
  WorkFolder(WorkFolder&& other) noexcept;
  WorkFolder& operator=(WorkFolder&& other) noexcept;
  WorkFolder(const WorkFolder&) = delete;
  WorkFolder& operator=(const WorkFolder&) = delete;

  const std::string& path() const { return path_; }
  std::string file(std::string_view name) const { return path_ + '/' + std::string(name); }

 private:
  explicit WorkFolder(std::string path) : path_(std::move(path)) {}
  std::string path_;
};

/// Makes a file, or empties it, for reading and writing. Retryable `machine_failed`.
Result<process::FileDescriptor> make_file(const std::string& path);
Result<process::FileDescriptor> open_file(const std::string& path);
/// Appends all of `bytes`. Retryable `machine_failed`; `store_full` where there is no room.
Result<void> append_bytes(int file, std::string_view bytes);

}  // namespace weir::operators
