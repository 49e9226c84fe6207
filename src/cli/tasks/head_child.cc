// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <cstdlib>
#include <iostream>
#include <iterator>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include <CLI/CLI.hpp>

#include "cli/console/console.h"
#include "cli/tasks/commands.h"
#include "cli/tasks/json_cells.h"
#include "drivers/duckdb/engine.h"

/// The child of `dataset head`: DuckDB runs here alone, and the process ends with its work.
namespace weir::cli {
namespace {

using duckdb::Value;

constexpr std::int64_t kJsonIntegerMax = (std::int64_t{1} << 53) - 1;

struct Column {
  std::string name;
  std::string type;
};

/// The expression by which a column is read as one of the types that pass the engine's interface.
std::string expression_of(const Column& column) {
  std::string name = duckdb::quote_name(column.name);
  const std::string& type = column.type;
  if (type == "BOOLEAN" || type == "BIGINT" || type == "DOUBLE" || type == "VARCHAR") return name;
  if (type == "TINYINT" || type == "SMALLINT" || type == "INTEGER" || type == "UTINYINT" ||
      type == "USMALLINT" || type == "UINTEGER") {
    return name + "::BIGINT";
  }
  if (type == "FLOAT") return name + "::DOUBLE";
  if (type.starts_with("TIMESTAMP")) {
    return "strftime(" + name + "::TIMESTAMP, '%Y-%m-%dT%H:%M:%S.%fZ')";
  }
  return name + "::VARCHAR";
}

JsonTree json_of(const Value& value) {
  if (const auto* truth = std::get_if<bool>(&value)) return *truth;
  if (const auto* number = std::get_if<double>(&value)) {
    return std::isfinite(*number) ? JsonTree(*number) : JsonTree(std::to_string(*number));
  }
  if (const auto* text = std::get_if<std::string>(&value)) return *text;
  const auto* integer = std::get_if<std::int64_t>(&value);
  if (integer == nullptr) return nullptr;
  if (*integer > kJsonIntegerMax || *integer < -kJsonIntegerMax) return std::to_string(*integer);
  return *integer;
}

std::string source_of(const std::string& file) {
  return "read_parquet(" + duckdb::quote_text(file) + ")";
}

Result<std::vector<Column>> columns_of(duckdb::Engine& engine, const std::string& file) {
  WEIR_TRY(duckdb::Rows described,
           engine.query("SELECT column_name, column_type FROM (DESCRIBE SELECT * FROM " +
                        source_of(file) + ")"));
  std::vector<Column> columns;
  while (true) {
    WEIR_TRY(const std::vector<duckdb::Row> rows, described.next());
    if (rows.empty()) return columns;
    for (const duckdb::Row& row : rows) {
      const auto* name = std::get_if<std::string>(&row.front());
      const auto* type = std::get_if<std::string>(&row.back());
      if (name != nullptr && type != nullptr) columns.push_back({*name, *type});
    }
  }
}

/// Puts rows of a file into the answer until it has one more than wanted.
Result<void> read_file(duckdb::Engine& engine, const std::string& sql, std::size_t wanted,
                       JsonTree& answer) {
  const std::size_t left = wanted + 1 - answer["rows"].size();
  WEIR_TRY(duckdb::Rows rows, engine.query(sql + " LIMIT " + std::to_string(left)));
  while (true) {
    WEIR_TRY(const std::vector<duckdb::Row> block, rows.next());
    if (block.empty()) return {};
    for (const duckdb::Row& row : block) {
      JsonTree cells = JsonTree::array();
      for (const Value& value : row) cells.push_back(json_of(value));
      answer["rows"].push_back(std::move(cells));
    }
  }
}

Result<JsonTree> read_rows(const JsonTree& request) {
  const char* named = std::getenv("WEIR_DUCKDB_LIBRARY");
  WEIR_TRY(const std::string path, duckdb::find_library(named == nullptr ? "" : named));
  WEIR_TRY(const auto library, duckdb::Library::load(path));
  WEIR_TRY(const auto engine,
           duckdb::Engine::open(library, {.spill_folder = cell(request, {"spill"}),
                                          .folders = {cell(request, {"objects"})}}));
  JsonTree answer = {
      {"columns", JsonTree::array()}, {"rows", JsonTree::array()}, {"truncated", false}};
  const auto wanted = static_cast<std::size_t>(number_at(request, {"rows"}));
  std::string list;
  for (const JsonTree& file : list_at(request, {"files"})) {
    if (list.empty()) {
      WEIR_TRY(const std::vector<Column> columns, columns_of(*engine, cell(file)));
      for (const Column& column : columns) {
        answer["columns"].push_back({{"name", column.name}, {"type", column.type}});
        list += (list.empty() ? "" : ", ") + expression_of(column);
      }
    }
    if (list.empty()) break;
    WEIR_CHECK(
        read_file(*engine, "SELECT " + list + " FROM " + source_of(cell(file)), wanted, answer));
    if (answer["rows"].size() > wanted) break;
  }
  if (answer["rows"].size() > wanted) {
    answer["rows"].erase(answer["rows"].size() - 1);
    answer["truncated"] = true;
  }
  return answer;
}

int run_head_child() {
  const std::string text{std::istreambuf_iterator<char>(std::cin), {}};
  const JsonTree request = JsonTree::parse(text, nullptr, /*allow_exceptions=*/false);
  const Result<JsonTree> answer = read_rows(request);
  if (!answer.ok()) {
    print_error(answer.error());
    return kExitFailed;
  }
  print_out(answer->dump(-1, ' ', false, JsonTree::error_handler_t::replace) + "\n");
  return kExitOk;
}

}  // namespace

void add_head_child(CLI::App& parent, Session& session) {
  CLI::App* command = parent.add_subcommand("__head", "The child of `weir dataset head`");
  command->group("");
  command->callback([&session] { session.action = [] { return run_head_child(); }; });
}

}  // namespace weir::cli
