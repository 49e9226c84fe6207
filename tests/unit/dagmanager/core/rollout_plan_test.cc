// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/core/rollout_plan.h"

#include <gtest/gtest.h>

#include <string>

namespace weir::dagmanager {
namespace {

constexpr const char* kNodeSet = "set-of-v2";

GateEvidence evidence(std::size_t backtests) {
  GateEvidence made{.node_set = kNodeSet, .lint_errors = 0, .lint_warnings = 3, .backtests = {}};
  for (std::size_t i = 0; i < backtests; ++i) {
    made.backtests.push_back({"test " + std::to_string(i), true, "blake3:00"});
  }
  return made;
}

std::string judged(const std::optional<GateEvidence>& given, const GatePolicy& policy = {}) {
  const auto passed = check_gate(given, kNodeSet, policy);
  if (passed.ok()) return "passed";
  EXPECT_EQ(passed.error().code(), Code::FailedPrecondition);
  EXPECT_EQ(passed.error().reason(), "gate_not_passed");
  return passed.error().message();
}

TEST(Gate, TakesEvidenceOfTheVeryNodesWithoutErrorsWithEnoughBacktests) {
  EXPECT_EQ(judged(evidence(20)), "passed");
  EXPECT_EQ(judged(evidence(20), {.required = true}), "passed");
  EXPECT_EQ(judged(evidence(21), {.required = true}), "passed");
  EXPECT_EQ(judged(evidence(0), {.required = true, .backtests_min = 0}), "passed");
}

TEST(Gate, NeedsEvidenceOnlyWhereItIsRequired) {
  EXPECT_EQ(judged({}), "passed");
  EXPECT_TRUE(judged({}, {.required = true}).starts_with("a rollout needs evidence here"));
}

TEST(Gate, RefusesEvidenceThatDoesNotHoldAlsoWhereNoneIsRequired) {
  GateEvidence other = evidence(20);
  other.node_set = "set-of-v1";
  EXPECT_TRUE(judged(other).starts_with("the evidence is about other nodes"));
  GateEvidence faulty = evidence(20);
  faulty.lint_errors = 1;
  EXPECT_TRUE(judged(faulty).starts_with("lint found 1 errors"));
  GateEvidence failed = evidence(20);
  failed.backtests[7].passed = false;
  EXPECT_TRUE(judged(failed).starts_with("backtest test 7 did not pass"));
}

TEST(Gate, CountsDifferentNamesOnly) {
  EXPECT_TRUE(judged(evidence(19)).starts_with("19 backtests of different names passed, and 20"));
  GateEvidence twice = evidence(20);
  twice.backtests[19].name = twice.backtests[0].name;
  EXPECT_TRUE(judged(twice).starts_with("19 backtests of different names passed, and 20"));
  GateEvidence nameless = evidence(20);
  nameless.backtests[3].name.clear();
  EXPECT_TRUE(judged(nameless).starts_with("19 backtests"));
  EXPECT_NE(judged(evidence(kBacktestsMax + 1)), "passed");
}

}  // namespace
}  // namespace weir::dagmanager
