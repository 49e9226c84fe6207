// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "operators/tables/columns.h"
#include "operators/tables/work_folder.h"

namespace weir::operators {

/// Rows as JSON Lines in a file: an object a row, its members in the order of the columns. Used by
/// one thread.
class LinesFile {
 public:
  /// Makes the file, or empties it. Retryable `machine_failed`.
  static Result<LinesFile> open(const std::string& path, std::vector<Column> columns);
  /// Fatal `source_too_large` of more than kIngestBytesMax; retryable `machine_failed`,
  /// `store_full`.
  Result<void> add(const Row& row);
  /// Brings what was added into the file; fails as `add`.
  Result<void> flush();
  std::int64_t rows() const { return rows_; }
  /// The open file's descriptor.
  int number() const { return file_.number(); }

 private:
  LinesFile(process::FileDescriptor file, std::vector<Column> columns)
      : file_(std::move(file)), columns_(std::move(columns)) {}

  process::FileDescriptor file_;
  std::vector<Column> columns_;
  std::string text_;
  std::uint64_t bytes_ = 0;
  std::int64_t rows_ = 0;
};

}  // namespace weir::operators
