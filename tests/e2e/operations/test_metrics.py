# SPDX-License-Identifier: Apache-2.0
"""Each metric moves when what it counts happens (contract section 1.6)."""

import asyncio
import http.client
import json
import re
import subprocess
import threading
import time
import types

import grpc
import pytest

from graphs import layered_graph
from private_postgres import PrivatePostgres
from stubs import pb2
from weir_server import binary
from wire import Wire

NODES = 7
SENTINEL = "s-sentinel"
SECONDS_MAX = 30


def figures(server):
    """Series to value, as /metrics has them."""
    code, body = server.get("/metrics")
    assert code == 200
    found = {}
    for line in body.decode().splitlines():
        if not line.startswith("#"):
            series, value = line.rsplit(" ", 1)
            found[series] = float(value)
    return found


def rise(before, after, series):
    return after.get(series, 0) - before.get(series, 0)


def submit(server, graph, world="w1", acknowledge=True, **fields):
    async def ask():
        async with Wire(server.target) as wire:
            return await wire.diff(
                acknowledge=acknowledge, strategy_id="s", dag_json=graph.to_json(),
                world_id=world, execution_domain="live", **fields,
            )

    return asyncio.run(ask())


def wait_until(condition):
    deadline = time.monotonic() + SECONDS_MAX
    pause = threading.Event()
    while not condition():
        assert time.monotonic() < deadline, "it did not come about"
        pause.wait(0.05)


@pytest.fixture(scope="module")
def server(start_server):
    started = start_server("memory", ack_timeout_seconds=1)
    yield started
    started.stop()


def test_a_diff_moves_what_is_counted_of_diffs_and_of_the_graph(server):
    before = figures(server)
    assert submit(server, layered_graph(NODES)).code == grpc.StatusCode.OK
    after = figures(server)
    assert rise(before, after, "diff_requests_total") == 1
    assert rise(before, after, "diff_duration_ms_count") == 1
    assert rise(before, after, 'diff_duration_ms_bucket{le="+Inf"}') == 1
    assert after["diff_duration_ms_p95"] > 0
    assert rise(before, after, 'queue_create_total{result="ok"}') == NODES
    assert rise(before, after, "compute_nodes_total") == NODES
    assert rise(before, after, "queues_total") == NODES
    assert rise(before, after, "graph_epoch") >= 1
    resident = 'nodecache_resident_bytes{node_id="all",scope="total"}'
    assert rise(before, after, resident) > 0
    nodes = [one for one in after if one.startswith("nodecache_resident_bytes{node_id=\"blake3:")]
    assert len(nodes) == min(100, after["compute_nodes_total"])
    assert after["diffs_running"] == after["diffs_waiting"] == 0
    assert after["outbox_oldest_seconds"] >= 0 and "outbox_pending" in after


def test_a_plan_is_counted_apart(server):
    before = figures(server)
    assert submit(server, layered_graph(NODES), plan_only=True).code == grpc.StatusCode.OK
    after = figures(server)
    assert rise(before, after, "diff_plan_total") == 1
    assert rise(before, after, "diff_requests_total") == 0
    assert rise(before, after, "queues_total") == 0


def test_a_refused_diff_is_a_failure_under_both_names(server):
    before = figures(server)
    nothing = types.SimpleNamespace(to_json=lambda: "{")
    assert submit(server, nothing).code == grpc.StatusCode.INVALID_ARGUMENT
    after = figures(server)
    assert rise(before, after, "diff_failures_total") == 1
    assert rise(before, after, "dagmanager_diff_failures_total") == 1


def test_a_node_whose_id_is_not_its_hash_is_a_finding(server):
    graph = layered_graph(1)
    graph.nodes[0]["node_id"] = "blake3:" + "0" * 64
    before = figures(server)
    submit(server, graph)
    after = figures(server)
    found = [one for one in after if one.startswith("identity_check_failures_total{")]
    assert sum(rise(before, after, one) for one in found) >= 1


def test_acknowledgements_that_fail_to_come_or_come_for_nothing(server):
    async def acknowledge():
        async with Wire(server.target) as wire:
            await wire.diffs.AckChunk(pb2.ChunkAck(sentinel_id="nobody-sentinel"))

    before = figures(server)
    asyncio.run(acknowledge())
    outcome = submit(server, layered_graph(3000), acknowledge=False)
    assert outcome.reason == "ack_timeout"
    after = figures(server)
    assert rise(before, after, "diff_ack_unknown_total") == 1
    assert rise(before, after, "diff_ack_timeout_total") == 1


def test_a_share_of_traffic_is_shown_under_its_version(server):
    graph = layered_graph(NODES)
    graph.nodes.append({"node_id": SENTINEL, "node_type": "VersionSentinel"})
    assert submit(server, graph, "w7").code == grpc.StatusCode.OK
    wanted = {"sentinel_id": SENTINEL, "world_id": "w7", "weight": 0.25}
    code, body = server.get("/admin/sentinel-weight", "POST", json.dumps(wanted).encode())
    assert code == 202, body
    version = json.loads(body)["version"]
    assert figures(server)[f'dagmanager_active_version_weight{{version="{version}"}}'] == 0.25


def test_a_reader_of_events_is_counted_while_it_reads(server):
    before = figures(server)["event_subscribers"]
    reader = http.client.HTTPConnection("127.0.0.1", server.http_port, timeout=10)
    reader.request("GET", "/v1/events/stream")
    assert reader.getresponse().status == 200
    wait_until(lambda: figures(server)["event_subscribers"] == before + 1)
    reader.close()
    wait_until(lambda: figures(server)["event_subscribers"] == before)


def test_a_loop_shows_when_it_ran(server):
    series = 'loop_last_run_timestamp{loop="health"}'
    wait_until(lambda: series in figures(server))
    first = figures(server)[series]
    assert abs(first - time.time()) < 60
    wait_until(lambda: figures(server)[series] > first)
    assert 0 < figures(server)['loop_pass_seconds{loop="health"}'] < 60
    assert abs(figures(server)["gc_last_run_timestamp"] - time.time()) < 120
    assert "orphan_queue_total" in figures(server)


def test_a_reuse_across_contexts_is_counted_and_open_until_it_is_cleared(start_server):
    server = start_server("memory", cross_context_policy="block", enable_topic_namespace=False)
    graph = layered_graph(NODES)
    assert submit(server, graph).code == grpc.StatusCode.OK
    assert figures(server)["cross_context_hits_open"] == 0
    assert submit(server, graph, "w2").reason == "cross_context"
    after = figures(server)
    for name in ("cross_context_cache_hit_total", "cross_context_cache_violation_total"):
        counted = {one: value for one, value in after.items() if one.startswith(name + "{")}
        assert sum(counted.values()) >= 1
        assert all('world_id="w2"' in one for one in counted)
    unset = [one for one in after if one.startswith("cross_context_cache_hit_total{")]
    assert all('as_of="__unset__"' in one and 'partition="__unset__"' in one for one in unset)
    assert after["cross_context_hits_open"] >= 1
    listed = subprocess.run(
        [binary(), "-o", "json", "dagmanager", "cross-context", "list", "--target", server.target],
        capture_output=True, text=True, timeout=60, check=True,
    )
    for line in listed.stdout.splitlines():
        hit = json.loads(line)["hit_id"]
        subprocess.run(
            [binary(), "dagmanager", "cross-context", "ack", hit, "--note", "flushed",
             "--target", server.target],
            capture_output=True, timeout=60, check=True,
        )
    assert figures(server)["cross_context_hits_open"] == 0
    server.stop()


def test_topics_that_cannot_be_made_are_counted(start_server):
    cluster = PrivatePostgres().start()
    try:
        server = start_server(graph_dsn="", topics_dsn=cluster.new_database())
        assert figures(server)['breaker_state{engine="broker"}'] == 0
        cluster.crash()
        assert submit(server, layered_graph(NODES)).reason == "broker_unavailable"
        after = figures(server)
        assert after["queue_create_error_total"] == NODES
        assert after["dagmanager_queue_create_error_total"] == NODES
        assert after['queue_create_total{result="error"}'] == NODES
        assert after['breaker_state{engine="broker"}'] > 0
        assert after['breaker_open_total{engine="broker"}'] >= 1
        assert after["kafka_breaker_open_total"] >= 1
        assert after["broker_controller_unreachable"] == 1
        server.stop()
    finally:
        cluster.stop()


def test_a_pass_of_a_loop_that_fails_is_counted(start_server):
    cluster = PrivatePostgres().start()
    try:
        dsn = cluster.new_database()
        # A pass is due before the rows of the loops are lost with the store.
        server = start_server(graph_dsn=dsn, topics_dsn=dsn, canary={"interval_seconds": 0.2})
        wait_until(lambda: 'loop_last_run_timestamp{loop="canary"}' in figures(server))
        cluster.crash()
        wait_until(lambda: any(
            re.match(r'loop_failures_total\{loop="\w+"\}', one) for one in figures(server)
        ))
        server.stop()
    finally:
        cluster.stop()
