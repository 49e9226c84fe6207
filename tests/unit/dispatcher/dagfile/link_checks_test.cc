// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "dispatcher/dagfile/validate.h"
#include "tests/unit/dispatcher/dagfile/fault_cases.h"
#include "tests/unit/dispatcher/dagfile/reading.h"

/// Contract section 2.5.2: filters; and 2.4: strategies along edges.
namespace weir::dispatcher {
namespace {

TEST(LinkChecks, TellsFaultsOfFilters) {
  constexpr FaultCase kCases[] = {
      {"udf", "where: {id: 7, kind: [a, b]}", "where: «E_TYPE»id = 7"},
      {"udf", "where: {id: 7, kind: [a, b]}", "where: «E_LIMIT»{}"},
      {"udf", "where: {id: 7, kind: [a, b]}", "where: {«E_WHERE_FIELD»di: 7}"},
      {"udf", "where: {id: 7, kind: [a, b]}", "where: {id: «E_WHERE_TYPE»\"7\"}"},
      {"udf", "where: {id: 7, kind: [a, b]}", "where: {id: «E_WHERE_TYPE»7.5}"},
      {"udf", "where: {id: 7, kind: [a, b]}",
       "where: {kind: [a, «E_WHERE_TYPE»1, «E_WHERE_TYPE»true]}"},
      {"udf", "where: {id: 7, kind: [a, b]}", "where: {kind: «E_LIMIT»[]}"},
      {"udf", "where: {id: 7, kind: [a, b]}", "where: {kind: «E_TYPE»{a: b}}"},
      {"udf", "where: {id: 7, kind: [a, b]}", "where: {«E_TYPE»kind: ~}"},
      {"udf", "where: {id: 7, kind: [a, b]}", "where: {id: «E_RANGE»9007199254740992}"},
      {"alerts", "severity: [warning, critical]", "severity: «E_WHERE_TYPE»warn"},
      {"alerts", "severity: [warning, critical]", "dedupe_key: x"},
      {"alerts", "chain_id: 1", "chain_id: «E_WHERE_TYPE»one"},
      {"cron", "from: {job: tick, output: 0}\n",
       "from: {job: tick, output: 0}\n        where: {«E_WHERE_FIELD»a: 1}\n"},
      {"alerts", "from: {dataset: alerts}",
       "from: {dataset: «W_UNRESOLVED_DATASET»x}\n        where: {any: [1, b]}"},
  };
  check_cases(kCases);
}

TEST(LinkChecks, KnowsWhichProducersEmitCursorsOnly) {
  constexpr FaultCase kCases[] = {
      {"ingest", "operator: range_aggregator", "operator: range_aggregator"},
      // A file's rows that are added are told by cursors, but whose trigger is a hand, is not
      // known.
      {"udf", "execution_strategy: PerUpdate\n    update_strategy: append",
       "execution_strategy: «E_STRATEGY_MISMATCH»PerPartition\n    update_strategy: append"},
      {"udf", "execution_strategy: PerUpdate\n    update_strategy: replace",
       "execution_strategy: PerPartition\n    update_strategy: replace"},
      {"ingest", "execution_strategy: PerPartition",
       "execution_strategy: «E_STRATEGY_MISMATCH»PerUpdate"},
  };
  check_cases(kCases);
}

TEST(LinkChecks, FollowsCursorsThroughJobsThatHandThemOn) {
  const auto chain = [](std::string_view middle) {
    return R"x(name: d
jobs:
  - {name: t, activation: source, runtime: dispatcher, operator: trigger_cron, outputs: 1,
     source: {kind: cron, schedule: rate(1 day)}}
  - )x" + std::string(middle) +
           R"x(
  - name: end
    activation: reactive
    runtime: dispatcher
    operator: noop
    outputs: 1
    inputs: [{from: {job: m, output: 0}}]
    execution_strategy: PerPartition
    update_strategy: replace
publish: {x: {from: {job: end, output: 0}}}
)x";
  };
  const std::string_view noop =
      "{name: m, activation: reactive, runtime: dispatcher, operator: noop, outputs: 1, "
      "inputs: [{from: {job: t, output: 0}}], execution_strategy: PerUpdate, "
      "update_strategy: replace}";
  const std::string_view query =
      "{name: m, activation: reactive, runtime: ecs_platform, operator: query, outputs: 1, "
      "inputs: [{from: {job: t, output: 0}}], execution_strategy: PerUpdate, "
      "update_strategy: replace, config: {sql: SELECT 1}}";
  const ValidationReport handed_on = validated(chain(noop));
  ASSERT_EQ(handed_on.errors.size(), 1U);
  EXPECT_EQ(place_text(handed_on.errors[0]), "E_STRATEGY_MISMATCH 12:25");
  EXPECT_EQ(handed_on.errors[0].hint, "PerUpdate");
  EXPECT_TRUE(validated(chain(query)).valid()) << "what is replaced whole is the partition all";
}

}  // namespace
}  // namespace weir::dispatcher
