// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

namespace weir::duckdb {

/// A day since the epoch.
struct Day {
  std::int32_t days = 0;
  friend bool operator==(const Day&, const Day&) = default;
};
/// Microseconds since the epoch, UTC.
struct InstantValue {
  std::int64_t microseconds = 0;
  friend bool operator==(const InstantValue&, const InstantValue&) = default;
};
/// 128 bits, two's complement: a decimal times 10^kDecimalScale, or the bytes of a UUID.
struct Wide {
  std::uint64_t lower = 0;
  std::int64_t upper = 0;
  friend bool operator==(const Wide&, const Wide&) = default;
};
/// Bytes that are no text.
struct Bytes {
  std::string bytes;
  friend bool operator==(const Bytes&, const Bytes&) = default;
};

/// A value of a row; the first alternative is null.
using Value = std::variant<std::monostate, bool, std::int64_t, double, std::string, Bytes, Day,
                           InstantValue, Wide>;
using Row = std::vector<Value>;

/// Types of the columns of tables that are filled row by row.
enum class ColumnType : std::uint8_t {
  Boolean,
  BigInt,
  Double,
  Text,
  Blob,
  Date,
  Instant,  ///< with time zone
  Decimal,  ///< kDecimalWidth digits, kDecimalScale of them behind the point
  Uuid,
};

/// Its name in SQL.
const char* sql_type(ColumnType type);

}  // namespace weir::duckdb
