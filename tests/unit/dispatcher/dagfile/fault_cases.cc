// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/dispatcher/dagfile/fault_cases.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/utf8.h"
#include "tests/unit/dispatcher/dagfile/reading.h"

namespace weir::dispatcher {
namespace {

constexpr std::string_view kCron = R"x(name: demo
defaults:
  max_attempts: 3
jobs:
  - name: tick
    activation: source
    runtime: dispatcher
    operator: trigger_cron
    outputs: 1
    source:
      kind: cron
      schedule: rate(1 day)
    timeout_seconds: 60
  - name: relay
    activation: reactive
    runtime: dispatcher
    operator: noop
    outputs: 1
    inputs:
      - from: {job: tick, output: 0}
    execution_strategy: PerUpdate
    update_strategy: replace
publish:
  relayed:
    from: {job: relay, output: 0}
)x";

constexpr std::string_view kIngest = R"x(name: market
jobs:
  - name: go
    activation: source
    runtime: lambda
    operator: trigger_manual
    outputs: 1
    source: {kind: manual}
  - name: load
    activation: reactive
    runtime: ecs_platform
    operator: table_ingest
    outputs: 1
    inputs:
      - from: {job: go, output: 0}
    execution_strategy: PerUpdate
    update_strategy: append
    unique_key: [at]
    config:
      path: trades/*.csv
      format: csv
      columns:
        at: bigint
        price: {type: double, nullable: true}
      cursor_column: at
  - name: windows
    activation: reactive
    runtime: dispatcher
    operator: range_aggregator
    outputs: 1
    inputs:
      - from: {job: load, output: 0}
    execution_strategy: PerUpdate
    update_strategy: replace
    config:
      cursor_column: at
      range_size: 60
  - name: compact
    activation: reactive
    runtime: ecs_platform
    operator: parquet_compact
    outputs: 1
    inputs:
      - from: {job: windows, output: 0}
    execution_strategy: PerPartition
    update_strategy: replace
publish:
  trades:
    from: {job: compact, output: 0}
    storage: s3
  trades_raw:
    from: {job: load, output: 0}
)x";

constexpr std::string_view kUdf = R"x(name: user
jobs:
  - name: go
    activation: source
    runtime: dispatcher
    operator: trigger_webhook
    outputs: 1
    source:
      kind: webhook
      webhook_path: hooks/go
  - name: code
    activation: reactive
    runtime: lambda
    operator: udf
    outputs: 2
    inputs:
      - from: {job: go, output: 0}
    execution_strategy: PerUpdate
    update_strategy: append
    unique_key: [id]
    udf:
      bundle_id: b1
      entrypoint: pkg/mod.handler
    config:
      depth: [1, {two: "2"}]
  - name: after
    activation: reactive
    runtime: dispatcher
    operator: noop
    outputs: 1
    inputs:
      - from: {job: code, output: 0}
        where: {id: 7, kind: [a, b]}
    execution_strategy: PerUpdate
    update_strategy: replace
publish:
  rows:
    from: {job: code, output: 0}
    storage: postgres
    write_mode: buffered
    schema:
      columns:
        id: bigint
        kind: {type: text, nullable: true}
      unique: [id]
      indexes: [[kind], [kind, id]]
    checks:
      - kind: row_count
      - {kind: null_share, column: kind, max: 0.5}
  other:
    from: {job: code, output: 1}
    storage: postgres
    write_mode: buffered
    schema: {columns: {id: uuid}, unique: [id]}
  done:
    from: {job: after, output: 0}
)x";

constexpr std::string_view kAlerts = R"x(name: alerts
jobs:
  - name: count
    activation: source
    runtime: ecs_platform
    operator: sequence_source
    outputs: 1
    source: {kind: always_on}
    bootstrap: {reset_outputs: true}
    secrets: [token]
  - name: judge
    activation: reactive
    runtime: lambda
    operator: alert_evaluate
    outputs: 1
    inputs:
      - from: {job: count, output: 0}
    execution_strategy: PerUpdate
    update_strategy: append
    unique_key: [dedupe_key]
    udf: {bundle_id: b1, entrypoint: judge.run}
  - name: page
    activation: reactive
    runtime: ecs_platform
    operator: alert_route
    outputs: 1
    inputs:
      - from: {job: judge, output: 0}
        where: {severity: [warning, critical], chain_id: 1}
    execution_strategy: PerUpdate
    update_strategy: append
    unique_key: [dedupe_key]
    config: {channel: pager, destination: ops}
    scaling: {max_concurrency: 2}
  - name: view
    activation: reactive
    runtime: dispatcher
    operator: sql_view
    outputs: 1
    inputs:
      - from: {dataset: alerts}
    config: {sql: SELECT 1}
publish:
  alerts:
    from: {job: judge, output: 0}
  view:
    from: {job: view, output: 0}
)x";

}  // namespace

std::string_view sound_document(std::string_view name) {
  if (name == "cron") return kCron;
  if (name == "ingest") return kIngest;
  if (name == "udf") return kUdf;
  return kAlerts;
}

Marked marked(std::string_view text) {
  constexpr std::string_view kOpen = "«";
  constexpr std::string_view kClose = "»";
  Marked result;
  while (true) {
    const std::size_t open = text.find(kOpen);
    result.text += text.substr(0, open);
    if (open == std::string_view::npos) return result;
    const std::size_t close = text.find(kClose, open);
    const base::TextPosition place = base::text_position(result.text, result.text.size());
    result.expected.push_back(
        std::string(text.substr(open + kOpen.size(), close - open - kOpen.size())) + ' ' +
        std::to_string(place.line) + ':' + std::to_string(place.column));
    text.remove_prefix(close + kClose.size());
  }
}

std::string changed_document(const FaultCase& fault_case) {
  std::string text(sound_document(fault_case.document));
  const std::size_t at = text.find(fault_case.from);
  EXPECT_NE(at, std::string::npos) << fault_case.document << " has no " << fault_case.from;
  if (at != std::string::npos) text.replace(at, fault_case.from.size(), fault_case.to);
  return text;
}

void check_cases(std::span<const FaultCase> cases, const KnownNames* known) {
  for (const FaultCase& fault_case : cases) {
    const Marked document = marked(changed_document(fault_case));
    const ValidationReport report = validated(document.text, known);
    std::vector<std::string> told;
    std::string texts;
    for (const auto* list : {&report.errors, &report.warnings}) {
      for (const DagFault& fault : *list) {
        told.push_back(place_text(fault));
        texts += fault_text(fault) + "\n";
      }
    }
    std::vector<std::string> expected = document.expected;
    std::ranges::sort(told);
    std::ranges::sort(expected);
    EXPECT_EQ(told, expected) << fault_case.document << ": " << fault_case.to << "\n" << texts;
  }
}

}  // namespace weir::dispatcher
