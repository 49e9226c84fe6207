// SPDX-License-Identifier: Apache-2.0
#include "operators/tables/engine_table.h"

#include <utility>

#include "operators/failure.h"

namespace weir::operators {
namespace {

Result<void> create_table(duckdb::Engine& engine, std::string_view table,
                          const std::vector<Column>& columns) {
  std::string list;
  for (const Column& column : columns) {
    if (!list.empty()) list += ", ";
    list += duckdb::quote_name(column.name);
    list += ' ';
    list += duckdb::sql_type(engine_type(column.type));
  }
  return engine.run("CREATE TABLE " + duckdb::quote_name(table) + " (" + list + ")");
}

}  // namespace

Result<std::unique_ptr<duckdb::TableWriter>> make_table(duckdb::Engine& engine,
                                                        std::string_view table,
                                                        const std::vector<Column>& columns) {
  WEIR_CHECK(create_table(engine, table, columns));
  std::vector<duckdb::ColumnType> types;
  types.reserve(columns.size());
  for (const Column& column : columns) types.push_back(engine_type(column.type));
  return duckdb::TableWriter::open(engine, std::string(table), std::move(types));
}

Result<void> convert_row(const std::vector<Column>& columns, const Row& row, Row& into) {
  into.resize(columns.size());
  for (std::size_t i = 0; i < columns.size(); ++i) {
    auto value = engine_value(columns[i].type, row[i]);
    if (!value) {
      return fatal_error("value_unfit",
                         "column " + columns[i].name +
                             " has more than 20 digits before the point or 18 behind it");
    }
    into[i] = *std::move(value);
  }
  return {};
}

Result<std::int64_t> load_table(duckdb::Engine& engine, std::string_view table,
                                const std::vector<Column>& columns, RowReader& reader) {
  WEIR_TRY(const auto writer, make_table(engine, table, columns));
  Row row;
  Row converted;
  for (std::int64_t rows = 0;; ++rows) {
    WEIR_TRY(const bool more, reader.next(row));
    if (!more) {
      WEIR_CHECK(writer->flush());
      return rows;
    }
    WEIR_CHECK(convert_row(columns, row, converted));
    WEIR_CHECK(writer->add(converted));
  }
}

std::string select_list(const std::vector<Column>& columns) {
  std::string list;
  for (const Column& column : columns) {
    if (!list.empty()) list += ", ";
    const std::string name = duckdb::quote_name(column.name);
    list += name;
    if (column.type == CellType::Jsonb) list.append("::JSON AS ").append(name);
  }
  return list;
}

Result<void> write_parquet(duckdb::Engine& engine, const std::string& select,
                           const std::string& path) {
  return engine.run("COPY (" + select + ") TO " + duckdb::quote_text(path) + " (FORMAT parquet)");
}

}  // namespace weir::operators
