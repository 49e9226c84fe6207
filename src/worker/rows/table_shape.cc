// SPDX-License-Identifier: Apache-2.0
#include "worker/rows/table_shape.h"

#include <algorithm>
#include <array>
#include <utility>

namespace weir::worker {
namespace {

struct TypeName {
  ColumnType type;
  std::string_view word;  // in a schema
  std::string_view sql;   // as PostgreSQL's format_type spells it
};

/// In the order of ColumnType.
constexpr std::array<TypeName, 10> kTypes = {{
    {ColumnType::Text, "text", "text"},
    {ColumnType::Bigint, "bigint", "bigint"},
    {ColumnType::Double, "double", "double precision"},
    {ColumnType::Boolean, "boolean", "boolean"},
    {ColumnType::Numeric, "numeric", "numeric"},
    {ColumnType::Timestamptz, "timestamptz", "timestamp with time zone"},
    {ColumnType::Date, "date", "date"},
    {ColumnType::Uuid, "uuid", "uuid"},
    {ColumnType::Jsonb, "jsonb", "jsonb"},
    {ColumnType::Bytea, "bytea", "bytea"},
}};

constexpr postgres::Statement kColumns{
    "worker_columns",
    "SELECT a.attname::text, format_type(a.atttypid, NULL), NOT a.attnotnull FROM pg_attribute a"
    " WHERE a.attrelid = to_regclass($1) AND a.attnum > 0 AND NOT a.attisdropped"
    " AND NOT starts_with(a.attname::text, '_weir_') ORDER BY a.attnum"};

constexpr postgres::Statement kKey{
    "worker_key",
    "SELECT a.attname::text FROM pg_index i CROSS JOIN unnest(i.indkey) WITH ORDINALITY k (number,"
    " place) JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.number"
    " WHERE i.indrelid = to_regclass($1) AND i.indisunique ORDER BY i.indexrelid, k.place"};

std::string table_of(const graph::DatasetVersionId& version) {
  std::string digits = version.text();
  std::erase(digits, '-');
  return "data.d_" + digits;
}

}  // namespace

std::string_view type_word(ColumnType type) {
  return kTypes.at(static_cast<std::size_t>(type)).word;
}

std::string_view sql_type(ColumnType type) { return kTypes.at(static_cast<std::size_t>(type)).sql; }

const Column* TableShape::column(std::string_view name) const {
  const auto found = std::ranges::find(columns, name, &Column::name);
  return found == columns.end() ? nullptr : &*found;
}

std::string quoted_name(std::string_view column) {
  std::string text = "\"";
  for (const char letter : column) {
    if (letter == '"') text += '"';
    text += letter;
  }
  return text += '"';
}

Result<TableShape> read_table_shape(postgres::Connection& connection,
                                    const graph::DatasetVersionId& version) {
  TableShape shape;
  shape.table = table_of(version);
  WEIR_TRY(const postgres::Rows columns,
           connection.execute(kColumns, postgres::Params().text(shape.table)));
  for (std::size_t row = 0; row < columns.size(); ++row) {
    const auto known = std::ranges::find(kTypes, columns.text(row, 1), &TypeName::sql);
    if (known == kTypes.end()) return base::internal("a dataset's table has an unknown type");
    shape.columns.push_back(
        {std::string(columns.text(row, 0)), known->type, columns.boolean(row, 2)});
  }
  if (shape.columns.empty()) {
    return base::failed_precondition("not_supported", "this version is not kept in a table");
  }
  WEIR_TRY(const postgres::Rows key,
           connection.execute(kKey, postgres::Params().text(shape.table)));
  for (std::size_t row = 0; row < key.size(); ++row) shape.key.emplace_back(key.text(row, 0));
  return shape;
}

}  // namespace weir::worker
