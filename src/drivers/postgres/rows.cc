// SPDX-License-Identifier: Apache-2.0
#include "drivers/postgres/rows.h"

#include <libpq-fe.h>

#include <bit>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <string>

#include "drivers/postgres/wire.h"

namespace weir::postgres {
namespace {

// Type OIDs of results (pg_type.dat), besides those of Params.
constexpr Oid kBool = 16, kBytea = 17, kChar = 18, kName = 19, kInt8 = 20, kInt2 = 21, kInt4 = 23;
constexpr Oid kText = 25, kOid = 26, kJson = 114, kFloat4 = 700, kFloat8 = 701, kUnknown = 705;
constexpr Oid kBpchar = 1042, kVarchar = 1043, kTimestamptz = 1184, kJsonb = 3802;
constexpr Oid kUuid = 2950;
constexpr Oid kFirstUserType = 16'384;  // Enums among them, whose binary form is their label.

constexpr std::size_t kArrayHeaderBytes = 12;
constexpr std::size_t kDimensionBytes = 8;

bool is_text(Oid type) {
  switch (type) {
    case kChar:
    case kName:
    case kText:
    case kJson:
    case kUnknown:
    case kBpchar:
    case kVarchar:
      return true;
    default:
      return type >= kFirstUserType;
  }
}

int as_int(std::size_t value) { return static_cast<int>(value); }

std::optional<std::int64_t> read_integer(Oid type, std::string_view bytes) {
  switch (type) {
    case kInt8:
      return static_cast<std::int64_t>(wire::read<std::uint64_t>(bytes));
    case kInt4:
      return static_cast<std::int32_t>(wire::read<std::uint32_t>(bytes));
    case kInt2:
      return static_cast<std::int16_t>(wire::read<std::uint16_t>(bytes));
    case kOid:
      return wire::read<std::uint32_t>(bytes);
    default:
      return std::nullopt;
  }
}

/// Calls `take(bytes of the element)` for each element; false unless `bytes` is an array of
/// `wanted` elements with at most one dimension and no NULLs, whose elements `take` accepts.
template <class Accept, class Take>
bool each_element(std::string_view bytes, Accept accept, Take take) {
  if (bytes.size() < kArrayHeaderBytes) return false;
  const auto dimensions = wire::read<std::uint32_t>(bytes);
  const Oid type = wire::read<std::uint32_t>(bytes.substr(8));
  if (!accept(type)) return false;
  if (dimensions == 0) return true;
  if (dimensions != 1 || bytes.size() < kArrayHeaderBytes + kDimensionBytes) return false;
  auto count = wire::read<std::uint32_t>(bytes.substr(kArrayHeaderBytes));
  bytes.remove_prefix(kArrayHeaderBytes + kDimensionBytes);
  for (; count > 0; --count) {
    if (bytes.size() < 4) return false;
    const auto length = wire::read<std::uint32_t>(bytes);
    bytes.remove_prefix(4);
    if (length > bytes.size()) return false;  // NULL, whose length is -1, too.
    take(type, bytes.substr(0, length));
    bytes.remove_prefix(length);
  }
  return true;
}

}  // namespace

void Rows::Clear::operator()(pg_result* result) const { PQclear(result); }

std::size_t Rows::size() const { return static_cast<std::size_t>(PQntuples(result_.get())); }
std::size_t Rows::columns() const { return static_cast<std::size_t>(PQnfields(result_.get())); }

std::int64_t Rows::affected() const {
  if (!result_) return 0;
  const std::string_view digits = PQcmdTuples(result_.get());
  std::int64_t count = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), count);
  return count;
}

std::string_view Rows::tag() const {
  return result_ ? std::string_view(PQcmdStatus(result_.get())) : std::string_view();
}

bool Rows::is_null(std::size_t row, std::size_t column) const {
  if (row >= size() || column >= columns()) refuse(row, column, "a cell");
  return PQgetisnull(result_.get(), as_int(row), as_int(column)) != 0;
}

std::string_view Rows::text(std::size_t row, std::size_t column) const {
  Cell found = cell(row, column);
  if (found.type == kJsonb && !found.bytes.empty()) return found.bytes.substr(1);  // After version.
  if (!is_text(found.type)) refuse(row, column, "text");
  return found.bytes;
}

std::int64_t Rows::int64(std::size_t row, std::size_t column) const {
  const Cell found = cell(row, column);
  const auto value = read_integer(found.type, found.bytes);
  if (!value) refuse(row, column, "an integer");
  return *value;
}

double Rows::number(std::size_t row, std::size_t column) const {
  const Cell found = cell(row, column);
  if (found.type == kFloat8) return std::bit_cast<double>(wire::read<std::uint64_t>(found.bytes));
  if (found.type != kFloat4) refuse(row, column, "a floating-point number");
  return static_cast<double>(std::bit_cast<float>(wire::read<std::uint32_t>(found.bytes)));
}

bool Rows::boolean(std::size_t row, std::size_t column) const {
  const Cell found = cell(row, column);
  if (found.type != kBool) refuse(row, column, "a boolean");
  return found.bytes.front() != 0;
}

std::span<const std::byte> Rows::bytes(std::size_t row, std::size_t column) const {
  const Cell found = cell(row, column);
  if (found.type != kBytea) refuse(row, column, "bytea");
  return {reinterpret_cast<const std::byte*>(found.bytes.data()), found.bytes.size()};
}

Instant Rows::instant(std::size_t row, std::size_t column) const {
  const Cell found = cell(row, column);
  if (found.type != kTimestamptz) refuse(row, column, "timestamptz");
  const auto value = static_cast<std::int64_t>(wire::read<std::uint64_t>(found.bytes));
  // PostgreSQL's infinities are the outermost values; its latest real instant is far below ours.
  if (value == std::numeric_limits<std::int64_t>::max()) return Instant::max();
  if (value == std::numeric_limits<std::int64_t>::min()) return Instant::min();
  return Instant(Duration(value + wire::kEpochOffsetUs));
}

base::Uuid Rows::uuid(std::size_t row, std::size_t column) const {
  const Cell found = cell(row, column);
  base::Uuid value;
  if (found.type != kUuid) refuse(row, column, "uuid");
  found.bytes.copy(reinterpret_cast<char*>(value.bytes.data()), value.bytes.size());
  return value;
}

std::vector<std::string_view> Rows::text_array(std::size_t row, std::size_t column) const {
  std::vector<std::string_view> elements;
  const bool good = each_element(cell(row, column).bytes, is_text,
                                 [&](Oid, std::string_view bytes) { elements.push_back(bytes); });
  if (!good) refuse(row, column, "an array of text without NULLs");
  return elements;
}

std::vector<std::int64_t> Rows::int64_array(std::size_t row, std::size_t column) const {
  std::vector<std::int64_t> elements;
  const auto is_integer = [](Oid type) { return type == kInt8 || type == kInt4 || type == kInt2; };
  const bool good =
      each_element(cell(row, column).bytes, is_integer, [&](Oid type, std::string_view bytes) {
        elements.push_back(read_integer(type, bytes).value_or(0));
      });
  if (!good) refuse(row, column, "an array of integers without NULLs");
  return elements;
}

std::optional<std::string_view> Rows::text_if(std::size_t row, std::size_t column) const {
  if (is_null(row, column)) return std::nullopt;
  return text(row, column);
}

std::optional<std::int64_t> Rows::int64_if(std::size_t row, std::size_t column) const {
  if (is_null(row, column)) return std::nullopt;
  return int64(row, column);
}

std::optional<Instant> Rows::instant_if(std::size_t row, std::size_t column) const {
  if (is_null(row, column)) return std::nullopt;
  return instant(row, column);
}

std::optional<base::Uuid> Rows::uuid_if(std::size_t row, std::size_t column) const {
  if (is_null(row, column)) return std::nullopt;
  return uuid(row, column);
}

Rows::Cell Rows::cell(std::size_t row, std::size_t column) const {
  if (is_null(row, column)) refuse(row, column, "a value");
  const int r = as_int(row);
  const int c = as_int(column);
  const char* bytes = PQgetvalue(result_.get(), r, c);
  const auto length = static_cast<std::size_t>(PQgetlength(result_.get(), r, c));
  return {{bytes, length}, PQftype(result_.get(), c)};
}

void Rows::refuse(std::size_t row, std::size_t column, const char* wanted) const {
  const char* name = PQfname(result_.get(), as_int(column));
  std::fprintf(stderr, "postgres rows: row %zu of %zu, column %zu of %zu (%s, type %u) is not %s\n",
               row, size(), column, columns(), name != nullptr ? name : "none",
               PQftype(result_.get(), as_int(column)), wanted);
  std::abort();
}

}  // namespace weir::postgres
