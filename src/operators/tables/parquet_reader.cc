// SPDX-License-Identifier: Apache-2.0
#include "operators/tables/parquet_reader.h"

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <span>
#include <utility>

#include "operators/failure.h"

namespace weir::operators {
namespace {

constexpr std::array<std::string_view, 7> kIntegers = {"TINYINT",  "SMALLINT",  "INTEGER", "BIGINT",
                                                       "UTINYINT", "USMALLINT", "UINTEGER"};
constexpr std::array<std::string_view, 7> kDoubles = {"FLOAT",   "DOUBLE",   "TINYINT",  "SMALLINT",
                                                      "INTEGER", "UTINYINT", "USMALLINT"};

bool is_one_of(std::span<const std::string_view> words, std::string_view word) {
  return std::ranges::find(words, word) != words.end();
}

/// The expression that gives a column of the file as this type, in a type that can be read; nothing
/// if that would lose something.
std::optional<std::string> expression(const Column& column, std::string_view stored) {
  std::string name = duckdb::quote_name(column.name);
  const bool integer = is_one_of(kIntegers, stored);
  switch (column.type) {
    case CellType::Text:
      if (stored == "VARCHAR") return name;
      break;
    case CellType::BigInt:
      if (integer) return name + "::BIGINT";
      break;
    case CellType::Double:
      if (is_one_of(kDoubles, stored) || stored == "UINTEGER") return name + "::DOUBLE";
      break;
    case CellType::Boolean:
      if (stored == "BOOLEAN") return name;
      break;
    case CellType::Numeric:
      if (integer || stored == "UBIGINT" || stored == "HUGEINT" || stored.starts_with("DECIMAL")) {
        return name + "::VARCHAR";
      }
      break;
    case CellType::Timestamptz:
      if (stored == "TIMESTAMP WITH TIME ZONE") return name;
      break;
    case CellType::Date:
      if (stored == "DATE") return name;
      break;
    case CellType::Uuid:
      if (stored == "UUID") return name + "::VARCHAR";
      break;
    case CellType::Jsonb:
      if (stored == "JSON" || stored == "VARCHAR") return name + "::VARCHAR";
      break;
    case CellType::Bytea:
      if (stored == "BLOB") return name;
      break;
  }
  return std::nullopt;
}

/// Years that the texts of days and instants have: 1 to 9999.
bool is_writable(const Value& value) {
  constexpr std::int32_t kDayMin = -719'162;
  constexpr std::int32_t kDayMax = 2'932'896;
  constexpr std::int64_t kMicrosPerDay = 86'400'000'000;
  if (const auto* day = std::get_if<duckdb::Day>(&value)) {
    return day->days >= kDayMin && day->days <= kDayMax;
  }
  if (const auto* at = std::get_if<duckdb::InstantValue>(&value)) {
    return at->microseconds >= kDayMin * kMicrosPerDay &&
           at->microseconds < (kDayMax + 1) * kMicrosPerDay;
  }
  return true;
}

/// What the engine says of a file that it cannot read.
Error file_fault(const std::string& file, Error cause) {
  if (cause.code() == Code::InvalidArgument) return source_invalid(file, 1, "no parquet file");
  return cause;
}

class ParquetReader final : public RowReader {
 public:
  ParquetReader(duckdb::Rows rows, std::string file, const std::vector<Column>& columns)
      : rows_(std::move(rows)), file_(std::move(file)), columns_(columns) {}

  Result<bool> next(Row& row) override {
    if (at_ == chunk_.size()) {
      auto chunk = rows_.next();
      if (!chunk.ok()) return file_fault(file_, std::move(chunk).error());
      chunk_ = *std::move(chunk);
      at_ = 0;
      if (chunk_.empty()) return false;
    }
    ++line_;
    row = std::move(chunk_[at_++]);
    for (std::size_t i = 0; i < columns_.size(); ++i) WEIR_CHECK(check(columns_[i], row[i]));
    return true;
  }
  std::int64_t line() const override { return line_; }

 private:
  Result<void> check(const Column& column, Value& value) const {
    if (std::holds_alternative<std::monostate>(value)) {
      if (column.nullable) return {};
      return source_invalid(file_, line_, "column " + column.name + " must not be null");
    }
    bool good = is_writable(value);
    if (const auto* text = std::get_if<std::string>(&value)) {
      auto cell = cell_of_text(column.type, *text);
      good = cell.has_value();
      if (cell) value = *std::move(cell);
    }
    if (good) return {};
    return source_invalid(
        file_, line_, "column " + column.name + " is no " + std::string(type_word(column.type)));
  }

  duckdb::Rows rows_;
  const std::string file_;
  const std::vector<Column>& columns_;
  std::vector<Row> chunk_;
  std::size_t at_ = 0;
  std::int64_t line_ = 0;
};

Result<std::map<std::string, std::string>> stored_columns(duckdb::Engine& engine,
                                                          const std::string& from,
                                                          const std::string& file) {
  auto described = engine.query(
      "SELECT column_name::VARCHAR, column_type::VARCHAR FROM (DESCRIBE SELECT * FROM " + from +
      ")");
  if (!described.ok()) return file_fault(file, std::move(described).error());
  std::map<std::string, std::string> types;
  for (;;) {
    WEIR_TRY(const auto chunk, described->next());
    if (chunk.empty()) return types;
    for (const Row& row : chunk) {
      types.emplace(std::get<std::string>(row[0]), std::get<std::string>(row[1]));
    }
  }
}

}  // namespace

Result<std::unique_ptr<RowReader>> read_parquet(duckdb::Engine& engine, const std::string& path,
                                                std::string file,
                                                const std::vector<Column>& columns) {
  const std::string from =
      "read_parquet(" + duckdb::quote_text(path) + ", hive_partitioning=false)";
  WEIR_TRY(const auto stored, stored_columns(engine, from, file));
  std::string list;
  for (const Column& column : columns) {
    const auto found = stored.find(column.name);
    if (found == stored.end()) {
      return source_invalid(file, 1, "column " + column.name + " is missing");
    }
    const auto read = expression(column, found->second);
    if (!read) {
      return source_invalid(file, 1,
                            "column " + column.name + " of type " + found->second + " is no " +
                                std::string(type_word(column.type)));
    }
    if (!list.empty()) list += ", ";
    list += *read;
  }
  for (const auto& [name, type] : stored) {
    if (std::ranges::find(columns, name, &Column::name) == columns.end()) {
      return source_invalid(file, 1, "unknown column " + name);
    }
  }
  auto rows = engine.query("SELECT " + list + " FROM " + from);
  if (!rows.ok()) return file_fault(file, std::move(rows).error());
  return std::make_unique<ParquetReader>(*std::move(rows), std::move(file), columns);
}

}  // namespace weir::operators
