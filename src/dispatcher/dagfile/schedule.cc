// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/dagfile/schedule.h"

#include <algorithm>
#include <array>
#include <bit>
#include <chrono>
#include <span>
#include <vector>

#include "base/text.h"
#include "dispatcher/dagfile/fields.h"

namespace weir::dispatcher {
namespace {

using Names = std::span<const std::string_view>;

constexpr std::array<std::string_view, 12> kMonthNames = {"JAN", "FEB", "MAR", "APR", "MAY", "JUN",
                                                          "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"};
constexpr std::array<std::string_view, 7> kDayNames = {"SUN", "MON", "TUE", "WED",
                                                       "THU", "FRI", "SAT"};

Error refused(std::string text) {
  return base::invalid_argument("schedule_invalid", std::move(text));
}

/// The values a field may have, and how they may be written.
struct FieldShape {
  std::string_view name;
  unsigned first = 0;
  unsigned last = 0;
  Names names = {};        ///< of first, first + 1, …
  bool bare_step = false;  ///< AWS: `5/15` goes from 5 to the last
};

using Values = std::bitset<256>;  // bit n: first + n

std::optional<unsigned> value_of(std::string_view text, const FieldShape& shape) {
  for (std::size_t i = 0; i < shape.names.size(); ++i) {
    if (base::lower_ascii(text) == base::lower_ascii(shape.names[i])) {
      return shape.first + static_cast<unsigned>(i);
    }
  }
  constexpr std::size_t kDigitsMax = 4;
  const bool digits = std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
  if (text.empty() || text.size() > kDigitsMax || !digits) return {};
  unsigned value = 0;
  for (const char c : text) value = value * 10 + static_cast<unsigned>(c - '0');
  if (value < shape.first || value > shape.last) return {};
  return value;
}

Error bad_item(std::string_view item, const FieldShape& shape) {
  return refused("`" + std::string(item) + "` is no " + std::string(shape.name) + " (" +
                 std::to_string(shape.first) + " to " + std::to_string(shape.last) + ")");
}

/// One of a field's comma-separated items: `*`, `5`, `1-5`, each with `/step` where it may be.
Result<void> read_item(std::string_view item, const FieldShape& shape, Values& values) {
  const std::size_t slash = item.find('/');
  const std::string_view range = item.substr(0, slash);
  unsigned step = 1;
  if (slash != std::string_view::npos) {
    const FieldShape steps{.name = "step", .first = 1, .last = shape.last};
    const std::optional<unsigned> read = value_of(item.substr(slash + 1), steps);
    if (!read) return refused("`" + std::string(item) + "` has no step that fits");
    step = *read;
  }
  std::optional<unsigned> from = shape.first;
  std::optional<unsigned> to = shape.last;
  if (range != "*") {
    const std::size_t dash = range.find('-');
    from = value_of(range.substr(0, dash), shape);
    const bool open = dash == std::string_view::npos && slash != std::string_view::npos;
    if (open && !shape.bare_step) return refused("a step needs `*` or a range before it");
    if (dash != std::string_view::npos) {
      to = value_of(range.substr(dash + 1), shape);
    } else if (!open) {
      to = from;
    }
  }
  if (!from || !to) return bad_item(range, shape);
  if (*from > *to) return refused("the range `" + std::string(range) + "` goes backwards");
  for (unsigned value = *from; value <= *to; value += step) values.set(value - shape.first);
  return {};
}

Result<Values> read_field(std::string_view text, const FieldShape& shape) {
  Values values;
  for (const std::string_view item : base::split(text, ',')) {
    WEIR_CHECK(read_item(item, shape, values));
  }
  return values;
}

template <class Bits>
Bits bits_of(const Values& values, unsigned first) {
  Bits bits = 0;
  for (unsigned n = 0; n + first < 8 * sizeof(Bits); ++n) {
    if (values[n]) bits = static_cast<Bits>(bits | (Bits{1} << (n + first)));
  }
  return bits;
}

constexpr FieldShape kMinutes{.name = "minute", .first = 0, .last = 59};
constexpr FieldShape kHours{.name = "hour", .first = 0, .last = 23};
constexpr FieldShape kMonthDays{.name = "day of the month", .first = 1, .last = 31};
constexpr FieldShape kMonths{.name = "month", .first = 1, .last = 12};
constexpr FieldShape kUnixWeekDays{.name = "day of the week", .first = 0, .last = 7};
constexpr FieldShape kAwsWeekDays{
    .name = "day of the week", .first = 1, .last = 7, .names = kDayNames, .bare_step = true};
constexpr FieldShape kYears{
    .name = "year", .first = kScheduleYearFirst, .last = kScheduleYearLast, .bare_step = true};

FieldShape with_bare_step(FieldShape shape) {
  shape.bare_step = true;
  return shape;
}

std::vector<std::string_view> fields_of(std::string_view text) {
  std::vector<std::string_view> fields;
  while (!text.empty()) {
    const std::size_t begin = text.find_first_not_of(" \t");
    if (begin == std::string_view::npos) break;
    text.remove_prefix(begin);
    const std::size_t end = std::min(text.find_first_of(" \t"), text.size());
    fields.push_back(text.substr(0, end));
    text.remove_prefix(end);
  }
  return fields;
}

Result<Schedule> parse_rate(std::string_view inner) {
  const std::vector<std::string_view> words = fields_of(inner);
  if (words.size() != 2) return refused("a rate is `rate(N unit)`");
  const std::optional<std::int64_t> count = parse_integer(words[0]);
  constexpr std::int64_t kCountMax = 1'000'000'000;
  if (!count || *count < 1 || *count > kCountMax) {
    return refused("`" + std::string(words[0]) + "` is no number of at least 1");
  }
  struct Unit {
    std::string_view name;
    Duration span;
  };
  constexpr std::array<Unit, 3> kUnits = {{{"minute", std::chrono::minutes(1)},
                                           {"hour", std::chrono::hours(1)},
                                           {"day", std::chrono::hours(24)}}};
  std::string_view unit = words[1];
  const bool plural = unit.ends_with('s');
  if (plural) unit.remove_suffix(1);
  for (const Unit& known : kUnits) {
    if (known.name != unit) continue;
    if (plural == (*count == 1)) {
      return refused("write `" + std::string(unit) + (plural ? "" : "s") + "` after " +
                     std::string(words[0]));
    }
    Schedule schedule;
    schedule.form = ScheduleForm::Rate;
    schedule.every = known.span * *count;
    return schedule;
  }
  return refused("`" + std::string(words[1]) + "` is none of minute(s), hour(s), day(s)");
}

/// Minutes, hours and months: alike in both forms with fields.
Result<void> read_common(const std::vector<std::string_view>& fields, bool bare_step,
                         Schedule& schedule) {
  const auto shape = [&](const FieldShape& plain) {
    return bare_step ? with_bare_step(plain) : plain;
  };
  FieldShape months = shape(kMonths);
  if (bare_step) months.names = kMonthNames;
  WEIR_TRY(const Values minutes, read_field(fields[0], shape(kMinutes)));
  WEIR_TRY(const Values hours, read_field(fields[1], shape(kHours)));
  WEIR_TRY(const Values months_read, read_field(fields[3], months));
  schedule.minutes = bits_of<std::uint64_t>(minutes, 0);
  schedule.hours = bits_of<std::uint32_t>(hours, 0);
  schedule.months = bits_of<std::uint16_t>(months_read, 1);
  return {};
}

Result<Schedule> parse_unix(const std::vector<std::string_view>& fields) {
  Schedule schedule;
  schedule.form = ScheduleForm::Unix;
  schedule.years.set();
  WEIR_CHECK(read_common(fields, /*bare_step=*/false, schedule));
  WEIR_TRY(const Values month_days, read_field(fields[2], kMonthDays));
  WEIR_TRY(const Values week_days, read_field(fields[4], kUnixWeekDays));
  schedule.month_days = bits_of<std::uint32_t>(month_days, 1);
  const auto days = bits_of<std::uint8_t>(week_days, 0);
  schedule.week_days = static_cast<std::uint8_t>((days & 0x7fU) | ((days & 0x80U) >> 7U));
  schedule.by_month_day = !fields[2].starts_with('*');
  schedule.by_week_day = !fields[4].starts_with('*');
  return schedule;
}

Result<void> read_aws_month_day(std::string_view text, Schedule& schedule) {
  schedule.by_month_day = true;
  if (text == "L") {
    schedule.month_day_rule = DayRule::LastDay;
    return {};
  }
  if (text.ends_with('W')) {
    const std::optional<unsigned> day = value_of(text.substr(0, text.size() - 1), kMonthDays);
    if (!day) return bad_item(text, kMonthDays);
    schedule.month_day_rule = DayRule::NearestWeekday;
    schedule.day = *day;
    return {};
  }
  WEIR_TRY(const Values days, read_field(text, with_bare_step(kMonthDays)));
  schedule.month_days = bits_of<std::uint32_t>(days, 1);
  return {};
}

Result<void> read_aws_week_day(std::string_view text, Schedule& schedule) {
  schedule.by_week_day = true;
  if (text == "L") {
    schedule.week_days = 1U << 6U;  // the week's last day
    return {};
  }
  const std::size_t hash = text.find('#');
  if (text.ends_with('L') || hash != std::string_view::npos) {
    const bool last = hash == std::string_view::npos;
    const std::string_view name = last ? text.substr(0, text.size() - 1) : text.substr(0, hash);
    const std::optional<unsigned> day = value_of(name, kAwsWeekDays);
    if (!day) return bad_item(text, kAwsWeekDays);
    schedule.day = *day - 1;
    schedule.week_day_rule = last ? DayRule::LastWeekday : DayRule::OrdinalWeekday;
    if (last) return {};
    constexpr FieldShape kOrdinals{.name = "number behind #", .first = 1, .last = 5};
    const std::optional<unsigned> ordinal = value_of(text.substr(hash + 1), kOrdinals);
    if (!ordinal) return bad_item(text, kOrdinals);
    schedule.ordinal = *ordinal;
    return {};
  }
  WEIR_TRY(const Values days, read_field(text, kAwsWeekDays));
  schedule.week_days = bits_of<std::uint8_t>(days, 0);
  return {};
}

Result<Schedule> parse_aws(std::string_view inner) {
  const std::vector<std::string_view> fields = fields_of(inner);
  if (fields.size() != 6) {
    return refused("cron(…) has six fields: minute hour day month weekday year, not " +
                   std::to_string(fields.size()));
  }
  if ((fields[2] == "?") == (fields[4] == "?")) {
    return refused("exactly one of the day of the month and the day of the week must be `?`");
  }
  Schedule schedule;
  schedule.form = ScheduleForm::Aws;
  WEIR_CHECK(read_common(fields, /*bare_step=*/true, schedule));
  if (fields[2] != "?") WEIR_CHECK(read_aws_month_day(fields[2], schedule));
  if (fields[4] != "?") WEIR_CHECK(read_aws_week_day(fields[4], schedule));
  WEIR_TRY(const Values years, read_field(fields[5], kYears));
  for (std::size_t n = 0; n < schedule.years.size(); ++n) schedule.years[n] = years[n];
  return schedule;
}

/// What stands between `word(` and `)`, or nothing.
std::optional<std::string_view> inside(std::string_view text, std::string_view word) {
  if (!text.starts_with(word) || !text.ends_with(')')) return {};
  text.remove_prefix(word.size());
  text.remove_suffix(1);
  return text;
}

/// One month of a schedule's calendar.
class Month {
 public:
  Month(std::chrono::year year, std::chrono::month month)
      : first_(std::chrono::sys_days(year / month / 1)),
        days_(static_cast<unsigned>((year / month / std::chrono::last).day())),
        first_week_day_(std::chrono::weekday(first_).c_encoding()) {}

  std::chrono::sys_days first() const { return first_; }

  /// The days on which the schedule is due: bit n for day n.
  std::uint32_t due(const Schedule& schedule) const {
    const auto all = static_cast<std::uint32_t>((1ULL << (days_ + 1)) - 2);
    if (schedule.form == ScheduleForm::Unix) {
      // Where both fields choose, either may match; a field such as */2 still narrows the other.
      const std::uint32_t month = schedule.month_days & all;
      const std::uint32_t week = on_week_days(schedule.week_days) & all;
      return schedule.by_month_day && schedule.by_week_day ? month | week : month & week;
    }
    return (schedule.by_month_day ? month_days(schedule) : week_days(schedule)) & all;
  }

 private:
  unsigned week_day(unsigned day) const { return (first_week_day_ + day - 1) % 7; }

  std::uint32_t on_week_days(std::uint8_t chosen) const {
    std::uint32_t bits = 0;
    for (unsigned day = 1; day <= days_; ++day) {
      if ((chosen >> week_day(day) & 1U) != 0) bits |= 1U << day;
    }
    return bits;
  }

  std::uint32_t month_days(const Schedule& schedule) const {
    if (schedule.month_day_rule == DayRule::LastDay) return 1U << days_;
    if (schedule.month_day_rule == DayRule::Numbered) return schedule.month_days;
    if (schedule.day > days_) return 0;
    constexpr unsigned kSunday = 0;
    constexpr unsigned kSaturday = 6;
    unsigned day = schedule.day;
    if (week_day(day) == kSaturday) {
      day = day == 1 ? 3 : day - 1;
    } else if (week_day(day) == kSunday) {
      day = day == days_ ? days_ - 2 : day + 1;
    }
    return 1U << day;
  }

  std::uint32_t week_days(const Schedule& schedule) const {
    if (schedule.week_day_rule == DayRule::Numbered) return on_week_days(schedule.week_days);
    const std::uint32_t such = on_week_days(static_cast<std::uint8_t>(1U << schedule.day));
    if (schedule.week_day_rule == DayRule::LastWeekday) return std::bit_floor(such);
    std::uint32_t left = such;
    for (unsigned n = 1; n < schedule.ordinal; ++n) left &= left - 1;
    return left & (~left + 1);
  }

  std::chrono::sys_days first_;
  unsigned days_;
  unsigned first_week_day_;
};

/// The first minute of a day, from `minute` on, at which the schedule is due.
std::optional<unsigned> due_minute(const Schedule& schedule, unsigned minute) {
  constexpr unsigned kMinutesADay = 24 * 60;
  while (minute < kMinutesADay) {
    const unsigned hour = minute / 60;
    if ((schedule.hours >> hour & 1U) == 0) {
      minute = (hour + 1) * 60;
      continue;
    }
    const std::uint64_t left = schedule.minutes >> (minute % 60);
    if (left != 0) return minute + static_cast<unsigned>(std::countr_zero(left));
    minute = (hour + 1) * 60;
  }
  return {};
}

std::optional<Instant> next_by_calendar(const Schedule& schedule, Instant after) {
  using std::chrono::sys_days;
  // The first whole minute behind `after`.
  const auto minute = std::chrono::floor<std::chrono::minutes>(after) + std::chrono::minutes(1);
  const sys_days today = std::chrono::floor<std::chrono::days>(minute);
  const std::chrono::year_month_day date(today);
  const auto first_minute = static_cast<unsigned>((minute - today).count());
  const int first_year = std::max(static_cast<int>(date.year()), kScheduleYearFirst);
  for (int year = first_year; year <= kScheduleYearLast; ++year) {
    if (!schedule.years[static_cast<std::size_t>(year - kScheduleYearFirst)]) continue;
    for (unsigned number = 1; number <= 12; ++number) {
      if ((schedule.months >> number & 1U) == 0) continue;
      const Month month{std::chrono::year(year), std::chrono::month(number)};
      for (std::uint32_t days = month.due(schedule); days != 0; days &= days - 1) {
        const sys_days day = month.first() + std::chrono::days(std::countr_zero(days) - 1);
        if (day < today) continue;
        const auto due = due_minute(schedule, day == today ? first_minute : 0);
        if (due) return Instant(day) + std::chrono::minutes(*due);
      }
    }
  }
  return {};
}

}  // namespace

Result<Schedule> parse_schedule(std::string_view text) {
  if (const auto inner = inside(text, "rate(")) return parse_rate(*inner);
  if (const auto inner = inside(text, "cron(")) return parse_aws(*inner);
  const std::vector<std::string_view> fields = fields_of(text);
  const bool outer_blanks = text != base::trim(text);
  if (fields.size() != 5 || outer_blanks || text.contains('(')) {
    return refused(
        "is none of rate(N unit), cron(minute hour day month weekday year), "
        "or five fields: minute hour day month weekday");
  }
  return parse_unix(fields);
}

std::string normalised_schedule(std::string_view text) {
  std::string out;
  for (const char byte : text) {
    const bool blank = byte == ' ' || byte == '\t';
    if (blank && out.ends_with(' ')) continue;
    out += blank ? ' ' : byte;
  }
  return out;
}

std::optional<Instant> next_due(const Schedule& schedule, Instant after, Instant anchor) {
  if (schedule.form != ScheduleForm::Rate) return next_by_calendar(schedule, after);
  if (after < anchor) return anchor + schedule.every;
  const Instant due = anchor + ((after - anchor) / schedule.every + 1) * schedule.every;
  constexpr Instant kEnd =
      std::chrono::sys_days(std::chrono::year(kScheduleYearLast + 1) / std::chrono::January / 1);
  if (due >= kEnd) return {};
  return due;
}

}  // namespace weir::dispatcher
