// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "worker/rows/table_shape.h"

namespace weir::worker {

/// INVALID_ARGUMENT `rows_invalid` of a line, which its one fault names: path `line:<n>`.
Error rows_invalid(std::uint64_t line, const std::string& text);

/// Rows on their way into a table, by columns, as the texts that PostgreSQL casts. Every value was
/// checked against its column's type, so that a fault names its line. Used by one thread.
class RowBatch {
 public:
  /// `shape` outlives it.
  explicit RowBatch(const TableShape& shape);

  /// Adds the row of a line: a JSON object with exactly the columns of the table; of a column that
  /// may be null it may say nothing. Timestamps are RFC 3339, of UTC if they name no zone; dates
  /// `YYYY-MM-DD`; bytes `\x` and hex digits; numbers too large for JSON may be texts.
  /// `rows_invalid` otherwise.
  Result<void> add(std::string_view line, std::uint64_t line_number);

  bool full() const;
  std::size_t rows() const { return rows_; }
  std::uint64_t first_line() const { return first_line_; }
  const std::vector<std::optional<std::string>>& column(std::size_t index) const {
    return columns_[index];
  }
  void clear();

 private:
  Result<void> add_value(std::size_t index, JsonValue value, std::uint64_t line);

  const TableShape& shape_;
  std::vector<std::vector<std::optional<std::string>>> columns_;
  std::size_t rows_ = 0;
  std::size_t bytes_ = 0;
  std::uint64_t first_line_ = 0;
};

}  // namespace weir::worker
