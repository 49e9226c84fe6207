// SPDX-License-Identifier: Apache-2.0
#include "operators/child/ingest_config.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/enum_words.h"
#include "operators/failure.h"
#include "operators/json_members.h"

namespace weir::operators {
namespace {

constexpr std::array<std::string_view, 3> kFormatWords = {"csv", "jsonl", "parquet"};
constexpr std::array<std::string_view, 2> kMissingWords = {"fail", "empty"};

Error config_invalid(std::string message) {
  return fatal_error("config_invalid", std::move(message));
}

Result<void> read_dialect(JsonValue root, CsvDialect& dialect) {
  WEIR_TRY(const auto header, optional_bool(root, "header"));
  WEIR_TRY(const auto delimiter, optional_text(root, "delimiter"));
  WEIR_TRY(auto null_text, optional_text(root, "null_text"));
  dialect.header = header.value_or(true);
  if (delimiter) {
    if (delimiter->size() != 1 || *delimiter == "\"" || *delimiter == "\n" || *delimiter == "\r") {
      return config_invalid("`delimiter` must be one character, no quote and no line end");
    }
    dialect.delimiter = delimiter->front();
  }
  if (null_text) dialect.null_text = *std::move(null_text);
  return {};
}

/// Puts the columns into an order of their names; the rest stays behind.
void put_in_order(std::vector<Column>& columns, const std::vector<std::string>& names) {
  auto placed = columns.begin();
  for (const std::string& name : names) {
    const auto found = std::ranges::find(placed, columns.end(), name, &Column::name);
    if (found != columns.end()) std::rotate(placed++, found, found + 1);
  }
}

/// The order in which the fields of a file without a header stand, else that of the version that is
/// written: `columns` itself, a mapping, comes in none.
Result<std::vector<std::string>> column_order(JsonValue root, const TaskPayload& payload) {
  std::vector<std::string> names;
  const JsonValue given = root.find("columns_order");
  if (!given.is_null() && !given.is_array()) {
    return config_invalid("`columns_order` must be a list of names");
  }
  if (given.is_array()) {
    for (const JsonValue name : given) names.emplace_back(name.text());
    return names;
  }
  if (const TaskOutput* output = payload.output(0); output != nullptr) {
    for (const ColumnSpec& column : output->columns) names.push_back(column.name);
  }
  return names;
}

Result<void> check_cursor(const IngestConfig& config, const TaskPayload& payload) {
  if (!config.feeds_cursors()) return {};
  const auto column = std::ranges::find(config.columns, config.cursor_column, &Column::name);
  const bool good = column != config.columns.end() && !column->nullable &&
                    (column->type == CellType::BigInt || column->type == CellType::Timestamptz);
  if (!good) return config_invalid("`cursor_column` must be a bigint or timestamptz, not null");
  if (payload.update_strategy == "append" && payload.execution_strategy == "PerUpdate") return {};
  return config_invalid("`cursor_column` is for PerUpdate and append only");
}

}  // namespace

Result<IngestConfig> IngestConfig::parse(const TaskPayload& payload) {
  WEIR_TRY(const JsonDocument document, parse_object(payload.config, "config"));
  const JsonValue root = document.root();
  IngestConfig config;
  WEIR_TRY(config.path, needed_text(root, "path"));
  WEIR_TRY(const auto named, optional_text(root, "root"));
  config.root = named.value_or("default");
  WEIR_TRY(const std::string format, needed_text(root, "format"));
  const auto known = base::enum_of<SourceFormat>(kFormatWords, format);
  if (!known) return config_invalid("`format` must be csv, jsonl or parquet");
  config.format = *known;
  WEIR_TRY(config.columns, read_columns(root.find("columns")));
  WEIR_TRY(const auto order, column_order(root, payload));
  put_in_order(config.columns, order);
  WEIR_TRY(auto cursor_column, optional_text(root, "cursor_column"));
  config.cursor_column = std::move(cursor_column).value_or("");
  WEIR_CHECK(read_dialect(root, config.dialect));
  WEIR_TRY(const auto missing, optional_text(root, "missing"));
  const auto policy = base::enum_of<Missing>(kMissingWords, missing.value_or("fail"));
  if (!policy) return config_invalid("`missing` must be fail or empty");
  config.missing = *policy;
  WEIR_CHECK(check_cursor(config, payload));
  return config;
}

}  // namespace weir::operators
