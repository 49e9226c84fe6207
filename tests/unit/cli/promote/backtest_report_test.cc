// SPDX-License-Identifier: Apache-2.0
#include "cli/promote/backtest_report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "base/blake3.h"
#include "cli/promote/limits.h"

namespace weir::cli {
namespace {

using testing::HasSubstr;

std::string runs(const std::string& items) { return R"({"runs":[)" + items + "]}"; }

std::string fault_of(const std::string& report, std::size_t runs_min = 1) {
  const auto read = read_backtests(report, runs_min);
  if (read.ok()) return "passed";
  EXPECT_EQ(read.error().code(), Code::FailedPrecondition);
  EXPECT_EQ(read.error().reason(), kBacktestsFailed);
  return read.error().message();
}

constexpr const char* kTwo =
    R"({"name":"2018","passed":true,"detail":"sharpe 1.2"},{"name":"2019","passed":true})";

TEST(BacktestReport, GivesItsRunsEachWithTheHashOfTheReport) {
  const std::string report = runs(kTwo);
  const auto read = read_backtests(report, 2);
  ASSERT_TRUE(read.ok()) << read.error().describe();
  ASSERT_EQ(read->size(), 2U);
  EXPECT_EQ((*read)[0].name(), "2018");
  EXPECT_TRUE((*read)[0].passed());
  EXPECT_EQ((*read)[0].report_hash(), "blake3:" + base::blake3_hex(report));
  EXPECT_EQ((*read)[1].name(), "2019");
}

TEST(BacktestReport, NeedsEnoughDifferentNames) {
  EXPECT_EQ(fault_of(runs(kTwo), 3),
            "2 backtests of different names passed, and 3 must (gate.backtests_min)");
  const std::string twice = R"({"name":"a","passed":true},{"name":"a","passed":true})";
  EXPECT_EQ(fault_of(runs(twice), 2),
            "1 backtests of different names passed, and 2 must (gate.backtests_min)");
  EXPECT_EQ(fault_of(runs(twice), 1), "passed");
  EXPECT_EQ(fault_of(runs(""), 0), "passed");
}

TEST(BacktestReport, LetsNoRunFailHoweverManyPass) {
  const std::string text =
      fault_of(runs(std::string(kTwo) + R"(,{"name":"2020","passed":false,"detail":"drawdown"})"));
  EXPECT_EQ(text, "1 of 3 backtests did not pass\nbacktest 2020 did not pass: drawdown");
  // The same name once passed and once not: it did not.
  EXPECT_THAT(fault_of(runs(R"({"name":"a","passed":true},{"name":"a","passed":false})")),
              HasSubstr("backtest a did not pass"));
  std::string many;
  for (int i = 0; i < 50; ++i) {
    many += (i > 0 ? "," : "") + std::string(R"({"name":")") + std::to_string(i) +
            R"(","passed":false})";
  }
  const std::string told = fault_of(runs(many));
  EXPECT_EQ(static_cast<std::size_t>(std::ranges::count(told, '\n')), kRunsToldMax);
  EXPECT_THAT(told, HasSubstr("50 of 50"));
}

TEST(BacktestReport, TellsWhereItIsNoReport) {
  EXPECT_THAT(fault_of(""), HasSubstr("WEIR_REPORT: the file: "));
  EXPECT_THAT(fault_of("passed"), HasSubstr("WEIR_REPORT: the file: "));
  for (const char* report : {"[]", "{}", R"({"runs":{}})", R"({"runs":"20"})"}) {
    EXPECT_THAT(fault_of(report), HasSubstr("WEIR_REPORT: /runs: a list")) << report;
  }
  EXPECT_THAT(fault_of(runs("5")), HasSubstr("/runs/0: a run is an object"));
  const std::string first = R"({"name":"a","passed":true},)";
  EXPECT_THAT(fault_of(runs(first + R"({"passed":true})")), HasSubstr("/runs/1/name: "));
  EXPECT_THAT(fault_of(runs(first + R"({"name":"","passed":true})")), HasSubstr("/runs/1/name: "));
  EXPECT_THAT(fault_of(runs(first + R"({"name":7,"passed":true})")), HasSubstr("/runs/1/name: "));
  EXPECT_THAT(fault_of(runs(R"({"name":")" + std::string(kRunNameBytesMax + 1, 'n') +
                            R"(","passed":true})")),
              HasSubstr("/runs/0/name: "));
  for (const char* passed : {R"("true")", "1", "null"}) {
    EXPECT_THAT(fault_of(runs(R"({"name":"a","passed":)" + std::string(passed) + "}")),
                HasSubstr("/runs/0/passed: true or false"))
        << passed;
  }
}

TEST(BacktestReport, IsBounded) {
  std::string many;
  for (std::size_t i = 0; i <= kRunsMax; ++i) {
    many += (i > 0 ? "," : "") + std::string(R"({"name":"a","passed":true})");
  }
  EXPECT_THAT(fault_of(runs(many)), HasSubstr("/runs: at most 10000"));
}

}  // namespace
}  // namespace weir::cli
