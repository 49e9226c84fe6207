// SPDX-License-Identifier: Apache-2.0
#include "worker/rows/row_batch.h"

#include <algorithm>
#include <utility>

#include "worker/rows/limits.h"
#include "worker/rows/row_value.h"

namespace weir::worker {
namespace {

constexpr std::size_t kNameShownMax = 63;

std::string shown(std::string_view name) {
  return "`" + std::string(name.substr(0, kNameShownMax)) + "`";
}

}  // namespace

Error rows_invalid(std::uint64_t line, const std::string& text) {
  const std::string number = std::to_string(line);
  return base::invalid_argument("rows_invalid", "line " + number + ": " + text)
      .with_faults({{"rows_invalid", "line:" + number, text}});
}

RowBatch::RowBatch(const TableShape& shape) : shape_(shape), columns_(shape.columns.size()) {}

Result<void> RowBatch::add(std::string_view line, std::uint64_t line_number) {
  const auto document = JsonDocument::parse(line, {.bytes_max = kRowBytesMax});
  if (!document.ok()) return rows_invalid(line_number, "is not JSON");
  const JsonValue row = document->root();
  if (!row.is_object()) return rows_invalid(line_number, "is not an object");
  if (rows_ == 0) first_line_ = line_number;
  std::size_t known = 0;
  for (std::size_t index = 0; index < columns_.size(); ++index) {
    const JsonValue value = row.find(shape_.columns[index].name);
    if (!value.missing()) ++known;
    WEIR_CHECK(add_value(index, value, line_number));
  }
  if (known != row.size()) {
    for (const JsonValue member : row) {
      if (shape_.column(member.key()) == nullptr) {
        return rows_invalid(line_number, shown(member.key()) + " is no column");
      }
    }
    return rows_invalid(line_number, "names a column twice");
  }
  ++rows_;
  bytes_ += line.size();
  return {};
}

Result<void> RowBatch::add_value(std::size_t index, JsonValue value, std::uint64_t line) {
  const Column& column = shape_.columns[index];
  if (value.is_null()) {
    if (!column.nullable) return rows_invalid(line, shown(column.name) + " must not be null");
    columns_[index].emplace_back();
    return {};
  }
  std::optional<std::string> text = row_value(column.type, value);
  if (!text) {
    return rows_invalid(line,
                        shown(column.name) + " needs " + std::string(what_it_needs(column.type)));
  }
  columns_[index].push_back(std::move(text));
  return {};
}

bool RowBatch::full() const { return rows_ >= kRowsPerStatement || bytes_ >= kBytesPerStatement; }

void RowBatch::clear() {
  for (auto& column : columns_) column.clear();
  rows_ = 0;
  bytes_ = 0;
}

}  // namespace weir::worker
