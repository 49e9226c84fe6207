// SPDX-License-Identifier: Apache-2.0
#include "operators/child/convert_rows.h"

#include <csignal>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "operators/child/context.h"
#include "operators/failure.h"
#include "operators/json_members.h"
#include "operators/tables/engine_table.h"
#include "operators/tables/lines_file.h"
#include "operators/tables/parquet_reader.h"
#include "operators/tables/row_reader.h"

namespace weir::operators {
namespace {

constexpr std::string_view kRowsTable = "rows";

/// What stdin asks for.
struct Conversion {
  bool to_parquet = false;
  std::string input;
  std::string output;
  std::vector<Column> columns;
};

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
  WEIR_TRY(const std::vector<ColumnSpec> specs, read_column_specs(root));
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
    WEIR_TRY(auto lines, LinesFile::open(wanted_.output, wanted_.columns));
    Row row;
    for (;;) {
      WEIR_TRY(const bool more, reader_->next(row));
      if (!more) break;
      WEIR_CHECK(lines.add(row));
    }
    rows_ = lines.rows();
    return lines.flush();
  }

  Result<void> to_parquet() {
    WEIR_TRY(input_, open_file(wanted_.input));
    bytes_.emplace(input_.number());
    reader_ = read_json_lines(*bytes_, "rows", wanted_.columns);
    WEIR_TRY(rows_, load_table(engine_, kRowsTable, wanted_.columns, *reader_));
    return write_parquet(
        engine_, "SELECT " + select_list(wanted_.columns) + " FROM " + std::string(kRowsTable),
        wanted_.output);
  }

  const Conversion& wanted_;
  duckdb::Engine& engine_;
  process::FileDescriptor input_;
  std::optional<FileBytes> bytes_;
  std::unique_ptr<RowReader> reader_;
  std::int64_t rows_ = 0;
};

Result<std::unique_ptr<duckdb::Engine>> open_engine_here() {
  WEIR_TRY(const Surroundings surroundings, read_surroundings(environment_variable));
  if (surroundings.work_above.empty()) {
    return fatal_error("environment_invalid", "TMPDIR names no folder");
  }
  return open_engine(surroundings, surroundings.work_above);
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
