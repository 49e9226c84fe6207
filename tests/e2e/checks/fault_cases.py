# SPDX-License-Identifier: Apache-2.0
"""DAG files with a fault each, of every code that a file alone can have. A case is a change of a
sound document; a mark `«E_TYPE»` stands where the fault must be told and is taken out before."""

import dataclasses
import re

DOCUMENTS = {
    "cron": """\
name: demo
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
""",
    "ingest": """\
name: market
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
""",
    "udf": """\
name: user
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
""",
    "alerts": """\
name: alerts
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
""",
}
MARK = re.compile("«(\\w+)»")


@dataclasses.dataclass(frozen=True)
class Case:
    """In the document of this name, `old` (which must be there) becomes `new`."""

    document: str
    old: str
    new: str

    def text(self):
        """The document without marks, and what they say: code, line, column."""
        document = DOCUMENTS[self.document]
        assert document.count(self.old) >= 1, self
        marked, places = document.replace(self.old, self.new, 1), []
        while found := MARK.search(marked):
            before = marked[:found.start()]
            places.append((found.group(1), before.count("\n") + 1,
                           len(before) - (before.rfind("\n") + 1) + 1))
            marked = before + marked[found.end():]
        return marked, places


CASES = (
    Case("udf",
         "{kind: null_share, column: kind, max: 0.5}",
         "{kind: null_share, column: «E_CHECK»kin, max: 0}"),
    Case("ingest",
         "at: bigint",
         "at: «E_CONFIG»int"),
    Case("alerts",
         "from: {dataset: alerts}",
         "from: {dataset: «E_CYCLE»view}"),
    Case("alerts",
         "secrets: [token]",
         "secrets: [token, «E_DUPLICATE_ITEM»token]"),
    Case("cron",
         "  - name: relay",
         "  - {name: «E_DUPLICATE_JOB»tick, activation: source, runtime: lambda, outputs: 1,\n"
         "     operator: trigger_manual, source: {kind: manual}}\n"
         "  - name: relay"),
    Case("cron",
         "name: demo",
         "name: demo\n"
         "«E_DUPLICATE_KEY»name: other"),
    Case("udf",
         "where: {id: 7, kind: [a, b]}",
         "where: «E_LIMIT»{}"),
    Case("cron",
         "name: demo\n",
         "«E_MISSING_FIELD»"),
    Case("alerts",
         "bootstrap: {reset_outputs: true}",
         "«E_NOT_APPLICABLE»timeout_seconds: 60"),
    Case("cron",
         "activation: source",
         "activation: «E_OPERATOR_ACTIVATION»reactive"),
    Case("cron",
         "operator: noop\n"
         "    outputs: 1",
         "operator: noop\n"
         "    outputs: «E_OPERATOR_OUTPUTS»2"),
    Case("cron",
         "runtime: dispatcher\n"
         "    operator: noop",
         "runtime: «E_OPERATOR_RUNTIME»lambda\n"
         "    operator: noop"),
    Case("cron",
         "{job: relay, output: 0}",
         "{job: relay, output: 0}\n"
         "  twice:\n"
         "    from: «E_OUTPUT_PUBLISHED_TWICE»{job: relay, output: 0}"),
    Case("cron",
         "{job: relay, output: 0}",
         "{job: relay, output: «E_OUTPUT_RANGE»1}"),
    Case("cron",
         "  relayed:\n",
         "  «E_PATTERN»\" \":\n"),
    Case("udf",
         "depth: [1, {two: \"2\"}]",
         "depth: «E_RANGE»1e999"),
    Case("cron",
         "activation: source",
         "activation: «E_RESERVED»manual"),
    Case("cron",
         "schedule: rate(1 day)",
         "schedule: «E_SCHEDULE»\"0 0 30 2 *\""),
    Case("udf",
         "{columns: {id: uuid}, unique: [id]}",
         "{columns: «E_SCHEMA»{}, unique: [id]}"),
    Case("udf",
         "operator: noop",
         "operator: noop\n"
         "    «E_SECRETS_RUNTIME»secrets: [a]"),
    Case("udf",
         "    config:\n"
         "      depth",
         "    «E_SECRETS_UDF»secrets: [a]\n"
         "    config:\n"
         "      depth"),
    Case("alerts",
         "{job: view, output: 0}",
         "{job: view, output: 0}\n"
         "    «E_STORAGE»storage: s3"),
    Case("ingest",
         "execution_strategy: PerPartition",
         "execution_strategy: «E_STRATEGY_MISMATCH»PerUpdate"),
    Case("cron",
         "name: demo",
         "«E_TYPE»name:"),
    Case("udf",
         "operator: noop",
         "operator: noop\n"
         "    «E_UDF_FORBIDDEN»udf: {bundle_id: b1, entrypoint: a.b}"),
    Case("udf",
         "  - name: code\n    activation: reactive\n    runtime: lambda\n    operator: udf\n"
         "    outputs: 2\n    inputs:\n      - from: {job: go, output: 0}\n"
         "    execution_strategy: PerUpdate\n    update_strategy: append\n"
         "    unique_key: [id]\n    udf:\n      bundle_id: b1\n      entrypoint: pkg/mod.handler\n",
         "  - «E_UDF_REQUIRED»name: code\n    activation: reactive\n    runtime: lambda\n"
         "    operator: udf\n    outputs: 2\n    inputs:\n      - from: {job: go, output: 0}\n"
         "    execution_strategy: PerUpdate\n    update_strategy: append\n"
         "    unique_key: [id]\n"),
    Case("udf",
         "runtime: lambda\n"
         "    operator: udf",
         "runtime: «E_UDF_RUNTIME»ecs_platform\n"
         "    operator: udf"),
    Case("ingest",
         "unique_key: [at]",
         "unique_key: «E_UNIQUE_MISMATCH»[other]"),
    Case("udf",
         "bundle_id: b1",
         "bundle_id: «E_UNKNOWN_BUNDLE»b2"),
    Case("alerts",
         "from: {dataset: alerts}",
         "from: {dataset: «E_UNKNOWN_DATASET»elsewere}"),
    Case("cron",
         "  max_attempts: 3",
         "  «E_UNKNOWN_FIELD»name: x"),
    Case("cron",
         "from: {job: tick, output: 0}\n"
         "    exec",
         "from: {job: «E_UNKNOWN_JOB»tock, output: 0}\n"
         "      - from: {job: tick, output: 0}\n"
         "    exec"),
    Case("cron",
         "operator: noop",
         "operator: «E_UNKNOWN_OPERATOR»nop"),
    Case("cron",
         "kind: cron",
         "kind: «E_VALUE»corn"),
    Case("udf",
         "{two: \"2\"}",
         "{two: «E_VALUE»\"2\\0\"}"),
    Case("udf",
         "where: {id: 7, kind: [a, b]}",
         "where: {«E_WHERE_FIELD»di: 7}"),
    Case("alerts",
         "chain_id: 1",
         "chain_id: «E_WHERE_TYPE»one"),
    Case("udf",
         "    storage: postgres\n"
         "    write_mode: buffered\n"
         "    schema: {",
         "    storage: postgres\n"
         "    write_mode: «E_WRITE_MODE»direct\n"
         "    schema: {"),
    Case("cron",
         "max_attempts: 3",
         "max_attempts: «E_YAML_FEATURE»&a 3"),
    Case("cron",
         "  relayed:\n",
         "  «W_DATASET_NAME_STYLE»Relayed:\n"),
    Case("udf",
         "      bundle_id: b1\n"
         "      entrypoint: pkg/mod.handler\n",
         "      «W_ENTRYPOINT_UNKNOWN»bundle_id: b1\n"),
    Case("cron",
         "timeout_seconds: 60",
         "timeout_seconds: 60\n"
         "    heartbeat_timeout_seconds: «W_HEARTBEAT_GT_TIMEOUT»61"),
    Case("alerts",
         "from: {dataset: alerts}",
         "from: {dataset: «W_UNRESOLVED_DATASET»else}"),
    Case("cron",
         "- name: relay\n",
         "- {name: «W_UNUSED_JOB»odd, activation: source, runtime: lambda, outputs: 1,\n"
         "     operator: trigger_manual, source: {kind: manual}}\n"
         "  - name: relay\n"),
)
