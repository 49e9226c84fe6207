// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "dispatcher/dagfile/validate.h"
#include "tests/unit/dispatcher/dagfile/fault_cases.h"
#include "tests/unit/dispatcher/dagfile/reading.h"

/// Contract section 2.5.1: where inputs come from.
namespace weir::dispatcher {
namespace {

TEST(Links, TellsFaultsOfInputs) {
  constexpr FaultCase kCases[] = {
      {"cron", "from: {job: tick, output: 0}\n    exec",
       "from: {job: «E_UNKNOWN_JOB»tock, output: 0}\n      - from: {job: tick, output: 0}\n    "
       "exec"},
      {"cron", "from: {job: tick, output: 0}\n    exec",
       "from: {job: tick, output: «E_OUTPUT_RANGE»1}\n    exec"},
      {"cron", "from: {job: tick, output: 0}\n    exec",
       "from: {job: tick, output: «E_OUTPUT_RANGE»-1}\n    exec"},
      {"cron", "from: {job: tick, output: 0}\n    exec",
       "from: {job: tick, output: «E_TYPE»\"0\"}\n    exec"},
      {"cron", "from: {job: tick, output: 0}\n    exec",
       "from: «E_MISSING_FIELD»{job: tick}\n    exec"},
      {"cron", "from: {job: tick, output: 0}\n    exec",
       "from: {job: tick, output: 0}\n      - from: «E_MISSING_FIELD»{output: 0}\n    exec"},
      {"cron", "from: {job: tick, output: 0}\n    exec",
       "from: {job: tick, output: 0}\n      - from: «E_VALUE»{job: tick, dataset: x}\n    exec"},
      {"cron", "from: {job: tick, output: 0}\n    exec",
       "from: {job: tick, output: 0}\n      - from: «E_VALUE»{}\n    exec"},
      {"cron", "from: {job: tick, output: 0}\n    exec",
       "from: {job: tick, output: 0}\n      - from: «E_TYPE»tick\n    exec"},
      {"cron", "from: {job: tick, output: 0}\n    exec",
       "from: {job: tick, output: 0, «E_UNKNOWN_FIELD»outputs: 1}\n    exec"},
      {"cron", "from: {job: tick, output: 0}\n    exec",
       "from: {job: tick, output: 0}\n      - from: {«E_UNKNOWN_FIELD»dateset: x}\n    exec"},
      {"cron", "from: {job: tick, output: 0}\n    exec",
       "from: {job: tick, output: 0}\n      - «E_DUPLICATE_ITEM»from: {output: 0, job: \"tick\"}\n "
       "   exec"},
      {"cron", "from: {job: tick, output: 0}\n    exec",
       "from: {job: tick, output: 0}\n        «E_UNKNOWN_FIELD»wher: {a: 1}\n    exec"},
      {"cron", "from: {job: tick, output: 0}\n    exec",
       "from: {job: tick, output: 0}\n      - «E_MISSING_FIELD»{}\n    exec"},
      {"cron", "inputs:\n      - from: {job: tick, output: 0}\n    exec",
       "inputs: «E_LIMIT»[]\n    exec"},
      {"cron", "inputs:\n      - from: {job: tick, output: 0}\n    exec",
       "inputs: «E_TYPE»{job: tick}\n    exec"},
      {"alerts", "from: {dataset: alerts}", "from: {dataset: «W_UNRESOLVED_DATASET»else}"},
      {"alerts", "from: {dataset: alerts}", "from: {dataset: «E_CYCLE»view}"},
      {"cron", "from: {job: tick, output: 0}\n    exec",
       "from: {job: tick, output: 0}\n      - from: {job: «E_CYCLE»relay, output: 0}\n    exec"},
  };
  check_cases(kCases);
}

TEST(Links, TellsJobsThatNothingReadsOrPublishes) {
  constexpr FaultCase kCases[] = {
      {"cron", "- name: relay\n",
       "- {name: «W_UNUSED_JOB»odd, activation: source, runtime: lambda, outputs: 1,\n"
       "     operator: trigger_manual, source: {kind: manual}}\n  - name: relay\n"},
      {"cron", "publish:\n  relayed:\n    from: {job: relay, output: 0}\n", "publish: {}\n"},
  };
  check_cases(std::span(kCases).first(1));
  const ValidationReport report = validated(changed_document(kCases[1]));
  EXPECT_TRUE(report.valid());
  ASSERT_EQ(report.warnings.size(), 1U);
  EXPECT_EQ(place_text(report.warnings[0]), "W_UNUSED_JOB 14:11");
}

TEST(Links, LooksDatasetsUpWhereTheyAreKnown) {
  KnownNames known;
  known.bundles["b1"];
  known.datasets["elsewhere"].filterable = {{"chain_id", "int"}};
  constexpr FaultCase kCases[] = {
      {"alerts", "from: {dataset: alerts}", "from: {dataset: elsewhere}"},
      {"alerts", "from: {dataset: alerts}", "from: {dataset: «E_UNKNOWN_DATASET»elsewere}"},
      {"alerts", "from: {dataset: alerts}",
       "from: {dataset: elsewhere}\n        where: {chain_id: [1, 2]}"},
      {"alerts", "from: {dataset: alerts}",
       "from: {dataset: elsewhere}\n        where: {«E_WHERE_FIELD»chain: 1}"},
  };
  check_cases(kCases, &known);
}

}  // namespace
}  // namespace weir::dispatcher
