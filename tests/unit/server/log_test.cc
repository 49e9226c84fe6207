// SPDX-License-Identifier: Apache-2.0
#include "server/log.h"

#include <gmock/gmock.h>

#include <cstdlib>
#include <nlohmann/json.hpp>
#include <thread>
#include <vector>

#include "server/tracing/span.h"

namespace weir::server {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

/// A clock that stands still.
class StillClock final : public Clock {
 public:
  Instant now() const override { return Instant(std::chrono::seconds(0)); }
  Duration monotonic() const override { return {}; }
  void sleep_for(Duration) override {}
};

/// A log that gathers its lines.
struct Gathered {
  explicit Gathered(LogLevel level, LogForm form = LogForm::Automatic)
      : log({.level = level,
             .form = form,
             .sink = [this](std::string_view line) { lines.emplace_back(line); }},
            clock) {}
  StillClock clock;
  std::vector<std::string> lines;
  Log log;
};

TEST(Log, WritesFromItsLevelUp) {
  Gathered gathered(LogLevel::Warning, LogForm::Human);
  gathered.log.debug("a");
  gathered.log.info("b");
  gathered.log.warning("c", {{"n", 1}});
  gathered.log.error("d");
  EXPECT_THAT(gathered.lines, ElementsAre("1970-01-01 00:00:00.000Z warning c  n=1",
                                          "1970-01-01 00:00:00.000Z error   d"));
  EXPECT_FALSE(gathered.log.enabled(LogLevel::Info));
  EXPECT_TRUE(gathered.log.enabled(LogLevel::Error));
}

TEST(Log, IsSilentWhenItIsOff) {
  Gathered gathered(LogLevel::Off);
  gathered.log.error("a");
  gathered.log.write(LogLevel::Off, "b");
  EXPECT_TRUE(gathered.lines.empty());
}

TEST(Log, WritesJsonWhereThereIsNoTerminal) {
  Gathered gathered(LogLevel::Info);
  gathered.log.info("a");
  EXPECT_THAT(gathered.lines,
              ElementsAre(R"({"ts":"1970-01-01T00:00:00.000Z","level":"info","msg":"a"})"));
}

TEST(Log, CarriesTheTraceOfTheInnermostScopeOfItsThread) {
  Gathered gathered(LogLevel::Info);
  {
    const ScopedTrace outer({.trace_id = TraceId(std::string(32, 'a'))});
    gathered.log.info("1");
    {
      const ScopedTrace inner({.trace_id = TraceId(std::string(32, 'b'))});
      gathered.log.info("2");
      std::thread([&gathered] { gathered.log.info("3"); }).join();
    }
    gathered.log.info("4");
  }
  gathered.log.info("5");
  EXPECT_THAT(gathered.lines, ElementsAre(HasSubstr("\"aaaa"), HasSubstr("\"bbbb"),
                                          testing::Not(HasSubstr("trace_id")), HasSubstr("\"aaaa"),
                                          testing::Not(HasSubstr("trace_id"))));
}

TEST(Log, WritesWholeLinesFromManyThreads) {
  Gathered gathered(LogLevel::Info);
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 4; ++thread) {
    threads.emplace_back([&gathered, thread] {
      for (int line = 0; line < 250; ++line) {
        gathered.log.info("line", {{"thread", thread}, {"line", line}});
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  ASSERT_EQ(gathered.lines.size(), 1000U);
  std::vector<int> next(4, 0);
  for (const std::string& line : gathered.lines) {
    const auto seen = nlohmann::json::parse(line);
    EXPECT_EQ(seen["line"], next.at(seen["thread"].get<std::size_t>())++);
  }
}

TEST(Log, KnowsTheWordsOfLevels) {
  EXPECT_EQ(log_level("debug"), LogLevel::Debug);
  EXPECT_EQ(log_level("WARN"), LogLevel::Warning);
  EXPECT_EQ(log_level("warning"), LogLevel::Warning);
  EXPECT_EQ(log_level("off"), LogLevel::Off);
  EXPECT_FALSE(log_level("loud"));
  EXPECT_FALSE(log_level(""));
}

TEST(Log, WritesToStandardErrorUnlessToldOtherwise) {
  testing::internal::CaptureStderr();
  Log({.form = LogForm::Json}).info("hello", {{"n", 1}});
  EXPECT_THAT(testing::internal::GetCapturedStderr(), HasSubstr("\"msg\":\"hello\",\"n\":1}\n"));
}

TEST(Log, TakesTheProcessLevelFromTheEnvironment) {
  setenv("WEIR_LOG_LEVEL", "error", 1);
  configure_log({}, LogForm::Json);
  EXPECT_FALSE(log().enabled(LogLevel::Warning));
  configure_log(LogLevel::Debug, LogForm::Json);
  EXPECT_TRUE(log().enabled(LogLevel::Debug));
  unsetenv("WEIR_LOG_LEVEL");
  configure_log({}, LogForm::Automatic);
  EXPECT_TRUE(log().enabled(LogLevel::Info));
  EXPECT_FALSE(log().enabled(LogLevel::Debug));
}

}  // namespace
}  // namespace weir::server
