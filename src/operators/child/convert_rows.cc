// SPDX-License-Identifier: Apache-2.0
#include "operators/child/convert_rows.h"

#include <csignal>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "drivers/duckdb/engine.h"
#include "operators/failure.h"
#include "operators/json_line.h"
#include "operators/json_members.h"
#include "operators/limits.h"
#include "operators/tables/parquet_reader.h"
#include "operators/tables/row_reader.h"
#include "operators/tables/row_writer.h"
#include "operators/tables/work_folder.h"

namespace weir::operators {
namespace {

constexpr std::string_view kRowsTable = "rows";
constexpr std::size_t kFlushBytes = std::size_t{1} << 20;

/// What stdin asks for.
struct Conversion {
  bool to_parquet = false;
  std::string input;
  std::string output;
  std::vector<Column> columns;
};

std::string environment_text(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string() : std::string(value);
}

Result<Conversion> read_conversion(std::istream& in) {
  std::string text;
  std::getline(in, text);
  WEIR_TRY(const JsonDocument document, parse_object(text, "conversion"));
  const JsonValue root = document.root();
  Conversion wanted;
  WEIR_TRY(const std::string to, needed_text(root, "to"));
  if (to != "parquet" && to != "jsonl") {
    return fatal_error("payload_invalid", "`to` must be parquet or jsonl");
  }
  wanted.to_parquet = to == "parquet";
  WEIR_TRY(wanted.input, needed_text(root, "input"));
  WEIR_TRY(wanted.output, needed_text(root, "output"));
  std::vector<ColumnSpec> specs;
  for (const JsonValue column : root.find("columns")) {
    ColumnSpec spec;
    WEIR_TRY(spec.name, needed_text(column, "name"));
    WEIR_TRY(spec.type, needed_text(column, "type"));
    WEIR_TRY(const auto nullable, optional_bool(column, "nullable"));
    spec.nullable = nullable.value_or(false);
    specs.push_back(std::move(spec));
  }
  WEIR_TRY(wanted.columns, columns_of(specs));
  return wanted;
}

/// Rows as they come, until there are none or one is at fault.
class Converter {
 public:
  Converter(const Conversion& wanted, duckdb::Engine& engine) : wanted_(wanted), engine_(engine) {}

  Result<void> run() { return wanted_.to_parquet ? to_parquet() : to_lines(); }
  std::int64_t rows() const { return rows_; }
  /// Of the last row that was begun; 0 before the first.
  std::int64_t line() const { return reader_ ? reader_->line() : 0; }

 private:
  Result<void> to_lines() {
    WEIR_TRY(reader_, read_parquet(engine_, wanted_.input, "rows", wanted_.columns));
    WEIR_TRY(const auto file, make_file(wanted_.output));
    std::string text;
    std::uint64_t bytes = 0;
    const auto flush = [&]() -> Result<void> {
      bytes += text.size();
      if (bytes > kIngestBytesMax) {
        return fatal_error("source_too_large", "as JSON the rows are more than 4 GiB");
      }
      WEIR_CHECK(append_bytes(file.number(), text));
      text.clear();
      return {};
    };
    Row row;
    for (;;) {
      WEIR_TRY(const bool more, reader_->next(row));
      if (!more) return flush();
      append_line(text, row);
      ++rows_;
      if (text.size() >= kFlushBytes) WEIR_CHECK(flush());
    }
  }

  void append_line(std::string& text, const Row& row) const {
    text += '{';
    for (std::size_t i = 0; i < wanted_.columns.size(); ++i) {
      if (i > 0) text += ',';
      base::append_json_text(text, wanted_.columns[i].name);
      text += ':';
      append_cell(text, wanted_.columns[i].type, row[i]);
    }
    text += "}\n";
  }

  Result<void> to_parquet() {
    WEIR_TRY(input_, open_file(wanted_.input));
    bytes_.emplace(input_.number());
    reader_ = read_json_lines(*bytes_, "rows", wanted_.columns);
    WEIR_CHECK(fill_table());
    return engine_.run("COPY (SELECT " + select_list(wanted_.columns) + " FROM " +
                       std::string(kRowsTable) + ") TO " + duckdb::quote_text(wanted_.output) +
                       " (FORMAT parquet)");
  }

  Result<void> fill_table() {
    WEIR_CHECK(create_table(engine_, kRowsTable, wanted_.columns));
    std::vector<duckdb::ColumnType> types;
    types.reserve(wanted_.columns.size());
    for (const Column& column : wanted_.columns) types.push_back(engine_type(column.type));
    WEIR_TRY(const auto table,
             duckdb::TableWriter::open(engine_, std::string(kRowsTable), std::move(types)));
    Row row;
    Row converted;
    for (;;) {
      WEIR_TRY(const bool more, reader_->next(row));
      if (!more) return table->flush();
      WEIR_CHECK(convert_row(wanted_.columns, row, converted));
      WEIR_CHECK(table->add(converted));
      ++rows_;
    }
  }

  const Conversion& wanted_;
  duckdb::Engine& engine_;
  process::FileDescriptor input_;
  std::optional<FileBytes> bytes_;
  std::unique_ptr<RowReader> reader_;
  std::int64_t rows_ = 0;
};

int tell_failure(const OperatorProcess& process, const Error& error, std::int64_t line) {
  std::string text;
  JsonLine outer(text);
  outer.key("error");
  JsonLine inner(text);
  inner.text("code", error.reason()).text("message", error.message()).number("line", line).end();
  outer.end();
  process.err << error.describe() << '\n' << std::flush;
  process.out << text << '\n' << std::flush;
  return is_retryable(error) ? kExitRetryable : kExitFatal;
}

Result<std::unique_ptr<duckdb::Engine>> open_engine_here() {
  const std::string folder = environment_text("TMPDIR");
  if (folder.empty()) return fatal_error("environment_invalid", "TMPDIR names no folder");
  WEIR_TRY(const std::string path, duckdb::find_library(environment_text("WEIR_DUCKDB_LIBRARY")));
  WEIR_TRY(auto library, duckdb::Library::load(path));
  return duckdb::Engine::open(std::move(library), {.memory_bytes = kEngineMemoryBytes,
                                                   .threads = kEngineThreads,
                                                   .spill_folder = folder + "/spill",
                                                   .folders = {folder}});
}

}  // namespace

int run_convert_rows(const OperatorProcess& process) {
  std::signal(SIGPIPE, SIG_IGN);
  const auto wanted = read_conversion(process.in);
  if (!wanted.ok()) return tell_failure(process, wanted.error(), 0);
  const auto engine = open_engine_here();
  if (!engine.ok()) return tell_failure(process, engine.error(), 0);
  Converter converter(*wanted, **engine);
  const auto done = converter.run();
  if (!done.ok()) return tell_failure(process, done.error(), converter.line());
  process.out << "{\"rows\":" << converter.rows() << "}\n" << std::flush;
  return kExitSuccess;
}

}  // namespace weir::operators
