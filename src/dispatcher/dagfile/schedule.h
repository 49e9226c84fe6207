// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <bitset>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"

/// When a cron source is due, in UTC (contract section 2.5.4). Three grammars: `rate(N unit)`,
/// `cron(m h dom mon dow year)` by AWS's rules, and the five fields of Unix.
namespace weir::dispatcher {

inline constexpr int kScheduleYearFirst = 1970;
inline constexpr int kScheduleYearLast = 2199;

enum class ScheduleForm : std::uint8_t { Rate, Aws, Unix };

/// How a day of the month, or of the week, is chosen besides by number.
enum class DayRule : std::uint8_t {
  Numbered,        ///< the bits
  LastDay,         ///< `L`: the month's last day
  NearestWeekday,  ///< `15W`: the weekday nearest to that day, inside the month
  LastWeekday,     ///< `6L`: the month's last such day of the week
  OrdinalWeekday,  ///< `6#3`: the month's third such day of the week
};

/// A schedule that was read. Bit n of a set stands for the value n; days of the week go from 0,
/// Sunday, to 6.
struct Schedule {
  ScheduleForm form = ScheduleForm::Rate;
  Duration every = {};  ///< of a rate

  std::uint64_t minutes = 0;
  std::uint32_t hours = 0;
  std::uint32_t month_days = 0;
  std::uint16_t months = 0;
  std::uint8_t week_days = 0;
  std::bitset<kScheduleYearLast - kScheduleYearFirst + 1> years;

  /// Whether the field chooses at all: false for `?`, and in Unix's form for what begins with `*`.
  bool by_month_day = false;
  bool by_week_day = false;
  DayRule month_day_rule = DayRule::Numbered;
  DayRule week_day_rule = DayRule::Numbered;
  unsigned day = 0;      ///< of NearestWeekday, LastWeekday, OrdinalWeekday
  unsigned ordinal = 0;  ///< of OrdinalWeekday, 1 to 5

  friend bool operator==(const Schedule&, const Schedule&) = default;
};

/// Reads a schedule, or says what is wrong with it (INVALID_ARGUMENT `schedule_invalid`). Blanks
/// between fields may be several; before the first and behind the last there are none.
Result<Schedule> parse_schedule(std::string_view text);

/// The text with runs of blanks as one (section 2.8).
std::string normalised_schedule(std::string_view text);

/// The first instant after `after` at which the schedule is due; nothing if there is none before
/// the year 2200. A rate counts from `anchor`, the first activation of its build: due are anchor +
/// n·every, n ≥ 1.
std::optional<Instant> next_due(const Schedule& schedule, Instant after, Instant anchor = {});

}  // namespace weir::dispatcher
