// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include <utility>

#include "operators/tables/engine_table.h"
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

Result<void> put_part(duckdb::Engine& engine, const WorkFolder& work, storage::CommitWriter& commit,
                      const std::string& select, const std::string& name, std::int64_t rows) {
  const std::string path = work.file("part.parquet");
  WEIR_CHECK(write_parquet(engine, select, path));
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
  WEIR_TRY(parts->table_, make_table(engine, kTable, parts->columns_));
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
