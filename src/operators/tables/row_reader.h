// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/sha256.h"
#include "drivers/process/file_descriptor.h"
#include "operators/tables/columns.h"

/// Rows of one file, read strictly by columns (contract section 6.19): an unknown or a missing
/// column, a null where none may be, a value of another type is fatal `source_invalid`, with the
/// file's name and the line.
namespace weir::operators {

/// `FILE:LINE: what` as fatal `source_invalid`.
Error source_invalid(std::string_view file, std::int64_t line, std::string_view what);

/// Bytes of an open file from its beginning, with their checksum. Used by one thread.
class FileBytes {
 public:
  explicit FileBytes(int descriptor);
  /// The next bytes, valid until the next call; none at the end. UNAVAILABLE `source_unreadable`.
  Result<std::string_view> next();
  std::uint64_t count() const { return count_; }
  /// Of all that was read. Call once.
  std::string sha256() { return hash_.finish_hex(); }

 private:
  int descriptor_;
  std::vector<char> buffer_;
  base::Sha256 hash_;
  std::uint64_t count_ = 0;
};

class RowReader {
 public:
  virtual ~RowReader() = default;
  /// Fills the next row, in the order of the columns; false at the end.
  virtual Result<bool> next(Row& row) = 0;
  /// Where the last row began: a line, or the number of the row where there are no lines; from 1.
  virtual std::int64_t line() const = 0;
};

struct CsvDialect {
  bool header = true;  ///< the first line names the columns; else they stand in their order
  char delimiter = ',';
  std::string null_text = {};  ///< an unquoted field of this text is null
};

/// csv after RFC 4180 in UTF-8; lines end in LF or CRLF. `bytes` and `columns` must outlive it.
std::unique_ptr<RowReader> read_csv(FileBytes& bytes, std::string file, CsvDialect dialect,
                                    const std::vector<Column>& columns);

/// One JSON object a line. Members whose name begins with `_weir_` are passed over.
std::unique_ptr<RowReader> read_json_lines(FileBytes& bytes, std::string file,
                                           const std::vector<Column>& columns);

}  // namespace weir::operators
