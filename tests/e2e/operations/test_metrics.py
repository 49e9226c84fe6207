# SPDX-License-Identifier: Apache-2.0
"""Each metric moves when what it counts happens (contract section 1.6)."""

import asyncio
import contextlib
import http.client
import json
import re
import socket
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


def psql(server, *words, **more):
    command = ["psql", "--no-psqlrc", "-qAt", "--dbname", server.settings["graph_dsn"], *words]
    return subprocess.Popen(command, text=True, cwd="/", stdin=subprocess.PIPE,
                            stdout=subprocess.PIPE, **more)


def statement(server, sql):
    with psql(server, "--set", "ON_ERROR_STOP=1", "--command", sql) as session:
        assert session.wait(SECONDS_MAX) == 0


@contextlib.contextmanager
def holding(server, lock):
    """Whoever wants what `lock` locks waits."""
    with psql(server) as session:
        session.stdin.write(f"BEGIN; {lock}; SELECT 'locked';\n")
        session.stdin.flush()
        while session.stdout.readline() != "locked\n":
            assert session.poll() is None
        yield
        session.stdin.close()


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
    wait_until(lambda: rise(before, figures(server), "diff_stream_ms_count") == 1)  # ends last
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


def test_diffs_that_run_and_that_wait_are_shown(start_server):
    server = start_server("postgres", diff_concurrency=1)
    callers = [threading.Thread(target=submit, args=(server, layered_graph(NODES)))
               for _ in range(3)]
    with holding(server, "LOCK TABLE weir_topics.topic_registry"):
        for caller in callers:
            caller.start()
        wait_until(lambda: figures(server)["diffs_running"] == 1
                   and figures(server)["diffs_waiting"] == 2)
    for caller in callers:
        caller.join()
    assert figures(server)["diffs_running"] == figures(server)["diffs_waiting"] == 0
    server.stop()


def test_events_that_are_not_told_yet_are_shown(start_server):
    server = start_server("postgres")
    graph = layered_graph(NODES)
    graph.nodes.append({"node_id": SENTINEL, "node_type": "VersionSentinel", "weight": 0.5})
    with holding(server, "SELECT 1 FROM weir_dagmanager.event_head FOR UPDATE"):
        assert submit(server, graph).code == grpc.StatusCode.OK
        wait_until(lambda: figures(server)["outbox_pending"] >= 1
                   and figures(server)["outbox_oldest_seconds"] > 0)
    wait_until(lambda: figures(server)["outbox_pending"] == 0)
    server.stop()


def test_a_rollout_is_shown_until_it_ends(start_server):
    server = start_server("memory")
    for version, weight in (("v1", 1), ("v2", 0)):
        graph = layered_graph(NODES)
        graph.meta["version"] = version
        sentinel = {"node_id": SENTINEL, "node_type": "VersionSentinel", "weight": weight}
        graph.nodes.append(sentinel)
        assert submit(server, graph).code == grpc.StatusCode.OK
    assert figures(server)["rollouts_active"] == 0

    async def start_and_abort():
        async with Wire(server.target) as wire:
            started = await wire.admin.StartRollout(pb2.StartRolloutRequest(sentinel_id=SENTINEL))
            assert figures(server)["rollouts_active"] == 1
            await wire.admin.ChangeRollout(
                pb2.ChangeRolloutRequest(rollout_id=started.rollout_id, action="abort"))

    asyncio.run(start_and_abort())
    assert figures(server)["rollouts_active"] == 0
    server.stop()


def test_what_the_reconciler_finds_and_mends_is_shown(start_server):
    # A pass is far enough from the next one for what it found to be read.
    server = start_server("postgres", reconciler_interval_seconds=5)
    assert submit(server, layered_graph(NODES)).code == grpc.StatusCode.OK
    wait_until(lambda: figures(server).get("sentinel_gap_count") == 0)
    assert figures(server)["topics_unowned"] == 0
    statement(server, "UPDATE weir_dagmanager.deploy SET sentinel_due = true;"
                      "INSERT INTO weir_topics.topic_registry SELECT decode(md5(t), 'hex'), t,"
                      " 1, 1, 1, '' FROM unnest(ARRAY['btc_Indicator_0123456789_v1']) t")
    wait_until(lambda: figures(server).get("sentinel_gap_count") == 1)
    wait_until(lambda: figures(server).get("topics_unowned") == 1)
    assert figures(server)['reconciler_mends_total{kind="sentinel"}'] == 1
    wait_until(lambda: figures(server).get("sentinel_gap_count") == 0)
    server.stop()


def test_a_notice_that_nobody_takes_is_counted_as_such(start_server, tmp_path):
    key = tmp_path / "key"
    key.write_text("key\n")
    key.chmod(0o600)
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{nobody.getsockname()[1]}/"
        server = start_server(
            "postgres", alerts={"pagerduty": {"url": url, "token_file": str(key)}})
        statement(server, "INSERT INTO weir_dagmanager.alert_condition VALUES"
                          " ('TopicRecreated', 'raw.eod', 'it was gone', 'raw.eod', '', now(),"
                          " now() + interval '1 hour')")
        series = 'alerts_sent_total{result="error",target="pagerduty"}'
        wait_until(lambda: figures(server).get(series, 0) >= 1)
        assert 'alerts_sent_total{result="ok",target="pagerduty"}' not in figures(server)
        server.stop()
