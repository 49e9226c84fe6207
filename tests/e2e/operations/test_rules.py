# SPDX-License-Identifier: Apache-2.0
"""Rules, dashboard and runbooks hold together, and name metrics that the DAG manager has."""

import functools
import json
import pathlib
import re
import subprocess

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[3]
RULES = ROOT / "deploy" / "prometheus" / "weir-dagmanager.rules.yml"
DASHBOARDS = ROOT / "deploy" / "grafana"
RUNBOOKS = ROOT / "docs" / "operations" / "runbooks"

# Of other systems, or of parts that are not built: rules wait for them.
GATEWAY = {"gateway_sentinel_traffic_ratio", "sentinel_skew_seconds"}
FOREIGN = {"raft_leader_is_null", "kafka_zookeeper_disconnects"} | GATEWAY
NOT_FED_YET = {
    "auth_key_age_seconds",
}
WORDS_OF_THE_LANGUAGE = {
    "rate", "increase", "delta", "time", "max", "sum", "by", "on", "or", "and", "offset",
    "histogram_quantile", "count", "count_values", "round", "unless", "topk",
}
# On no panel: second names, what is told beside a panel's figure, and what has a page of its own.
NOT_SHOWN = {
    "cross_context_cache_violation_total", "dagmanager_diff_failures_total",
    "dagmanager_queue_create_error_total", "gc_last_run_timestamp", "graph_leader_unreachable",
    "rollout_alerts_total", "rollout_verdicts_total", "rollouts_active",
    "telemetry_spans_dropped_total",
}
# By which the series are told apart.
LABELS = {"call", "engine", "kind", "le", "loop", "reason", "result", "sentinel_id", "share",
          "target", "topic", "version"}


def rules():
    groups = yaml.safe_load(RULES.read_text())["groups"]
    return {rule["alert"]: rule for group in groups for rule in group["rules"]}


def delivered():
    """The alerts that Weir tells by itself."""
    header = ROOT / "src" / "dagmanager" / "core" / "monitors" / "alert_catalog.h"
    return set(re.findall(r'string_view k\w+ = "(\w+)";', header.read_text()))


@functools.cache
def fed():
    """The names that the sources give to metrics."""
    names = set()
    for source in (ROOT / "src" / "dagmanager").rglob("*.cc"):
        text = source.read_text()
        # Beside the name stands a sentence.
        sentence = r'"[A-Z0-9][^"]*(?:"\s*"[^"]*)*\."'
        names |= set(re.findall(r'"([a-z][a-z0-9]*(?:_[a-z0-9]+)+)",\s*' + sentence, text))
    return names


def named(expression):
    """The metrics of an expression."""
    bare = re.sub(r"\{[^}]*\}|\[[^\]]*\]", "", expression)
    words = set(re.findall(r"\b[a-z_][a-z_0-9]*\b", bare)) - WORDS_OF_THE_LANGUAGE - LABELS
    words = {word for word in words if not re.fullmatch(r"\d*[smh]", word)}
    return words


def metric_of(series):
    """Of a histogram its parts are named."""
    whole = re.sub(r"_(bucket|count|sum)$", "", series)
    return whole if whole in fed() else series


def missing(expression):
    """Those that nothing feeds."""
    return {metric_of(word) for word in named(expression)} - fed()


def panels():
    boards = list(DASHBOARDS.glob("*.json"))
    assert boards
    shown = [one for board in boards for one in json.loads(board.read_text())["panels"]
             if one["type"] != "row"]
    assert shown
    return shown


def test_every_rule_fires_on_its_fault_and_is_quiet_beside_it():
    tests = RULES.with_name("weir-dagmanager.rules.test.yml")
    tested = {case["alertname"] for one in yaml.safe_load(tests.read_text())["tests"]
              for case in one["alert_rule_test"] if case["exp_alerts"]}
    assert tested == set(rules())
    done = subprocess.run(
        ["promtool", "test", "rules", tests.name], cwd=tests.parent, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_has_its_runbook_and_every_runbook_its_alert():
    pages = {page.stem for page in RUNBOOKS.glob("*.md")} - {"README"}
    assert pages == set(rules()) | delivered()
    for name, rule in rules().items():
        assert rule["annotations"]["runbook"] == f"docs/operations/runbooks/{name}.md"
        assert rule["labels"]["severity"] in ("warning", "critical")
    index = (RUNBOOKS / "README.md").read_text()
    assert set(re.findall(r"^\| \[(\w+)\]\(\1\.md\)", index, re.MULTILINE)) == pages


def test_rules_name_metrics_that_there_are():
    absent = {name for rule in rules().values() for name in missing(rule["expr"])}
    assert absent == FOREIGN | NOT_FED_YET


def test_the_page_of_metrics_has_those_that_there_are():
    page = (ROOT / "docs" / "reference" / "metrics.md").read_text()
    assert set(re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE)) == fed()


def test_every_query_of_a_dashboard_names_metrics_that_there_are():
    for panel in panels():
        for target in panel["targets"]:
            assert named(target["expr"]), panel["title"]
            assert missing(target["expr"]) <= GATEWAY, panel["title"]


def test_every_metric_is_on_a_dashboard_or_said_not_to_be():
    shown = {metric_of(word) for panel in panels() for target in panel["targets"]
             for word in named(target["expr"])}
    assert fed() - shown == NOT_SHOWN


def test_every_query_of_a_dashboard_is_one(tmp_path):
    """As rules, which promtool reads."""
    queries = [target["expr"] for panel in panels() for target in panel["targets"]]
    rules = [{"record": f"panel:{number}", "expr": query} for number, query in enumerate(queries)]
    path = tmp_path / "rules.yml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}))
    done = subprocess.run(["promtool", "check", "rules", path], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
