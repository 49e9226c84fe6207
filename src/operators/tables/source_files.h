// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "drivers/process/file_descriptor.h"

/// Files below an ingest root (contract section 6.19). Every folder and file is opened by its name
/// in the one above; a link, and what is no plain file, is fatal `path_invalid` wherever it stands.
namespace weir::operators {

/// What a file was when it was looked at; all of it changes if its content does.
struct FileLook {
  std::uint64_t size = 0;
  std::int64_t modified_ns = 0;
  std::uint64_t device = 0;
  std::uint64_t inode = 0;

  friend bool operator==(const FileLook&, const FileLook&) = default;
};

struct SourceFile {
  std::string path;  ///< below the root
  std::string name;  ///< its last segment
  FileLook look;
};

/// The files of one path, found once.
class SourceFiles {
 public:
  /// Opens the root and walks down. A folder or file that is not there gives no files. Fatal
  /// `source_too_large` of more than kIngestFilesMax files or kIngestBytesMax bytes; retryable
  /// `source_unreadable` of what the machine refuses.
  static Result<SourceFiles> find(const std::string& root, std::string_view path);

  /// By the bytes of their names.
  const std::vector<SourceFile>& files() const { return files_; }
  /// Opens one; retryable `source_changed` if it is not what was found.
  Result<process::FileDescriptor> open(const SourceFile& file) const;

 private:
  SourceFiles() = default;
  process::FileDescriptor folder_;
  std::vector<SourceFile> files_;
};

/// Retryable `source_changed` unless the open file still is what was found.
Result<void> check_unchanged(const SourceFile& file, int descriptor);

}  // namespace weir::operators
