# SPDX-License-Identifier: Apache-2.0
"""Engines that go and come back (contract sections 3.14, 3.15): what is answered and what refused
meanwhile, who is told, and that nobody has to restart anything."""

import asyncio
import http.server
import json
import re
import threading
import time

import grpc
import pytest

from graphs import layered_graph
from private_postgres import PrivatePostgres
from stubs import pb2, pb2_grpc
from test_kill import query, submit
from test_kill_loops import wait_until
from wire import Wire, reason_of

NODES = 7
# The longest wait before a probe, and time to be answered.
HEALED_SECONDS_MAX = 30
TOLD_SECONDS_MAX = 30
# The condition ends 30 s after it was seen last, and one subject has one notice a minute.
RESOLVED_SECONDS_MAX = 120


class Receiver:
    """A target of alerts that remembers the bodies it took."""

    def __init__(self):
        bodies = self.bodies = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                bodies.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(202)
                self.end_headers()

            def log_message(self, *_):
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/v2/enqueue"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self):
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def receiver():
    made = Receiver()
    yield made
    made.close()


@pytest.fixture
def own_cluster():
    """A PostgreSQL that may be killed."""
    cluster = PrivatePostgres()
    if cluster._dsn:
        pytest.skip("WEIR_TEST_DSN names a server that is not ours to kill")
    yield cluster.start()
    cluster.stop()


@pytest.fixture
def key_file(tmp_path):
    path = tmp_path / "pagerduty.key"
    path.write_text("routing-key\n")
    path.chmod(0o600)
    return path


def status(server):
    code, body = server.get("/status")
    assert code == 200
    return json.loads(body)


def ask(server, call):
    async def asking():
        async with Wire(server.target) as wire:
            try:
                return await call(wire)
            except grpc.aio.AioRpcError as fault:
                return reason_of(fault)

    return asyncio.run(asking())


class Load:
    """Submits one graph again and again, until it is stopped; `codes` is what came of it."""

    def __init__(self, server, graph):
        self.codes = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(server, graph))
        self._thread.start()

    def _run(self, server, graph):
        request = pb2.DiffRequest(
            strategy_id="load", dag_json=graph.to_json(), world_id="w1", execution_domain="live",
        )
        with grpc.insecure_channel(server.target) as channel:
            diffs = pb2_grpc.DiffServiceStub(channel)
            while not self._stop.is_set():
                try:
                    for chunk in diffs.Diff(request):
                        diffs.AckChunk(pb2.ChunkAck(sentinel_id=chunk.sentinel_id))
                    self.codes.append(("OK", ""))
                except grpc.RpcError as fault:
                    self.codes.append((fault.code().name, reason_of(fault)))

    def stop(self):
        self._stop.set()
        self._thread.join()


def test_the_graph_store_is_killed_and_healed_under_load(
    start_server, own_cluster, receiver, key_file
):
    dsn = own_cluster.new_database()
    server = start_server(
        graph_dsn=dsn,
        topics_dsn=dsn,
        alerts={"pagerduty": {"url": receiver.url, "token_file": str(key_file)}},
    )
    graph = layered_graph(NODES)
    assert submit(server, graph).code == grpc.StatusCode.OK
    assert status(server)["engines"] == {
        "graph": "closed", "broker": "closed", "alert_pagerduty": "closed",
    }
    loads = [Load(server, layered_graph(NODES)) for _ in range(4)]
    try:
        own_cluster.crash()
        wait_until(lambda: status(server)["engines"]["graph"] != "closed", TOLD_SECONDS_MAX)
        assert status(server)["neo4j"] == "error"
        assert status(server)["status"] == "degraded"
        assert server.get("/readyz")[0] == 503
        assert server.get("/healthz")[0] == 200
        assert ask(server, lambda wire: wire.health.Status(pb2.StatusRequest())).neo4j == "error"
        code, body = server.get("/metrics")
        assert code == 200
        assert "graph_leader_unreachable 1" in body.decode()
        assert re.search(r'breaker_open_total{engine="graph"} [1-9]', body.decode())
        begun = time.monotonic()
        refused = submit(server, graph)
        assert (refused.code, refused.reason) == (
            grpc.StatusCode.UNAVAILABLE, "graph_unavailable",
        )
        assert time.monotonic() - begun < 2, "it is refused at once"
        assert ask(server, lambda wire: wire.tags.GetQueues(pb2.TagQueryRequest(
            tags=["a"], interval=60))) == "graph_unavailable"
        wait_until(lambda: receiver.bodies, TOLD_SECONDS_MAX)
    finally:
        own_cluster.revive()
        healed = False
        try:
            wait_until(lambda: server.get("/readyz")[0] == 200, HEALED_SECONDS_MAX)
            wait_until(
                lambda: submit(server, layered_graph(NODES)).code == grpc.StatusCode.OK,
                HEALED_SECONDS_MAX,
            )
            healed = True
        finally:
            for load in loads:
                load.stop()
    assert healed and server.alive
    assert status(server)["engines"]["graph"] == "closed"
    assert "graph_leader_unreachable 0" in server.get("/metrics")[1].decode()
    for load in loads:
        assert load.codes[-1] == ("OK", "")
        assert {code for code, _ in load.codes} <= {"OK", "UNAVAILABLE"}
    trigger = receiver.bodies[0]
    assert trigger["routing_key"] == "routing-key"
    assert (trigger["event_action"], trigger["dedup_key"]) == (
        "trigger", "weir:GraphLeaderDown:graph",
    )
    runbook = trigger["payload"]["custom_details"]["runbook"]
    assert runbook == "docs/operations/runbooks/GraphLeaderDown.md"
    wait_until(lambda: len(receiver.bodies) == 2, RESOLVED_SECONDS_MAX)
    assert receiver.bodies[1]["event_action"] == "resolve"
    assert 'alerts_sent_total{result="ok",target="pagerduty"} 2' in (
        server.get("/metrics")[1].decode()
    )
    assert server.stop() == 0


def test_without_the_topic_engine_known_graphs_are_answered_and_nothing_new_is_written(
    start_server, own_cluster, postgres, receiver
):
    graph_dsn = postgres.new_database()
    server = start_server(
        graph_dsn=graph_dsn,
        topics_dsn=own_cluster.new_database(),
        alerts={"slack": {"url": receiver.url}},
    )
    known = layered_graph(NODES)
    first = submit(server, known)
    assert first.code == grpc.StatusCode.OK
    own_cluster.crash()
    try:
        wait_until(
            lambda: submit(server, layered_graph(NODES)).reason == "broker_unavailable"
            and status(server)["engines"]["broker"] == "open",
            TOLD_SECONDS_MAX,
        )
        assert server.get("/readyz")[0] == 200
        [rows] = query(graph_dsn, "SELECT count(*) FROM weir_dagmanager.queue")
        refused = submit(server, layered_graph(NODES))
        assert (refused.code, refused.reason) == (
            grpc.StatusCode.UNAVAILABLE, "broker_unavailable",
        )
        assert query(graph_dsn, "SELECT count(*) FROM weir_dagmanager.queue") == [rows]
        assert submit(server, known).queue_map == first.queue_map
        assert ask(
            server, lambda wire: wire.admin.GetQueueStats(pb2.QueueStatsRequest(filter=""))
        ) == "broker_unavailable"
        assert "broker_controller_unreachable 1" in server.get("/metrics")[1].decode()
        wait_until(lambda: receiver.bodies, TOLD_SECONDS_MAX)
        assert receiver.bodies[0]["text"].startswith("Kafka session lost: broker")
    finally:
        own_cluster.revive()
    wait_until(lambda: status(server)["engines"]["broker"] == "closed", HEALED_SECONDS_MAX)
    assert submit(server, layered_graph(NODES)).code == grpc.StatusCode.OK
    wait_until(lambda: len(receiver.bodies) == 2, RESOLVED_SECONDS_MAX)
    assert receiver.bodies[1]["text"].startswith("Resolved: Kafka session lost")
    [told] = query(
        graph_dsn,
        "SELECT count(*) FROM weir_dagmanager.alert_notice WHERE state = 'sent'",
    )
    assert told == ["2"]
    assert server.stop() == 0
