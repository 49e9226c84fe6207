// SPDX-License-Identifier: Apache-2.0
#include "operators/tables/columns.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/blake3.h"
#include "base/enum_words.h"
#include "operators/failure.h"
#include "operators/json_members.h"
#include "operators/limits.h"

namespace weir::operators {
namespace {

constexpr std::array<std::string_view, 10> kTypeWords = {
    "text",        "bigint", "double", "boolean", "numeric",
    "timestamptz", "date",   "uuid",   "jsonb",   "bytea"};

Error columns_invalid(std::string message) {
  return fatal_error("config_invalid", "columns: " + std::move(message));
}

Result<Column> column_of(std::string name, std::string_view type, bool nullable) {
  const auto known = base::enum_of<CellType>(kTypeWords, type);
  if (!known) return columns_invalid(name + " has no type that is known");
  return Column{.name = std::move(name), .type = *known, .nullable = nullable};
}

Result<std::vector<Column>> checked(std::vector<Column> columns) {
  if (columns.empty() || columns.size() > kColumnsMax) {
    return columns_invalid("there must be 1 to " + std::to_string(kColumnsMax));
  }
  for (std::size_t i = 0; i < columns.size(); ++i) {
    const auto rest = std::span(columns).subspan(i + 1);
    if (std::ranges::find(rest, columns[i].name, &Column::name) != rest.end()) {
      return columns_invalid(columns[i].name + " is there twice");
    }
  }
  return columns;
}

}  // namespace

Result<std::vector<Column>> read_columns(JsonValue columns) {
  std::vector<Column> read;
  if (!columns.is_object()) return columns_invalid("must be a mapping");
  for (const JsonValue entry : columns) {
    std::string name(entry.key());
    bool nullable = false;
    std::string_view type = entry.text();
    if (entry.is_object()) {
      type = entry.find("type").text();
      WEIR_TRY(const auto flag, optional_bool(entry, "nullable"));
      nullable = flag.value_or(false);
    }
    WEIR_TRY(auto column, column_of(std::move(name), type, nullable));
    read.push_back(std::move(column));
  }
  return checked(std::move(read));
}

Result<std::vector<Column>> columns_of(std::span<const ColumnSpec> specs) {
  std::vector<Column> read;
  for (const ColumnSpec& spec : specs) {
    WEIR_TRY(auto column, column_of(spec.name, spec.type, spec.nullable));
    read.push_back(std::move(column));
  }
  return checked(std::move(read));
}

std::string_view type_word(CellType type) { return base::word_of(kTypeWords, type); }

std::string schema_hash(std::span<const Column> columns) {
  std::string text = "weir.schema.v1\n";
  for (const Column& column : columns) {
    base::append_json_text(text, column.name);
    text += ' ';
    text += type_word(column.type);
    text += column.nullable ? " null\n" : "\n";
  }
  return "blake3:" + base::blake3_hex(text);
}

}  // namespace weir::operators
