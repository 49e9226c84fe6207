// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "drivers/duckdb/values.h"
#include "operators/task_payload.h"

/// Columns of rows, and their values as texts, as JSON and as values of the engine (contract
/// sections 2.7 and 6.19).
namespace weir::operators {

/// `schema.columns`' types, in the order of its list.
enum class CellType : std::uint8_t {
  Text,
  BigInt,
  Double,
  Boolean,
  Numeric,
  Timestamptz,
  Date,
  Uuid,
  Jsonb,
  Bytea,
};

struct Column {
  std::string name;
  CellType type = CellType::Text;
  bool nullable = false;

  friend bool operator==(const Column&, const Column&) = default;
};

using duckdb::Row;
using duckdb::Value;

/// Reads the mapping name → type, or name → `{type, nullable}`, in its order. Fatal
/// `config_invalid`.
Result<std::vector<Column>> read_columns(JsonValue columns);
/// The same of a payload's list.
Result<std::vector<Column>> columns_of(std::span<const ColumnSpec> specs);

std::string_view type_word(CellType type);
/// `blake3:…` over names, types and nullability: equal exactly for equal columns.
std::string schema_hash(std::span<const Column> columns);

/// Value of a cell as csv writes it, not null. Nothing if the text is no such value.
///   bigint: decimal, int64. double: decimal or scientific, finite, or NaN, Infinity, -Infinity.
///   boolean: true, false, t, f. numeric: decimal or scientific. timestamptz: RFC 3339 with a zone.
///   date: yyyy-mm-dd. uuid: its usual text. jsonb: JSON. bytea: `\x` and hex digits.
std::optional<Value> cell_of_text(CellType type, std::string_view text);
/// Value of a cell in JSON, not null: numbers and booleans as such, the rest as texts of the above;
/// numeric may be a text too, jsonb is any value.
std::optional<Value> cell_of_json(CellType type, JsonValue value);

/// A cell as JSON that `cell_of_json` reads back.
void append_cell(std::string& out, CellType type, const Value& value);

/// How the engine keeps a column of this type.
duckdb::ColumnType engine_type(CellType type);
/// A cell as the engine takes it. Nothing of a number with more than 20 digits before the point or
/// 18 behind it, which no parquet file of ours can hold.
std::optional<Value> engine_value(CellType type, const Value& cell);

/// A cell as a cursor: a bigint, or a timestamptz in milliseconds since the epoch. Nothing of null
/// and of other types.
std::optional<std::int64_t> cursor_of_cell(CellType type, const Value& value);

}  // namespace weir::operators
