// SPDX-License-Identifier: Apache-2.0
#include "operators/calendar.h"

#include <fmt/format.h>

#include <chrono>

namespace weir::operators {
namespace {

constexpr std::int64_t kSecond = 1'000'000;
constexpr std::int64_t kDay = 86'400 * kSecond;
constexpr int kFractionDigits = 6;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// Takes exactly `digits` digits off the front; nothing if they are not there.
std::optional<int> take_number(std::string_view& text, std::size_t digits) {
  if (text.size() < digits) return std::nullopt;
  int number = 0;
  for (const char c : text.substr(0, digits)) {
    if (!is_digit(c)) return std::nullopt;
    number = number * 10 + (c - '0');
  }
  text.remove_prefix(digits);
  return number;
}

bool take(std::string_view& text, char c) {
  if (!text.starts_with(c)) return false;
  text.remove_prefix(1);
  return true;
}

std::optional<std::int32_t> take_day(std::string_view& text) {
  const auto year = take_number(text, 4);
  if (!year || *year < 1 || !take(text, '-')) return std::nullopt;
  const auto month = take_number(text, 2);
  if (!month || !take(text, '-')) return std::nullopt;
  const auto day = take_number(text, 2);
  if (!day) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(*year),
                                         std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day))};
  if (!date.ok()) return std::nullopt;
  return static_cast<std::int32_t>(std::chrono::sys_days(date).time_since_epoch().count());
}

/// `hh:mm:ss` and a fraction, in microseconds.
std::optional<std::int64_t> take_time(std::string_view& text) {
  const auto hour = take_number(text, 2);
  if (!hour || *hour > 23 || !take(text, ':')) return std::nullopt;
  const auto minute = take_number(text, 2);
  if (!minute || *minute > 59 || !take(text, ':')) return std::nullopt;
  const auto second = take_number(text, 2);
  if (!second || *second > 59) return std::nullopt;
  std::int64_t micros = ((*hour * 60 + *minute) * 60 + *second) * kSecond;
  if (!take(text, '.')) return micros;
  std::int64_t unit = kSecond;
  int digits = 0;
  while (!text.empty() && is_digit(text.front())) {
    if (++digits > kFractionDigits) return std::nullopt;
    unit /= 10;
    micros += (text.front() - '0') * unit;
    text.remove_prefix(1);
  }
  if (digits == 0) return std::nullopt;
  return micros;
}

/// The zone's distance from UTC in microseconds; it must be all that is left.
std::optional<std::int64_t> take_zone(std::string_view text) {
  if (text == "Z" || text == "z") return 0;
  if (text.empty() || (text.front() != '+' && text.front() != '-')) return std::nullopt;
  const int sign = text.front() == '-' ? -1 : 1;
  text.remove_prefix(1);
  const auto hours = take_number(text, 2);
  if (!hours || *hours > 23) return std::nullopt;
  int minutes = 0;
  if (!text.empty()) {
    take(text, ':');
    const auto more = take_number(text, 2);
    if (!more || *more > 59 || !text.empty()) return std::nullopt;
    minutes = *more;
  }
  return std::int64_t{sign} * (*hours * 60 + minutes) * 60 * kSecond;
}

}  // namespace

std::optional<std::int32_t> day_of(std::string_view text) {
  const auto day = take_day(text);
  if (!text.empty()) return std::nullopt;
  return day;
}

std::string day_text(std::int32_t day) {
  const std::chrono::year_month_day date{std::chrono::sys_days(std::chrono::days(day))};
  return fmt::format("{:04}-{:02}-{:02}", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()));
}

std::optional<std::int64_t> instant_of(std::string_view text) {
  const auto day = take_day(text);
  if (!day) return std::nullopt;
  if (!take(text, 'T') && !take(text, 't') && !take(text, ' ')) return std::nullopt;
  const auto time = take_time(text);
  if (!time) return std::nullopt;
  const auto zone = take_zone(text);
  if (!zone) return std::nullopt;
  return *day * kDay + *time - *zone;
}

std::string instant_text(std::int64_t microseconds, int digits) {
  std::int64_t day = microseconds / kDay;
  std::int64_t rest = microseconds % kDay;
  if (rest < 0) {
    rest += kDay;
    --day;
  }
  const std::int64_t seconds = rest / kSecond;
  std::string text = fmt::format("{}T{:02}:{:02}:{:02}", day_text(static_cast<std::int32_t>(day)),
                                 seconds / 3600, seconds / 60 % 60, seconds % 60);
  const std::int64_t fraction = rest % kSecond;
  text += digits == 3 ? fmt::format(".{:03}Z", fraction / 1000) : fmt::format(".{:06}Z", fraction);
  return text;
}

}  // namespace weir::operators
