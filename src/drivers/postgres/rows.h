// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/uuid.h"

struct pg_result;

namespace weir::postgres {

/// What one statement gave back, in binary format. Owns libpq's result: views stay valid as long as
/// this object lives (moving it keeps them valid).
///
/// The getters assert that the cell exists, is not NULL and has the type asked for, because the SQL
/// is our own: a wrong one is a mistake in the program, named on stderr before it aborts.
/// One thread at a time for moving; any number for reading.
class Rows {
 public:
  Rows() = default;
  /// Takes over `result`, which must come from a statement run with binary results.
  explicit Rows(pg_result* result) : result_(result) {}

  std::size_t size() const;
  bool empty() const { return size() == 0; }
  std::size_t columns() const;
  /// Rows inserted, updated, deleted or selected, as the command's tag says; 0 for other commands.
  std::int64_t affected() const;
  /// The command's tag, for example "INSERT 0 3".
  std::string_view tag() const;

  bool is_null(std::size_t row, std::size_t column) const;
  /// text, varchar, char, name, json, jsonb and enum types.
  std::string_view text(std::size_t row, std::size_t column) const;
  /// smallint, integer, bigint and oid.
  std::int64_t int64(std::size_t row, std::size_t column) const;
  /// real and double precision.
  double number(std::size_t row, std::size_t column) const;
  bool boolean(std::size_t row, std::size_t column) const;
  /// bytea.
  std::span<const std::byte> bytes(std::size_t row, std::size_t column) const;
  /// timestamptz; infinity is Instant::max(), -infinity Instant::min().
  Instant instant(std::size_t row, std::size_t column) const;
  base::Uuid uuid(std::size_t row, std::size_t column) const;
  /// text[] and bigint[]/integer[] of one dimension without NULL elements.
  std::vector<std::string_view> text_array(std::size_t row, std::size_t column) const;
  std::vector<std::int64_t> int64_array(std::size_t row, std::size_t column) const;

  /// As the plain getter, but nothing for NULL.
  std::optional<std::string_view> text_if(std::size_t row, std::size_t column) const;
  std::optional<std::int64_t> int64_if(std::size_t row, std::size_t column) const;
  std::optional<Instant> instant_if(std::size_t row, std::size_t column) const;
  std::optional<base::Uuid> uuid_if(std::size_t row, std::size_t column) const;

 private:
  struct Cell {
    std::string_view bytes;
    std::uint32_t type;
  };
  struct Clear {
    void operator()(pg_result* result) const;
  };
  Cell cell(std::size_t row, std::size_t column) const;
  [[noreturn]] void refuse(std::size_t row, std::size_t column, const char* wanted) const;

  std::unique_ptr<pg_result, Clear> result_;
};

}  // namespace weir::postgres
