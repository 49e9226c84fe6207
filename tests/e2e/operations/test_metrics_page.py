# SPDX-License-Identifier: Apache-2.0
"""docs/reference/metrics.md against the /metrics of a server to which everything has happened: each
metric with its type, labels, and the help text that goes with it, and no other."""

import asyncio
import http.server
import json
import pathlib
import re
import socket
import threading
import types

import grpc
import pytest

from graphs import layered_graph
from stubs import pb2
from test_metrics import figures, statement, submit, wait_until
from wire import Wire, reason_of

PAGE = pathlib.Path(__file__).resolve().parents[3] / "docs" / "reference" / "metrics.md"
ROW = re.compile(r"^\| `(\w+)` \| (\w+) \| ([^|]+) \| ([^|]+) \| ([^|]+) \|$", re.MULTILINE)
# These take brokers with messages and a control bus; tests/e2e/kafka sees them.
OF_BROKERS = {"control_event_oversize_total", "queue_lag_seconds", "queue_lag_threshold_seconds",
              "queues_completed", "topic_wait_seconds"}
UNITS = {"1", "bytes", "milliseconds", "seconds", "Unix seconds", "0 or 1"}
SENTINEL = "s-sentinel"
NODES = 4


class HalfOfAll(http.server.BaseHTTPRequestHandler):
    """A Prometheus to which everything is 0.5."""

    def do_GET(self):  # noqa: N802, the name is the base class's
        result = [{"metric": {}, "value": [0, "0.5"]}]
        body = json.dumps({"status": "success",
                           "data": {"resultType": "vector", "result": result}}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_words):
        pass


@pytest.fixture(scope="module")
def prometheus():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), HalfOfAll)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def nobody():
    """An address where a connection is refused for as long as this lasts."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{held.getsockname()[1]}/"


def seen(server, name):
    wait_until(lambda: any(one.split("{")[0] == name for one in figures(server)))


def ask(server, method, request):
    async def asking():
        async with Wire(server.target) as wire:
            return await getattr(wire.admin, method)(request)

    return asyncio.run(asking())


def version_of_graph(version, weight):
    graph = layered_graph(NODES)
    graph.meta["version"] = version
    graph.nodes.append({"node_id": SENTINEL, "node_type": "VersionSentinel", "weight": weight})
    return graph


def have_diffs_of_all_kinds(server):
    for graph in (version_of_graph("v1", 1), version_of_graph("v2", 0)):
        assert submit(server, graph).code == grpc.StatusCode.OK
    assert submit(server, layered_graph(NODES), plan_only=True).code == grpc.StatusCode.OK
    nothing = types.SimpleNamespace(to_json=lambda: "{")
    assert submit(server, nothing).code == grpc.StatusCode.INVALID_ARGUMENT
    odd = layered_graph(1)
    odd.nodes[0]["node_id"] = "blake3:" + "0" * 64
    submit(server, odd)
    assert submit(server, layered_graph(3000), acknowledge=False).reason == "ack_timeout"

    async def acknowledge():
        async with Wire(server.target) as wire:
            await wire.diffs.AckChunk(pb2.ChunkAck(sentinel_id="nobody-sentinel"))

    asyncio.run(acknowledge())


def have_a_rollout_fail(server):
    ask(server, "StartRollout", pb2.StartRolloutRequest(sentinel_id=SENTINEL))
    seen(server, "rollout_alerts_total")


def have_a_reuse_refused(server):
    graph = layered_graph(NODES)
    assert submit(server, graph).code == grpc.StatusCode.OK
    assert submit(server, graph, "w2").reason == "cross_context"


def have_the_graph_move(server):
    statement(server, "CREATE FUNCTION public.take() RETURNS trigger LANGUAGE plpgsql AS"
                      " 'BEGIN RETURN NULL; END';"
                      "CREATE TRIGGER take BEFORE UPDATE ON weir_dagmanager.queue FOR EACH ROW"
                      " WHEN (OLD.state = 'intent' AND NEW.state = 'active')"
                      " EXECUTE FUNCTION public.take()")
    assert submit(server, layered_graph(1)).reason == "graph_contended"
    statement(server, "DROP TRIGGER take ON weir_dagmanager.queue")


def have_a_topic_lost(server):
    statement(server, "DELETE FROM weir_topics.topic_registry WHERE topic ="
                      " (SELECT min(topic) FROM weir_dagmanager.queue WHERE state = 'active')")
    seen(server, "reconciler_mends_total")
    seen(server, "alerts_sent_total")


def have_a_pass_fail(server):
    statement(server, "ALTER TABLE weir_dagmanager.rollout RENAME TO rollout_away")
    seen(server, "loop_failures_total")
    statement(server, "ALTER TABLE weir_dagmanager.rollout_away RENAME TO rollout")


def families(text):
    """Name to type, label names, and help text."""
    helps = dict(re.findall(r"^# HELP (\w+) (.*)$", text, re.MULTILINE))
    types_ = dict(re.findall(r"^# TYPE (\w+) (\w+)$", text, re.MULTILINE))
    found = {}
    for name, kind in types_.items():
        ending = "(?:_bucket|_sum|_count)?" if kind == "histogram" else ""
        labels = set()
        for inside in re.findall(rf"^{name}{ending}\{{(.*)\}} \S+$", text, re.MULTILINE):
            labels |= set(re.findall(r'(\w+)="(?:[^"\\]|\\.)*"', inside))
        found[name] = (kind, ", ".join(sorted(labels)) or "–", helps[name])
    return found


def test_the_page_has_each_metric_and_no_other(start_server, prometheus, nobody, tmp_path):
    key = tmp_path / "key"
    key.write_text("key\n")
    key.chmod(0o600)
    server = start_server(
        "postgres", {"telemetry": {"otel_exporter_endpoint": nobody}},
        ack_timeout_seconds=1, reconciler_interval_seconds=1, cross_context_policy="block",
        enable_topic_namespace=False, alerts={"pagerduty": {"url": nobody, "token_file": str(key)}},
        canary={"interval_seconds": 0.2, "prometheus_url": prometheus})
    have_diffs_of_all_kinds(server)
    have_a_rollout_fail(server)
    have_a_reuse_refused(server)
    have_the_graph_move(server)
    have_a_topic_lost(server)
    have_a_pass_fail(server)
    for loop in ("gc", "health", "reconciler", "canary"):
        wait_until(lambda: f'loop_pass_seconds{{loop="{loop}"}}' in figures(server))
    shown = families(server.get("/metrics")[1].decode())
    page = {name: (kind, labels, meaning)
            for name, kind, labels, _, meaning in ROW.findall(PAGE.read_text())
            if name not in OF_BROKERS}
    assert page == shown
    server.stop()


def test_the_page_names_every_unit():
    rows = ROW.findall(PAGE.read_text())
    assert [row[0] for row in rows] == sorted({row[0] for row in rows})
    for name, _, _, unit, _ in rows:
        assert unit in UNITS, name
        for ending, wanted in (("_seconds", "seconds"), ("_bytes", "bytes"),
                               ("_timestamp", "Unix seconds"), ("_total", "1"),
                               ("_ms", "milliseconds"), ("_ms_p95", "milliseconds")):
            assert not name.endswith(ending) or unit == wanted, name
