// SPDX-License-Identifier: Apache-2.0
#include "cli/traffic/rollout_words.h"

#include <gtest/gtest.h>

#include <string>

namespace weir::cli {
namespace {

std::string steps_of(const std::string& text) {
  wire::StartRolloutRequest request;
  const auto read = read_steps(text, request);
  if (!read.ok()) return read.error().reason();
  std::string words;
  for (const wire::RolloutStep& step : request.steps()) {
    words += std::to_string(step.weight()).substr(0, 4) + ":" +
             std::to_string(step.hold_seconds()) + " ";
  }
  return words;
}

TEST(RolloutWords, ReadStepsWithTheirUnits) {
  EXPECT_EQ(steps_of("0.1:24h,0.5:1h,1"), "0.10:86400 0.50:3600 1.00:0 ");
  EXPECT_EQ(steps_of("0.25:2d,0.5:90m,0.75:45s,1:7"), "0.25:172800 0.50:5400 0.75:45 1.00:7 ");
  for (const char* bad : {"", "a", "0.1:", "0.1:x", "0.1:1w", "0.1:-1h", "0.1;0.5", "0.1,,1", "1,",
                          "0.1:99999999999999999d", "0.1:1.5h"}) {
    EXPECT_EQ(steps_of(bad), "usage") << bad;
  }
}

TEST(RolloutWords, ReadABaseline) {
  wire::StartRolloutRequest request;
  read_baseline("s-sentinel", request);
  EXPECT_EQ(request.baseline_sentinel_id(), "s-sentinel");
  EXPECT_EQ(request.baseline_version(), "");
  read_baseline("a@b@v1", request);
  EXPECT_EQ(request.baseline_sentinel_id(), "a@b");
  EXPECT_EQ(request.baseline_version(), "v1");
}

TEST(RolloutWords, ReadEvidence) {
  const auto read =
      read_evidence(R"({"node_set":"aa55","lint_errors":0,"lint_warnings":7,)"
                    R"("backtests":[{"name":"a","passed":true,"report_hash":"blake3:00"},)"
                    R"({"name":"b","passed":false}]})");
  ASSERT_TRUE(read.ok()) << read.error().describe();
  EXPECT_EQ(read->node_set(), "aa55");
  EXPECT_EQ(read->lint_errors(), 0U);
  EXPECT_EQ(read->lint_warnings(), 7U);
  ASSERT_EQ(read->backtests_size(), 2);
  EXPECT_EQ(read->backtests(0).report_hash(), "blake3:00");
  EXPECT_TRUE(read->backtests(0).passed());
  EXPECT_FALSE(read->backtests(1).passed());
}

TEST(RolloutWords, RefuseWhatIsNoEvidence) {
  for (const char* bad :
       {"", "[]", R"({"lint_errors":-1})", R"({"lint_errors":"0"})", R"({"lint_warnings":1.5})",
        R"({"lint_errors":4294967296})", R"({"backtests":{}})", R"({"backtests":[5]})",
        R"({"backtests":[{"name":"a"}]})", R"({"backtests":[{"name":"a","passed":"yes"}]})",
        R"({"backtests":[{"passed":true}]})"}) {
    EXPECT_FALSE(read_evidence(bad).ok()) << bad;
  }
}

}  // namespace
}  // namespace weir::cli
