// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include <utility>

#include "operators/failure.h"
#include "operators/limits.h"
#include "operators/tables/row_writer.h"
#include "storage/byte_source.h"

namespace weir::operators {
namespace {

constexpr std::string_view kTable = "part";

}  // namespace

std::string PartNames::name(std::size_t number) const {
  std::string text = "part_";
  if (range) text += std::to_string(range->start) + '_' + std::to_string(range->end) + '_';
  return text + std::to_string(number) + ".parquet";
}

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

Result<void> put_part(duckdb::Engine& engine, const WorkFolder& work, storage::CommitWriter& commit,
                      const std::string& select, const std::string& name, std::int64_t rows) {
  const std::string path = work.file("part.parquet");
  WEIR_CHECK(
      engine.run("COPY (" + select + ") TO " + duckdb::quote_text(path) + " (FORMAT parquet)"));
  WEIR_TRY(const auto file, open_file(path));
  WEIR_TRY(auto source, storage::FileSource::of(file.number()));
  WEIR_CHECK(commit.put(name, source, rows));
  unlink(path.c_str());
  return {};
}

ParquetParts::ParquetParts(duckdb::Engine& engine, const WorkFolder& work,
                           storage::CommitWriter& commit, std::vector<Column> columns,
                           PartNames names, std::int64_t rows_per_file)
    : engine_(engine),
      work_(work),
      commit_(commit),
      columns_(std::move(columns)),
      names_(names),
      rows_per_file_(rows_per_file) {}

Result<std::unique_ptr<ParquetParts>> ParquetParts::open(
    duckdb::Engine& engine, const WorkFolder& work, storage::CommitWriter& commit,
    std::vector<Column> columns, PartNames names, std::int64_t rows_per_file) {
  auto parts = std::unique_ptr<ParquetParts>(
      new ParquetParts(engine, work, commit, std::move(columns), names, rows_per_file));
  WEIR_CHECK(create_table(engine, kTable, parts->columns_));
  std::vector<duckdb::ColumnType> types;
  types.reserve(parts->columns_.size());
  for (const Column& column : parts->columns_) types.push_back(engine_type(column.type));
  WEIR_TRY(parts->table_, duckdb::TableWriter::open(engine, std::string(kTable), std::move(types)));
  return parts;
}

Result<void> ParquetParts::add(const Row& row) {
  WEIR_CHECK(convert_row(columns_, row, converted_));
  WEIR_CHECK(table_->add(converted_));
  ++rows_;
  if (++open_rows_ == rows_per_file_) return write_part();
  return {};
}

Result<void> ParquetParts::write_part() {
  WEIR_CHECK(table_->flush());
  WEIR_CHECK(put_part(engine_, work_, commit_,
                      "SELECT " + select_list(columns_) + " FROM " + std::string(kTable),
                      names_.name(parts_++), open_rows_));
  open_rows_ = 0;
  return engine_.run("TRUNCATE " + std::string(kTable));
}

Result<storage::CommitNamed> ParquetParts::finish() {
  if (open_rows_ > 0) WEIR_CHECK(write_part());
  return commit_.finish(schema_hash(columns_));
}

}  // namespace weir::operators
