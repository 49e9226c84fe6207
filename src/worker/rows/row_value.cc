// SPDX-License-Identifier: Apache-2.0
#include "worker/rows/row_value.h"

#include <array>
#include <charconv>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <system_error>

#include "base/canonical_json.h"
#include "base/uuid.h"

namespace weir::worker {
namespace {

bool is_digit(char letter) { return letter >= '0' && letter <= '9'; }

/// Reads a text from the left.
class Cursor {
 public:
  explicit Cursor(std::string_view text) : text_(text) {}

  bool done() const { return text_.empty(); }
  bool take(char letter) {
    if (!text_.starts_with(letter)) return false;
    text_.remove_prefix(1);
    return true;
  }
  /// So many digits, at least and at most.
  std::optional<int> digits(std::size_t least, std::size_t most) {
    std::size_t count = 0;
    int number = 0;
    while (count < text_.size() && count < most && is_digit(text_[count])) {
      number = number * 10 + (text_[count] - '0');
      ++count;
    }
    if (count < least) return {};
    text_.remove_prefix(count);
    return number;
  }
  std::size_t skip_digits() {
    std::size_t count = 0;
    while (count < text_.size() && is_digit(text_[count])) ++count;
    text_.remove_prefix(count);
    return count;
  }

 private:
  std::string_view text_;
};

bool take_date(Cursor& at) {
  const std::optional<int> year = at.digits(4, 4);
  if (!year || !at.take('-')) return false;
  const std::optional<int> month = at.digits(2, 2);
  if (!month || !at.take('-')) return false;
  const std::optional<int> day = at.digits(2, 2);
  if (!day || *year == 0) return false;
  return std::chrono::year_month_day(std::chrono::year(*year),
                                     std::chrono::month(static_cast<unsigned>(*month)),
                                     std::chrono::day(static_cast<unsigned>(*day)))
      .ok();
}

bool take_time(Cursor& at) {
  const std::optional<int> hour = at.digits(2, 2);
  if (!hour || *hour > 23 || !at.take(':')) return false;
  const std::optional<int> minute = at.digits(2, 2);
  if (!minute || *minute > 59 || !at.take(':')) return false;
  const std::optional<int> second = at.digits(2, 2);
  if (!second || *second > 59) return false;
  constexpr std::size_t kFractionDigitsMax = 9;
  return !at.take('.') || at.digits(1, kFractionDigitsMax).has_value();
}

bool take_zone(Cursor& at) {
  if (at.done() || at.take('Z')) return true;
  if (!at.take('+') && !at.take('-')) return false;
  constexpr int kHoursMax = 15;  // what PostgreSQL takes
  const std::optional<int> hours = at.digits(2, 2);
  if (!hours || *hours > kHoursMax) return false;
  if (at.done()) return true;
  at.take(':');
  const std::optional<int> minutes = at.digits(2, 2);
  return minutes && *minutes <= 59;
}

bool is_date(std::string_view text) {
  Cursor at(text);
  return take_date(at) && at.done();
}

bool is_timestamp(std::string_view text) {
  Cursor at(text);
  if (!take_date(at)) return false;
  if (!at.take('T') && !at.take(' ')) return false;
  return take_time(at) && take_zone(at) && at.done();
}

std::optional<std::string> whole_number(std::string_view text) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return {};
  return std::string(text);
}

std::optional<std::string> floating_number(JsonValue value) {
  const std::string_view text = value.text();
  if (!value.is_number()) {
    if (text == "NaN" || text == "Infinity" || text == "-Infinity") return std::string(text);
    return {};
  }
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || !std::isfinite(number)) return {};
  return std::string(text);
}

/// Digits on both sides of a point, and an exponent; what PostgreSQL holds (131,072 digits before
/// the point) bounds it.
std::optional<std::string> decimal_number(std::string_view text) {
  constexpr std::size_t kDigitsMax = 1000;
  constexpr int kExponentMax = 1000;
  if (text.size() > kDigitsMax) return {};
  Cursor at(text);
  at.take('-');
  std::size_t digits = at.skip_digits();
  if (at.take('.')) digits += at.skip_digits();
  if (digits == 0) return {};
  if (at.take('e') || at.take('E')) {
    if (!at.take('-')) at.take('+');
    const std::optional<int> exponent = at.digits(1, 4);
    if (!exponent || *exponent > kExponentMax) return {};
  }
  if (!at.done()) return {};
  return std::string(text);
}

bool is_bytes(std::string_view text) {
  if (!text.starts_with("\\x") || text.size() % 2 != 0) return false;
  return text.find_first_not_of("0123456789abcdefABCDEF", 2) == std::string_view::npos;
}

std::optional<std::string> checked_text(JsonValue value, bool (*is_good)(std::string_view)) {
  if (!value.is_text() || !is_good(value.text())) return {};
  return std::string(value.text());
}

std::optional<std::string> json_text(JsonValue value) {
  std::string text = base::canonical_json(value);
  // PostgreSQL has no such character.
  if (text.find("\\u0000") != std::string::npos) return {};
  return text;
}

}  // namespace

std::optional<std::string> row_value(ColumnType type, JsonValue value) {
  switch (type) {
    case ColumnType::Text:
      return checked_text(value, [](std::string_view text) { return !text.contains('\0'); });
    case ColumnType::Bigint:
      if (!value.is_number() && !value.is_text()) return {};
      return whole_number(value.text());
    case ColumnType::Double:
      return floating_number(value);
    case ColumnType::Boolean:
      if (!value.is_bool()) return {};
      return value.kind() == JsonKind::True ? "true" : "false";
    case ColumnType::Numeric:
      if (!value.is_number() && !value.is_text()) return {};
      return decimal_number(value.text());
    case ColumnType::Timestamptz:
      return checked_text(value, is_timestamp);
    case ColumnType::Date:
      return checked_text(value, is_date);
    case ColumnType::Uuid:
      return checked_text(value,
                          [](std::string_view text) { return Uuid::parse(text).has_value(); });
    case ColumnType::Jsonb:
      return json_text(value);
    case ColumnType::Bytea:
      return checked_text(value, is_bytes);
  }
  return {};
}

std::string_view what_it_needs(ColumnType type) {
  constexpr std::array<std::string_view, 10> kNeeds = {
      "a text without zero bytes",
      "a whole number of 64 bits",
      "a number",
      "true or false",
      "a number, or its digits as a text",
      "a time such as 2026-01-02T03:04:05Z",
      "a date such as 2026-01-02",
      "a UUID",
      "JSON without \\u0000",
      "\\x and hexadecimal digits",
  };
  return kNeeds.at(static_cast<std::size_t>(type));
}

}  // namespace weir::worker
