// SPDX-License-Identifier: Apache-2.0
#include <cstring>
#include <utility>

#include "drivers/duckdb/engine.h"

namespace weir::duckdb {
namespace {

bool is_valid(const std::uint64_t* validity, std::size_t row) {
  return validity == nullptr || ((validity[row / 64] >> (row % 64)) & 1U) != 0;
}

std::string text_at(const void* data, std::size_t row) {
  const c_api::RawText& raw = static_cast<const c_api::RawText*>(data)[row];
  if (raw.length > c_api::RawText::kInlineBytes) return {raw.pointer, raw.length};
  // The inlined bytes begin behind the length.
  const char* inlined = reinterpret_cast<const char*>(&raw) + sizeof raw.length;
  return {inlined, raw.length};
}

template <class Raw>
Raw raw_at(const void* data, std::size_t row) {
  return static_cast<const Raw*>(data)[row];
}

Result<Value> value_at(int type, const void* data, std::size_t row) {
  switch (static_cast<c_api::Type>(type)) {
    case c_api::Type::Boolean:
      return Value(raw_at<bool>(data, row));
    case c_api::Type::BigInt:
      return Value(raw_at<std::int64_t>(data, row));
    case c_api::Type::Double:
      return Value(raw_at<double>(data, row));
    case c_api::Type::Date:
      return Value(Day{.days = raw_at<std::int32_t>(data, row)});
    case c_api::Type::Instant:
      return Value(InstantValue{.microseconds = raw_at<std::int64_t>(data, row)});
    case c_api::Type::Text:
      return Value(text_at(data, row));
    case c_api::Type::Blob:
      return Value(Bytes{.bytes = text_at(data, row)});
    default:
      return base::invalid_argument("engine_refused",
                                    "type " + std::to_string(type) + " cannot be read");
  }
}

}  // namespace

Rows::~Rows() {
  if (library_ != nullptr) library_->functions().destroy_result(&result_);
}

Rows::Rows(Rows&& other) noexcept
    : library_(std::move(other.library_)), result_(std::exchange(other.result_, {})) {}

std::size_t Rows::columns() const {
  c_api::RawResult copy = result_;
  return library_->functions().column_count(&copy);
}

std::string Rows::column(std::size_t number) const {
  c_api::RawResult copy = result_;
  const char* name = library_->functions().column_name(&copy, number);
  return name == nullptr ? std::string() : std::string(name);
}

Result<std::vector<Row>> Rows::next() {
  const c_api::Functions& api = library_->functions();
  std::vector<Row> rows;
  c_api::DataChunk chunk = api.fetch_chunk(result_);
  if (chunk == nullptr) return rows;
  const std::size_t count = api.data_chunk_get_size(chunk);
  const std::size_t width = columns();
  rows.assign(count, Row(width));
  for (std::size_t column = 0; column < width; ++column) {
    c_api::Vector vector = api.data_chunk_get_vector(chunk, column);
    const void* data = api.vector_get_data(vector);
    const std::uint64_t* validity = api.vector_get_validity(vector);
    const int type = api.column_type(&result_, column);
    for (std::size_t row = 0; row < count; ++row) {
      if (!is_valid(validity, row)) continue;
      auto value = value_at(type, data, row);
      if (!value.ok()) {
        api.destroy_data_chunk(&chunk);
        return std::move(value).error();
      }
      rows[row][column] = *std::move(value);
    }
  }
  api.destroy_data_chunk(&chunk);
  return rows;
}

}  // namespace weir::duckdb
