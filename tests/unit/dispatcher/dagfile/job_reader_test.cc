// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "dispatcher/dagfile/validate.h"
#include "tests/unit/dispatcher/dagfile/fault_cases.h"
#include "tests/unit/dispatcher/dagfile/reading.h"

/// Contract sections 2.2 to 2.4, 2.5.3 and 2.8's secrets: one document, one change, one fault.
namespace weir::dispatcher {
namespace {

TEST(JobReader, TellsFaultsOfTheDocumentItself) {
  constexpr FaultCase kCases[] = {
      {"cron", "name: demo", "name: «E_PATTERN»-demo"},
      {"cron", "name: demo", "name: «E_PATTERN»\"de mo\""},
      {"cron", "name: demo", "«E_TYPE»name:"},
      {"cron", "name: demo", "name: «E_TYPE»[demo]"},
      {"cron", "name: demo\n", "«E_MISSING_FIELD»"},
      {"cron", "name: demo", "name: demo\n«E_RESERVED»version: 1"},
      {"cron", "name: demo", "name: demo\n«E_RESERVED»entrypoints: []"},
      {"cron", "name: demo", "name: demo\n«E_UNKNOWN_FIELD»nmae: 1"},
      {"cron", "name: demo", "name: demo\n«E_UNKNOWN_FIELD»\"a b\": {c: ~}"},
      {"cron", "name: demo", "name: demo\n«E_DUPLICATE_KEY»name: other"},
      {"cron", "  max_attempts: 3", "  max_attempts: «E_RANGE»0"},
      {"cron", "  max_attempts: 3", "  max_attempts: «E_TYPE»\"3\""},
      {"cron", "  max_attempts: 3", "  max_attempts: «E_TYPE»03"},
      {"cron", "  max_attempts: 3", "  max_attempts: «E_YAML_FEATURE»!!int 3"},
      {"cron", "  max_attempts: 3", "  max_attempts: «E_RANGE»99999999999999999999"},
      {"cron", "  max_attempts: 3", "  «E_UNKNOWN_FIELD»name: x"},
      {"cron", "  max_attempts: 3", "  priority: «E_VALUE»urgent"},
      {"cron", "  max_attempts: 3", "  max_queue_age: «E_PATTERN»5 m"},
      {"cron", "  max_attempts: 3", "  max_queue_age: «E_PATTERN»300"},
      {"cron", "  max_attempts: 3", "  max_queue_age: «E_RANGE»31d"},
      {"cron", "  max_attempts: 3", "  max_queue_age: «E_RANGE»999ms"},
      {"cron", "  max_attempts: 3", "  max_queue_depth: «E_RANGE»10000001"},
      {"cron", "  max_attempts: 3", "  backpressure_mode: «E_VALUE»stop"},
      {"cron", "  max_attempts: 3", "  heartbeat_timeout_seconds: «E_RANGE»4"},
      {"cron", "defaults:\n  max_attempts: 3", "defaults: «E_TYPE»[]"},
      {"cron", "defaults:\n  max_attempts: 3", "«E_TYPE»defaults:"},
  };
  check_cases(kCases);
}

TEST(JobReader, TellsFaultsOfAJobsFields) {
  constexpr FaultCase kCases[] = {
      {"cron", "  - name: relay\n    act", "  - «E_MISSING_FIELD»act"},
      {"cron", "  - name: relay",
       "  - {name: «E_DUPLICATE_JOB»tick, activation: source, runtime: lambda, outputs: 1,\n"
       "     operator: trigger_manual, source: {kind: manual}}\n  - name: relay"},
      {"cron", "activation: source", "activation: «E_RESERVED»manual"},
      {"cron", "activation: source", "activation: «E_VALUE»sauce"},
      {"cron", "activation: source", "activation: «E_OPERATOR_ACTIVATION»reactive"},
      {"cron", "runtime: dispatcher\n    operator: noop",
       "runtime: «E_RESERVED»ecs_udf\n    operator: noop"},
      {"cron", "runtime: dispatcher\n    operator: noop",
       "runtime: «E_OPERATOR_RUNTIME»lambda\n    operator: noop"},
      {"cron", "operator: noop", "operator: «E_UNKNOWN_OPERATOR»nop"},
      {"cron", "operator: noop\n    outputs: 1",
       "operator: noop\n    outputs: «E_OPERATOR_OUTPUTS»2"},
      {"cron", "operator: noop\n    outputs: 1", "operator: noop\n    outputs: «E_RANGE»65"},
      {"cron", "operator: noop\n    outputs: 1", "operator: noop\n    outputs: «E_TYPE»one"},
      {"cron", "    update_strategy: replace\n",
       "    update_strategy: replace\n    «E_RESERVED»depends_on: [x]\n"},
      {"cron", "    update_strategy: replace\n",
       "    update_strategy: replace\n    «E_UNKNOWN_FIELD»time_out: 5\n"},
      {"cron", "    update_strategy: replace\n",
       "    update_strategy: replace\n    «E_NOT_APPLICABLE»unique_key: [a]\n"},
      {"cron", "    update_strategy: replace\n",
       "    update_strategy: replace\n    «E_NOT_APPLICABLE»unique_key: [«E_PATTERN»A]\n"},
  };
  check_cases(kCases);
}

TEST(JobReader, TellsFaultsOfStrategiesAndWhatDependsOnThem) {
  constexpr FaultCase kCases[] = {
      {"cron", "execution_strategy: PerUpdate", "execution_strategy: «E_RESERVED»Bulk"},
      {"cron", "execution_strategy: PerUpdate", "execution_strategy: «E_VALUE»perupdate"},
      {"cron", "execution_strategy: PerUpdate",
       "execution_strategy: «E_STRATEGY_MISMATCH»PerPartition"},
      {"cron",
       "  - name: relay\n    activation: reactive\n    runtime: dispatcher\n    operator: noop\n   "
       " outputs: 1\n    inputs:\n      - from: {job: tick, output: 0}\n",
       "  - «E_MISSING_FIELD»name: relay\n    activation: reactive\n    runtime: dispatcher\n    "
       "operator: noop\n    outputs: 1\n"},
      {"cron", "    source:\n      kind: cron",
       "    «E_NOT_APPLICABLE»inputs: [{from: {dataset: relayed}}]\n    source:\n      kind: cron"},
      {"cron", "    source:\n      kind: cron",
       "    «E_NOT_APPLICABLE»execution_strategy: PerUpdate\n    source:\n      kind: cron"},
      {"cron", "    source:\n      kind: cron",
       "    update_strategy: «E_STRATEGY_MISMATCH»replace\n    source:\n      kind: cron"},
      {"cron", "    source:\n      kind: cron",
       "    bootstrap: {reset_outputs: «E_TYPE»yes}\n    source:\n      kind: cron"},
      {"cron", "    source:\n      kind: cron",
       "    bootstrap: {«E_UNKNOWN_FIELD»reset: true}\n    source:\n      kind: cron"},
      {"cron", "    update_strategy: replace\n",
       "    update_strategy: replace\n    «E_NOT_APPLICABLE»bootstrap: {reset_outputs: true}\n"},
      {"cron", "    update_strategy: replace\n",
       "    update_strategy: replace\n    «E_NOT_APPLICABLE»source: {kind: manual}\n"},
      {"cron", "    update_strategy: replace\n",
       "    update_strategy: replace\n    scaling: {max_concurrency: «E_RANGE»0}\n"},
      {"cron", "    update_strategy: replace\n",
       "    update_strategy: replace\n    scaling: «E_TYPE»2\n"},
      {"cron", "    update_strategy: replace", "    update_strategy: «E_VALUE»upsert"},
      {"ingest", "    unique_key: [at]\n", "    unique_key: «E_LIMIT»[]\n"},
      {"ingest", "    unique_key: [at]\n", "    unique_key: [at, «E_DUPLICATE_ITEM»at]\n"},
      {"ingest", "    unique_key: [at]\n", "    unique_key: «E_TYPE»at\n"},
      {"ingest",
       "  - name: load\n    activation: reactive\n    runtime: ecs_platform\n    operator: "
       "table_ingest\n    outputs: 1\n    inputs:\n      - from: {job: go, output: 0}\n    "
       "execution_strategy: PerUpdate\n    update_strategy: append\n    unique_key: [at]\n",
       "  - «E_MISSING_FIELD»name: load\n    activation: reactive\n    runtime: ecs_platform\n    "
       "operator: table_ingest\n    outputs: 1\n    inputs:\n      - from: {job: go, output: 0}\n  "
       "  execution_strategy: PerUpdate\n    update_strategy: append\n"},
      {"ingest", "update_strategy: replace\npublish",
       "update_strategy: «E_STRATEGY_MISMATCH»append\n    unique_key: [at]\npublish"},
      {"ingest", "operator: parquet_compact",
       "operator: parquet_compact\n    «E_UNKNOWN_FIELD»confg: {}"},
      {"cron", "  - name: relay", "  - «E_TYPE»just text\n  - name: relay"},
      {"cron", "  - name: relay", "  «E_TYPE»-\n  - name: relay"},
  };
  check_cases(kCases);
}

TEST(JobReader, TellsFaultsOfSourcesAndSchedules) {
  constexpr FaultCase kCases[] = {
      {"cron", "kind: cron", "kind: «E_VALUE»corn"},
      {"cron", "kind: cron\n      schedule: rate(1 day)",
       "kind: «E_OPERATOR_ACTIVATION»manual\n      «E_NOT_APPLICABLE»schedule: rate(1 day)"},
      {"cron", "kind: cron\n      schedule: rate(1 day)", "«E_MISSING_FIELD»kind: cron"},
      {"cron", "kind: cron\n", "kind: cron\n      «E_NOT_APPLICABLE»webhook_path: x\n"},
      {"cron", "kind: cron\n", "kind: cron\n      «E_UNKNOWN_FIELD»when: x\n"},
      {"cron", "schedule: rate(1 day)", "schedule: «E_SCHEDULE»rate(1 days)"},
      {"cron", "schedule: rate(1 day)", "schedule: «E_SCHEDULE»\"0 0 30 2 *\""},
      {"cron", "schedule: rate(1 day)", "schedule: «E_SCHEDULE»cron(0 0 1 1 ? 2040)"},
      {"cron", "schedule: rate(1 day)", "schedule: «E_SCHEDULE»rate(2000 days)"},
      {"cron", "schedule: rate(1 day)", "schedule: «E_TYPE»{every: day}"},
      {"cron",
       "    source:\n      kind: cron\n      schedule: rate(1 day)\n    timeout_seconds: 60\n",
       "    source: «E_MISSING_FIELD»{schedule: rate(1 day)}\n"},
      {"udf", "webhook_path: hooks/go", "webhook_path: «E_PATTERN»/hooks"},
      {"udf", "webhook_path: hooks/go", "webhook_path: «E_PATTERN»hooks//go"},
      {"udf", "kind: webhook\n      webhook_path: hooks/go", "«E_MISSING_FIELD»kind: webhook"},
  };
  check_cases(kCases);
  const FaultCase no_source[] = {
      {"ingest",
       "  - name: go\n    activation: source\n    runtime: lambda\n    operator: trigger_manual\n  "
       "  outputs: 1\n    source: {kind: manual}",
       "  - «E_MISSING_FIELD»name: go\n    activation: source\n    runtime: lambda\n    operator: "
       "trigger_manual\n    outputs: 1"}};
  check_cases(no_source);
}

TEST(JobReader, TellsFaultsOfTimeouts) {
  constexpr FaultCase kCases[] = {
      {"cron", "timeout_seconds: 60", "timeout_seconds: «E_RANGE»301"},
      {"cron", "timeout_seconds: 60", "timeout_seconds: «E_RANGE»0"},
      {"cron", "  max_attempts: 3\njobs:\n  - name: tick",
       "  timeout_seconds: 900\njobs:\n  - name: tick"},
      {"cron", "timeout_seconds: 60",
       "timeout_seconds: 60\n    heartbeat_timeout_seconds: «W_HEARTBEAT_GT_TIMEOUT»61"},
      {"alerts", "bootstrap: {reset_outputs: true}", "«E_NOT_APPLICABLE»timeout_seconds: 60"},
  };
  check_cases(std::span(kCases).first(2));
  check_cases(std::span(kCases).subspan(3));
  // A default above the limit of a job's runtime is told at each such job's name.
  const Marked defaults = marked(R"x(name: d
defaults: {timeout_seconds: 901, heartbeat_timeout_seconds: 100}
jobs:
  - {name: «E_RANGE»a, activation: source, runtime: lambda, operator: trigger_manual, outputs: 1,
     source: {kind: manual}}
  - {name: «E_RANGE»b, activation: reactive, runtime: dispatcher, operator: noop, outputs: 1,
     inputs: [{from: {job: a, output: 0}}], execution_strategy: PerUpdate,
     update_strategy: replace}
  - {name: c, activation: reactive, runtime: dispatcher, operator: noop, outputs: 1,
     timeout_seconds: «W_HEARTBEAT_GT_TIMEOUT»90, inputs: [{from: {job: b, output: 0}}],
     execution_strategy: PerUpdate, update_strategy: replace}
publish: {x: {from: {job: c, output: 0}}}
)x");
  const ValidationReport report = validated(defaults.text);
  ASSERT_EQ(report.errors.size(), 2U);
  EXPECT_EQ(place_text(report.errors[0]), defaults.expected[0]);
  EXPECT_EQ(place_text(report.errors[1]), defaults.expected[1]);
  EXPECT_EQ(report.errors[0].path, "jobs[0].name");
  ASSERT_EQ(report.warnings.size(), 1U);
  EXPECT_EQ(place_text(report.warnings[0]), defaults.expected[2]);
}

TEST(JobReader, TellsFaultsOfUserCodeAndSecrets) {
  constexpr FaultCase kCases[] = {
      {"udf", "    udf:\n      bundle_id: b1\n      entrypoint: pkg/mod.handler\n", ""},
      {"udf", "      bundle_id: b1\n", ""},
      {"udf", "entrypoint: pkg/mod.handler", "entrypoint: «E_PATTERN»handler"},
      {"udf", "entrypoint: pkg/mod.handler", "entrypoint: «E_PATTERN»1mod.handler"},
      {"udf", "bundle_id: b1", "bundle_id: «E_PATTERN»b/1"},
      {"udf", "      bundle_id: b1\n      entrypoint: pkg/mod.handler\n",
       "      «W_ENTRYPOINT_UNKNOWN»bundle_id: b1\n"},
      {"udf", "runtime: lambda\n    operator: udf",
       "runtime: «E_UDF_RUNTIME»ecs_platform\n    operator: udf"},
      {"udf", "    config:\n      depth",
       "    «E_SECRETS_UDF»secrets: [a]\n    config:\n      depth"},
      {"udf", "operator: noop",
       "operator: noop\n    «E_UDF_FORBIDDEN»udf: {bundle_id: b1, entrypoint: a.b}"},
      {"udf", "operator: noop", "operator: noop\n    «E_SECRETS_RUNTIME»secrets: [a]"},
      {"alerts", "secrets: [token]", "secrets: [token, «E_DUPLICATE_ITEM»token]"},
      {"alerts", "secrets: [token]", "secrets: [«E_PATTERN»Token]"},
      {"alerts", "secrets: [token]", "secrets: [«E_TYPE»{a: b}]"},
      {"udf", "depth: [1, {two: \"2\"}]", "depth: [1, {«E_TYPE»two:}]"},
      {"udf", "depth: [1, {two: \"2\"}]", "depth: «E_RANGE»9007199254740993"},
      {"udf", "depth: [1, {two: \"2\"}]", "depth: «E_RANGE»1e999"},
      {"udf", "    config:\n      depth: [1, {two: \"2\"}]",
       "    config: «E_LIMIT»[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]"},
  };
  check_cases(std::span(kCases).subspan(2, std::size(kCases) - 3));
  const FaultCase missing[] = {
      {"udf", "  - name: code\n", "  - «E_UDF_REQUIRED»name: code\n"},
      {"udf", "      bundle_id: b1\n      entry", "      «E_MISSING_FIELD»entry"},
      {"udf", "    config:\n      depth: [1, {two: \"2\"}]",
       "    config: «E_LIMIT»{a: [[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]}"},
  };
  check_cases(std::span(missing).subspan(1));
  Marked required = marked(changed_document(missing[0]));
  const std::string_view block =
      "    udf:\n      bundle_id: b1\n      entrypoint: pkg/mod.handler\n";
  required.text.erase(required.text.find(block), block.size());
  const ValidationReport report = validated(required.text);
  ASSERT_EQ(report.errors.size(), 1U);
  EXPECT_EQ(place_text(report.errors[0]), required.expected[0]);
  EXPECT_EQ(report.errors[0].path, "jobs[1].udf");
}

TEST(JobReader, LooksBundlesUpWhereTheyAreKnown) {
  KnownNames known;
  known.bundles["b1"].language = BundleLanguage::Node;
  known.bundles["r"].language = BundleLanguage::Rust;
  constexpr FaultCase kCases[] = {
      {"udf", "bundle_id: b1", "bundle_id: b1"},
      {"udf", "bundle_id: b1", "bundle_id: «E_UNKNOWN_BUNDLE»b2"},
      {"udf", "bundle_id: b1\n      entrypoint: pkg/mod.handler", "«E_MISSING_FIELD»bundle_id: b1"},
      {"udf", "bundle_id: b1\n      entrypoint: pkg/mod.handler", "bundle_id: r"},
      {"udf", "bundle_id: b1\n      entrypoint: pkg/mod.handler",
       "bundle_id: r\n      entrypoint: ignored"},
  };
  check_cases(kCases, &known);
}

TEST(JobReader, TellsNothingThatFollowsFromAnotherFault) {
  constexpr FaultCase kCases[] = {
      // Neither the runtime nor the strategies of an unknown operator are told.
      {"ingest", "operator: parquet_compact", "operator: «E_UNKNOWN_OPERATOR»parquet"},
      // An edge to a job whose name cannot be read.
      {"cron", "- name: tick", "- name: «E_TYPE»{}"},
      // Outputs of a job that did not say how many it has.
      {"udf", "outputs: 2", "outputs: «E_TYPE»two"},
      // What is missing under another activation than the operator's.
      {"ingest", "activation: source", "activation: «E_OPERATOR_ACTIVATION»reactive"},
  };
  check_cases(kCases);
}

}  // namespace
}  // namespace weir::dispatcher
