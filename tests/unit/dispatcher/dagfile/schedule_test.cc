// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/dagfile/schedule.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstdio>
#include <string>
#include <vector>

namespace weir::dispatcher {
namespace {

using testing::ElementsAre;

Instant instant(const std::string& text) {
  int year = 0;
  unsigned month = 0;
  unsigned day = 0;
  int hour = 0;
  int minute = 0;
  int second = 0;
  EXPECT_EQ(
      std::sscanf(text.c_str(), "%d-%u-%u %d:%d:%d", &year, &month, &day, &hour, &minute, &second),
      6);
  return std::chrono::sys_days(std::chrono::year(year) / std::chrono::month(month) /
                               std::chrono::day(day)) +
         std::chrono::hours(hour) + std::chrono::minutes(minute) + std::chrono::seconds(second);
}

std::string text_of(Instant at) {
  const auto day = std::chrono::floor<std::chrono::days>(at);
  const std::chrono::year_month_day date(day);
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(at - day).count();
  std::string text(32, '\0');
  const int size = std::snprintf(
      text.data(), text.size(), "%04d-%02u-%02u %02d:%02d", static_cast<int>(date.year()),
      static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
      static_cast<int>(seconds / 3600), static_cast<int>(seconds / 60 % 60));
  text.resize(static_cast<std::size_t>(size));
  return text;
}

/// The next few instants after 2026-01-02 00:00:00, a Friday, or another moment.
std::vector<std::string> due(std::string_view schedule, std::size_t count,
                             const std::string& after = "2026-01-02 00:00:00") {
  const Result<Schedule> read = parse_schedule(schedule);
  EXPECT_TRUE(read.ok()) << schedule << ": " << (read.ok() ? "" : read.error().message());
  std::vector<std::string> texts;
  if (!read.ok()) return texts;
  std::optional<Instant> at = instant(after);
  const Instant anchor = *at;
  while (texts.size() < count) {
    at = next_due(*read, *at, anchor);
    if (!at) return texts;
    texts.push_back(text_of(*at));
  }
  return texts;
}

TEST(Schedule, CountsRatesFromTheirAnchor) {
  EXPECT_THAT(due("rate(1 minute)", 2), ElementsAre("2026-01-02 00:01", "2026-01-02 00:02"));
  EXPECT_THAT(due("rate(36 hours)", 2), ElementsAre("2026-01-03 12:00", "2026-01-05 00:00"));
  EXPECT_THAT(due("rate(2   days)", 1), ElementsAre("2026-01-04 00:00"));
  const Schedule daily = *parse_schedule("rate(1 day)");
  const Instant anchor = instant("2026-01-01 06:30:15");
  EXPECT_EQ(next_due(daily, anchor, anchor), anchor + std::chrono::hours(24));
  EXPECT_EQ(next_due(daily, anchor - std::chrono::hours(1), anchor),
            anchor + std::chrono::hours(24));
  EXPECT_EQ(next_due(daily, instant("2026-01-02 06:30:15"), anchor), instant("2026-01-03 06:30:15"))
      << "strictly after";
}

TEST(Schedule, ReadsTheFiveFieldsOfUnix) {
  EXPECT_THAT(due("* * * * *", 1), ElementsAre("2026-01-02 00:01"));
  EXPECT_THAT(due("*/20 6-7 * * *", 4), ElementsAre("2026-01-02 06:00", "2026-01-02 06:20",
                                                    "2026-01-02 06:40", "2026-01-02 07:00"));
  EXPECT_THAT(due("0 0 * * 0", 2), ElementsAre("2026-01-04 00:00", "2026-01-11 00:00"));
  EXPECT_THAT(due("0 0 * * 7", 1), ElementsAre("2026-01-04 00:00"));
  EXPECT_THAT(due("0 0 * * 6-7", 2), ElementsAre("2026-01-03 00:00", "2026-01-04 00:00"));
  EXPECT_THAT(due("5,10-12/2 0 31 * *", 3),
              ElementsAre("2026-01-31 00:05", "2026-01-31 00:10", "2026-01-31 00:12"));
  EXPECT_THAT(due("0 0 29 2 *", 2), ElementsAre("2028-02-29 00:00", "2032-02-29 00:00"));
}

TEST(Schedule, TakesEitherDayOfUnixWhereBothAreRestricted) {
  EXPECT_THAT(due("0 0 13 * 5", 4), ElementsAre("2026-01-09 00:00", "2026-01-13 00:00",
                                                "2026-01-16 00:00", "2026-01-23 00:00"));
  EXPECT_THAT(due("0 0 */2 * 1", 2), ElementsAre("2026-01-05 00:00", "2026-01-19 00:00"))
      << "what begins with * only narrows";
}

TEST(Schedule, ReadsTheSixFieldsOfAws) {
  EXPECT_THAT(due("cron(0 12 * * ? *)", 2), ElementsAre("2026-01-02 12:00", "2026-01-03 12:00"));
  EXPECT_THAT(due("cron(0/15 8 ? * MON-FRI *)", 2),
              ElementsAre("2026-01-02 08:00", "2026-01-02 08:15"));
  EXPECT_THAT(due("cron(0 0 ? * 1 *)", 1), ElementsAre("2026-01-04 00:00")) << "1 is Sunday";
  EXPECT_THAT(due("cron(0 0 1 jan,Jul ? 2027/2)", 3),
              ElementsAre("2027-01-01 00:00", "2027-07-01 00:00", "2029-01-01 00:00"));
  EXPECT_THAT(due("cron(30 23 31 DEC ? 2199)", 2), ElementsAre("2199-12-31 23:30"));
}

TEST(Schedule, ReadsTheSpecialDaysOfAws) {
  EXPECT_THAT(due("cron(0 0 L * ? *)", 2), ElementsAre("2026-01-31 00:00", "2026-02-28 00:00"));
  EXPECT_THAT(due("cron(0 0 ? * L *)", 2), ElementsAre("2026-01-03 00:00", "2026-01-10 00:00"))
      << "the week's last day is Saturday";
  EXPECT_THAT(due("cron(0 0 ? * 6L *)", 2), ElementsAre("2026-01-30 00:00", "2026-02-27 00:00"));
  EXPECT_THAT(due("cron(0 0 ? * FRI#3 *)", 2), ElementsAre("2026-01-16 00:00", "2026-02-20 00:00"));
  EXPECT_THAT(due("cron(0 0 ? * 5#5 *)", 2), ElementsAre("2026-01-29 00:00", "2026-04-30 00:00"))
      << "months without a fifth one are left out";
  EXPECT_THAT(due("cron(0 0 15W * ? *)", 3),
              ElementsAre("2026-01-15 00:00", "2026-02-16 00:00", "2026-03-16 00:00"));
  EXPECT_THAT(due("cron(0 0 1W * ? *)", 3, "2026-01-31 00:00:00"),
              ElementsAre("2026-02-02 00:00", "2026-03-02 00:00", "2026-04-01 00:00"));
  EXPECT_THAT(due("cron(0 0 1W 8 ? *)", 1), ElementsAre("2026-08-03 00:00"))
      << "the nearest weekday stays inside the month";
  EXPECT_THAT(due("cron(0 0 31W 5,10 ? *)", 2),
              ElementsAre("2026-05-29 00:00", "2026-10-30 00:00"));
}

TEST(Schedule, IsDueStrictlyAfterAMoment) {
  EXPECT_THAT(due("0 12 * * *", 1, "2026-01-02 12:00:00"), ElementsAre("2026-01-03 12:00"));
  EXPECT_THAT(due("0 12 * * *", 1, "2026-01-02 11:59:59"), ElementsAre("2026-01-02 12:00"));
  EXPECT_THAT(due("59 23 31 12 *", 1, "2026-12-31 23:59:00"), ElementsAre("2027-12-31 23:59"));
}

TEST(Schedule, AgreesWithALookAtEachMinute) {
  // For some schedules, every minute of 60 days is asked whether it matches by the fields alone.
  for (const std::string_view text :
       {"7 */5 * * *", "0 3 1,15 * *", "30 22 * * 1-5", "*/13 4 10-20/3 1,2 *"}) {
    const Schedule schedule = *parse_schedule(text);
    Instant at = instant("2026-01-02 00:00:00");
    std::vector<Instant> slow;
    for (int minute = 1; minute <= 60 * 24 * 60; ++minute) {
      const Instant tried = at + std::chrono::minutes(minute);
      const auto day = std::chrono::floor<std::chrono::days>(tried);
      const std::chrono::year_month_day date(day);
      const auto minutes = std::chrono::duration_cast<std::chrono::minutes>(tried - day).count();
      const unsigned week_day = std::chrono::weekday(day).c_encoding();
      if ((schedule.minutes >> (minutes % 60) & 1U) != 0 &&
          (schedule.hours >> (minutes / 60) & 1U) != 0 &&
          (schedule.months >> static_cast<unsigned>(date.month()) & 1U) != 0 &&
          (schedule.month_days >> static_cast<unsigned>(date.day()) & 1U) != 0 &&
          (schedule.week_days >> week_day & 1U) != 0) {
        slow.push_back(tried);
      }
    }
    ASSERT_FALSE(slow.empty()) << text;
    std::optional<Instant> next = at;
    for (const Instant expected : slow) {
      next = next_due(schedule, *next);
      ASSERT_TRUE(next.has_value()) << text;
      EXPECT_EQ(text_of(*next), text_of(expected)) << text;
    }
  }
}

TEST(Schedule, RefusesWhatIsNone) {
  for (const std::string_view text : {"",
                                      "daily",
                                      "rate()",
                                      "rate(1)",
                                      "rate(0 days)",
                                      "rate(-1 days)",
                                      "rate(1 days)",
                                      "rate(5 minute)",
                                      "rate(5 weeks)",
                                      "rate(1.5 hours)",
                                      "rate(01 day)",
                                      "rate(1 day",
                                      "Rate(1 day)",
                                      "rate(9999999999999999999 days)",
                                      "* * * *",
                                      "* * * * * *",
                                      "60 * * * *",
                                      "* 24 * * *",
                                      "* * 0 * *",
                                      "* * 32 * *",
                                      "* * * 13 *",
                                      "* * * 0 *",
                                      "* * * * 8",
                                      "* * * JAN *",
                                      "* * * * MON",
                                      "? * * * *",
                                      "* * * * ?",
                                      "5/10 * * * *",
                                      "*/0 * * * *",
                                      "5-1 * * * *",
                                      ", * * * *",
                                      "1,,2 * * * *",
                                      "1- * * * *",
                                      " * * * * *",
                                      "* * * * * ",
                                      "L * * * *",
                                      "cron(* * * * *)",
                                      "cron(0 0 * * * *)",
                                      "cron(0 0 ? * ? *)",
                                      "cron(0 0 1 * 1 *)",
                                      "cron(0 0 ? * 0 *)",
                                      "cron(0 0 ? * 8 *)",
                                      "cron(0 0 ? * 6#6 *)",
                                      "cron(0 0 ? * 6#0 *)",
                                      "cron(0 0 32W * ? *)",
                                      "cron(0 0 LW * ? *)",
                                      "cron(0 0 W * ? *)",
                                      "cron(0 0 1,L * ? *)",
                                      "cron(0 0 ? * FRI-MON *)",
                                      "cron(0 0 1 * ? 1969)",
                                      "cron(0 0 1 * ? 2200)",
                                      "cron(0 0 1 FOO ? *)",
                                      "cron(0 0 1 * ?)",
                                      "@daily"}) {
    const Result<Schedule> read = parse_schedule(text);
    EXPECT_FALSE(read.ok()) << text;
    EXPECT_EQ(read.ok() ? "" : read.error().reason(), "schedule_invalid") << text;
  }
}

TEST(Schedule, IsNeverDueWhereNoDayFits) {
  EXPECT_THAT(due("0 0 30 2 *", 1), ElementsAre());
  EXPECT_THAT(due("cron(0 0 31 2,4,6,9,11 ? *)", 1), ElementsAre());
  EXPECT_THAT(due("cron(0 0 1 1 ? 2000)", 1), ElementsAre());
}

TEST(Schedule, HasOneFormForAllBlanks) {
  EXPECT_EQ(normalised_schedule("rate(5 \t  minutes)"), "rate(5 minutes)");
  EXPECT_EQ(normalised_schedule("0\t0 *  * *"), "0 0 * * *");
}

}  // namespace
}  // namespace weir::dispatcher
