// SPDX-License-Identifier: Apache-2.0
#include <utility>

#include "base/assert.h"
#include "drivers/duckdb/engine.h"
#include "drivers/duckdb/faults.h"

namespace weir::duckdb {
namespace {

c_api::Type raw_type(ColumnType type) {
  switch (type) {
    case ColumnType::Boolean:
      return c_api::Type::Boolean;
    case ColumnType::BigInt:
      return c_api::Type::BigInt;
    case ColumnType::Double:
      return c_api::Type::Double;
    case ColumnType::Text:
      return c_api::Type::Text;
    case ColumnType::Blob:
      return c_api::Type::Blob;
    case ColumnType::Date:
      return c_api::Type::Date;
    case ColumnType::Instant:
      return c_api::Type::Instant;
    case ColumnType::Decimal:
      return c_api::Type::Decimal;
    case ColumnType::Uuid:
      return c_api::Type::Uuid;
  }
  return c_api::Type::Text;
}

template <class Raw, class Wanted>
bool store(void* data, std::size_t row, const Wanted* value) {
  if (value == nullptr) return false;
  static_cast<Raw*>(data)[row] = static_cast<Raw>(*value);
  return true;
}

}  // namespace

const char* sql_type(ColumnType type) {
  switch (type) {
    case ColumnType::Boolean:
      return "BOOLEAN";
    case ColumnType::BigInt:
      return "BIGINT";
    case ColumnType::Double:
      return "DOUBLE";
    case ColumnType::Text:
      return "VARCHAR";
    case ColumnType::Blob:
      return "BLOB";
    case ColumnType::Date:
      return "DATE";
    case ColumnType::Instant:
      return "TIMESTAMPTZ";
    case ColumnType::Decimal:
      return "DECIMAL(38,18)";
    case ColumnType::Uuid:
      return "UUID";
  }
  return "VARCHAR";
}

static_assert(kDecimalWidth == 38 && kDecimalScale == 18, "the text above says so too");

TableWriter::TableWriter(Engine& engine, std::vector<ColumnType> types)
    : api_(engine.library_->functions()), types_(std::move(types)) {}

Result<std::unique_ptr<TableWriter>> TableWriter::open(Engine& engine, const std::string& table,
                                                       std::vector<ColumnType> types) {
  auto writer = std::unique_ptr<TableWriter>(new TableWriter(engine, std::move(types)));
  const c_api::Functions& api = writer->api_;
  WEIR_ASSERT(api.vector_size() >= kChunkRows);
  if (api.appender_create(engine.connection_, nullptr, table.c_str(), &writer->appender_) !=
      c_api::kSuccess) {
    return writer->failed();
  }
  std::vector<c_api::LogicalType> logical;
  for (const ColumnType type : writer->types_) {
    logical.push_back(type == ColumnType::Decimal
                          ? api.create_decimal_type(kDecimalWidth, kDecimalScale)
                          : api.create_logical_type(static_cast<int>(raw_type(type))));
  }
  writer->chunk_ = api.create_data_chunk(logical.data(), logical.size());
  for (c_api::LogicalType& type : logical) api.destroy_logical_type(&type);
  if (writer->chunk_ == nullptr) return base::internal("DuckDB makes no chunk");
  writer->vectors_.resize(writer->types_.size());
  writer->data_.resize(writer->types_.size());
  return writer;
}

TableWriter::~TableWriter() {
  if (chunk_ != nullptr) api_.destroy_data_chunk(&chunk_);
  if (appender_ != nullptr) (void)api_.appender_destroy(&appender_);
}

Error TableWriter::failed() {
  return fault_of_message(appender_ == nullptr ? nullptr : api_.appender_error(appender_));
}

bool TableWriter::put(std::size_t column, const Value& value) {
  void* data = data_[column];
  switch (types_[column]) {
    case ColumnType::Boolean:
      return store<bool>(data, rows_, std::get_if<bool>(&value));
    case ColumnType::BigInt:
      return store<std::int64_t>(data, rows_, std::get_if<std::int64_t>(&value));
    case ColumnType::Double:
      return store<double>(data, rows_, std::get_if<double>(&value));
    case ColumnType::Date: {
      const auto* day = std::get_if<Day>(&value);
      return store<std::int32_t>(data, rows_, day == nullptr ? nullptr : &day->days);
    }
    case ColumnType::Instant: {
      const auto* at = std::get_if<InstantValue>(&value);
      return store<std::int64_t>(data, rows_, at == nullptr ? nullptr : &at->microseconds);
    }
    case ColumnType::Decimal:
    case ColumnType::Uuid: {
      const auto* wide = std::get_if<Wide>(&value);
      if (wide == nullptr) return false;
      static_cast<c_api::RawHuge*>(data)[rows_] = {.lower = wide->lower, .upper = wide->upper};
      return true;
    }
    case ColumnType::Text: {
      const auto* text = std::get_if<std::string>(&value);
      if (text == nullptr) return false;
      api_.vector_assign_string_element_len(vectors_[column], rows_, text->data(), text->size());
      return true;
    }
    case ColumnType::Blob: {
      const auto* blob = std::get_if<Bytes>(&value);
      if (blob == nullptr) return false;
      api_.vector_assign_string_element_len(vectors_[column], rows_, blob->bytes.data(),
                                            blob->bytes.size());
      return true;
    }
  }
  return false;
}

Result<void> TableWriter::add(const Row& row) {
  WEIR_ASSERT(row.size() == types_.size());
  if (rows_ == 0) {
    for (std::size_t i = 0; i < types_.size(); ++i) {
      vectors_[i] = api_.data_chunk_get_vector(chunk_, i);
      data_[i] = api_.vector_get_data(vectors_[i]);
    }
  }
  for (std::size_t i = 0; i < row.size(); ++i) {
    if (std::holds_alternative<std::monostate>(row[i])) {
      api_.vector_ensure_validity_writable(vectors_[i]);
      std::uint64_t* validity = api_.vector_get_validity(vectors_[i]);
      validity[rows_ / 64] &= ~(std::uint64_t{1} << (rows_ % 64));
    } else if (!put(i, row[i])) {
      return base::internal("column " + std::to_string(i) + " takes another type");
    }
  }
  if (++rows_ == kChunkRows) return send();
  return {};
}

Result<void> TableWriter::send() {
  if (rows_ == 0) return {};
  api_.data_chunk_set_size(chunk_, rows_);
  if (api_.append_data_chunk(appender_, chunk_) != c_api::kSuccess) return failed();
  api_.data_chunk_reset(chunk_);
  rows_ = 0;
  return {};
}

Result<void> TableWriter::flush() {
  WEIR_CHECK(send());
  if (api_.appender_flush(appender_) != c_api::kSuccess) return failed();
  return {};
}

}  // namespace weir::duckdb
