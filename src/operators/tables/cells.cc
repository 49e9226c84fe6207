// SPDX-License-Identifier: Apache-2.0
#include <charconv>
#include <cmath>
#include <utility>

#include "base/assert.h"
#include "base/text.h"
#include "base/uuid.h"
#include "operators/calendar.h"
#include "operators/json_members.h"
#include "operators/limits.h"
#include "operators/tables/columns.h"
#include "operators/tables/decimal.h"

namespace weir::operators {
namespace {

constexpr std::int64_t kMicrosPerMilli = 1000;
constexpr int kMicroDigits = 6;
constexpr std::string_view kBytesMark = "\\x";

std::optional<Value> double_of(std::string_view text) {
  if (text == "NaN") return std::nan("");
  if (text == "Infinity") return HUGE_VAL;
  if (text == "-Infinity") return -HUGE_VAL;
  if (text.starts_with('+')) text.remove_prefix(1);
  double number = 0;
  const char* begin = text.data();
  const char* end = begin + text.size();
  const auto [at, fault] = std::from_chars(begin, end, number);
  if (fault != std::errc() || at != end || !std::isfinite(number)) return std::nullopt;
  return number;
}

std::optional<Value> whole_cell(std::string_view text) {
  if (text.starts_with('+') && !text.starts_with("+-")) text.remove_prefix(1);
  const auto number = whole_of(text);
  if (!number) return std::nullopt;
  return *number;
}

std::optional<Value> boolean_of(std::string_view text) {
  if (text == "true" || text == "t") return true;
  if (text == "false" || text == "f") return false;
  return std::nullopt;
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::optional<Value> bytes_of(std::string_view text) {
  if (!text.starts_with(kBytesMark) || text.size() % 2 != 0) return std::nullopt;
  duckdb::Bytes bytes;
  for (std::size_t i = kBytesMark.size(); i < text.size(); i += 2) {
    const int high = hex_digit(text[i]);
    const int low = hex_digit(text[i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    bytes.bytes += static_cast<char>(high * 16 + low);
  }
  return bytes;
}

std::optional<Value> json_cell(std::string_view text) {
  const auto document =
      JsonDocument::parse(text, {.depth_max = kPayloadDepthMax, .bytes_max = kRowBytesMax});
  if (!document.ok()) return std::nullopt;
  return json_of(document->root());
}

template <class Wrapped, class Parsed>
std::optional<Value> wrapped(const std::optional<Parsed>& parsed) {
  if (!parsed) return std::nullopt;
  return Wrapped{*parsed};
}

void append_double(std::string& out, double number) {
  if (std::isfinite(number)) {
    char text[32];
    const auto end = std::to_chars(std::begin(text), std::end(text), number).ptr;
    out.append(text, end);
    return;
  }
  out += std::isnan(number) ? "\"NaN\"" : number > 0 ? "\"Infinity\"" : "\"-Infinity\"";
}

void append_bytes(std::string& out, const std::string& bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  out += "\"\\\\x";
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    out += kDigits[byte >> 4U];
    out += kDigits[byte & 15U];
  }
  out += '"';
}

std::optional<Value> wide_uuid(const std::string& text) {
  const auto id = base::Uuid::parse(text);
  if (!id) return std::nullopt;
  std::uint64_t upper = 0;
  std::uint64_t lower = 0;
  for (std::size_t i = 0; i < 8; ++i) {
    upper = upper << 8U | id->bytes[i];
    lower = lower << 8U | id->bytes[i + 8];
  }
  // The engine turns the first bit, so that the numbers sort as the texts do.
  return duckdb::Wide{.lower = lower,
                      .upper = static_cast<std::int64_t>(upper ^ (std::uint64_t{1} << 63U))};
}

}  // namespace

std::optional<Value> cell_of_text(CellType type, std::string_view text) {
  switch (type) {
    case CellType::Text:
      if (text.find('\0') != std::string_view::npos) return std::nullopt;  // no table can hold it
      return std::string(text);
    case CellType::BigInt:
      return whole_cell(text);
    case CellType::Double:
      return double_of(text);
    case CellType::Boolean:
      return boolean_of(text);
    case CellType::Numeric:
      return wrapped<std::string>(plain_decimal(text));
    case CellType::Timestamptz:
      return wrapped<duckdb::InstantValue>(instant_of(text));
    case CellType::Date:
      return wrapped<duckdb::Day>(day_of(text));
    case CellType::Uuid: {
      const auto id = base::Uuid::parse(text);
      if (!id) return std::nullopt;
      return id->text();
    }
    case CellType::Jsonb:
      return json_cell(text);
    case CellType::Bytea:
      return bytes_of(text);
  }
  return std::nullopt;
}

std::optional<Value> cell_of_json(CellType type, JsonValue value) {
  switch (type) {
    case CellType::BigInt:
      return value.is_number() ? whole_cell(value.text()) : std::nullopt;
    case CellType::Double:
      if (value.is_text()) {
        auto number = double_of(value.text());
        const bool finite = number && std::isfinite(std::get<double>(*number));
        return finite ? std::nullopt : number;
      }
      return value.is_number() ? double_of(value.text()) : std::nullopt;
    case CellType::Boolean:
      if (!value.is_bool()) return std::nullopt;
      return value.kind() == JsonKind::True;
    case CellType::Numeric:
      if (!value.is_number() && !value.is_text()) return std::nullopt;
      return cell_of_text(type, value.text());
    case CellType::Jsonb:
      return json_of(value);
    default:
      return value.is_text() ? cell_of_text(type, value.text()) : std::nullopt;
  }
}

void append_cell(std::string& out, CellType type, const Value& value) {
  if (std::holds_alternative<std::monostate>(value)) {
    out += "null";
  } else if (const auto* whole = std::get_if<std::int64_t>(&value)) {
    out += std::to_string(*whole);
  } else if (const auto* real = std::get_if<double>(&value)) {
    append_double(out, *real);
  } else if (const auto* flag = std::get_if<bool>(&value)) {
    out += *flag ? "true" : "false";
  } else if (const auto* at = std::get_if<duckdb::InstantValue>(&value)) {
    out += '"' + instant_text(at->microseconds, kMicroDigits) + '"';
  } else if (const auto* day = std::get_if<duckdb::Day>(&value)) {
    out += '"' + day_text(day->days) + '"';
  } else if (const auto* bytes = std::get_if<duckdb::Bytes>(&value)) {
    append_bytes(out, bytes->bytes);
  } else if (const auto* text = std::get_if<std::string>(&value)) {
    if (type == CellType::Numeric || type == CellType::Jsonb) {
      out += *text;
    } else {
      base::append_json_text(out, *text);
    }
  } else {
    WEIR_ASSERT(false);  // no cell is Wide
  }
}

duckdb::ColumnType engine_type(CellType type) {
  switch (type) {
    case CellType::Text:
    case CellType::Jsonb:
      return duckdb::ColumnType::Text;
    case CellType::BigInt:
      return duckdb::ColumnType::BigInt;
    case CellType::Double:
      return duckdb::ColumnType::Double;
    case CellType::Boolean:
      return duckdb::ColumnType::Boolean;
    case CellType::Numeric:
      return duckdb::ColumnType::Decimal;
    case CellType::Timestamptz:
      return duckdb::ColumnType::Instant;
    case CellType::Date:
      return duckdb::ColumnType::Date;
    case CellType::Uuid:
      return duckdb::ColumnType::Uuid;
    case CellType::Bytea:
      return duckdb::ColumnType::Blob;
  }
  return duckdb::ColumnType::Text;
}

std::optional<Value> engine_value(CellType type, const Value& cell) {
  const auto* text = std::get_if<std::string>(&cell);
  if (text == nullptr) return cell;
  if (type == CellType::Uuid) return wide_uuid(*text);
  if (type == CellType::Numeric) {
    const auto wide = wide_decimal(*text);
    if (!wide) return std::nullopt;
    return *wide;
  }
  return cell;
}

std::optional<std::int64_t> cursor_of_cell(CellType type, const Value& value) {
  if (type == CellType::BigInt) {
    if (const auto* whole = std::get_if<std::int64_t>(&value)) return *whole;
  }
  if (type == CellType::Timestamptz) {
    if (const auto* at = std::get_if<duckdb::InstantValue>(&value)) {
      const std::int64_t millis = at->microseconds / kMicrosPerMilli;
      return at->microseconds % kMicrosPerMilli < 0 ? millis - 1 : millis;
    }
  }
  return std::nullopt;
}

}  // namespace weir::operators
