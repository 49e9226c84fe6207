# SPDX-License-Identifier: Apache-2.0
"""Cross-context hits by call and command; kill -9 at the points of a record and of its clearing
(contract section 3.21): whoever was told of a refusal finds it on record."""

import asyncio
import json
import subprocess

import grpc
import pytest

from graphs import layered_graph
from test_kill import KILLED, query
from weir_server import binary
from wire import Wire

NODES = 3
SENTINEL = "killed-sentinel"


def command(server, *words):
    return subprocess.run(
        [binary(), "-o", "json", "dagmanager", *words, "--target", server.target],
        capture_output=True, text=True, timeout=60, check=False)


def hits(server, *words):
    done = command(server, "cross-context", "list", *words)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def acknowledge(server, hit, note="caches flushed"):
    return command(server, "cross-context", "ack", hit["hit_id"], "--note", note)


def set_weight(server, value):
    return command(server, "weight", "--sentinel", SENTINEL, "--set", str(value))


def submit(server, graph, world):
    async def ask():
        async with Wire(server.target) as wire:
            return await wire.diff(strategy_id="killed", dag_json=graph.to_json(), world_id=world,
                                   execution_domain="live")

    return asyncio.run(ask())


def start_blocking(start_server, store):
    """One namespace for all worlds, and nothing shared between them."""
    return start_server(store, cross_context_policy="block", enable_topic_namespace=False)


def deployed_graph(server):
    graph = layered_graph(NODES)
    graph.nodes.append({"node_id": SENTINEL, "node_type": "VersionSentinel"})
    outcome = submit(server, graph, "w1")
    assert outcome.code == grpc.StatusCode.OK, outcome.details
    return graph


@pytest.mark.parametrize("store", ("memory", "postgres"))
def test_a_refused_reuse_halts_every_rise_until_it_is_cleared(start_server, store):
    server = start_blocking(start_server, store)
    graph = deployed_graph(server)
    assert hits(server) == []
    assert set_weight(server, 0.5).returncode == 0
    for _ in range(2):
        outcome = submit(server, graph, "w2")
        assert outcome.code == grpc.StatusCode.FAILED_PRECONDITION
        assert outcome.details.startswith("cross_context:")
    found = hits(server, "--state", "open")
    assert len(found) == NODES
    assert {hit["seen"] for hit in found} == {2}
    assert {hit["node_id"] for hit in found} == {node["node_id"] for node in graph.nodes[:NODES]}
    assert "world=w2" in found[0]["wanted_context"]
    assert "world=w1" in found[0]["existing_context"]
    assert f"cross_context_hits_open {NODES}" in server.get("/metrics")[1].decode()
    refused = set_weight(server, 0.6)
    assert refused.returncode == 1
    assert " cross_context_hit_open: " in refused.stderr
    assert set_weight(server, 0.4).returncode == 0  # weights may fall
    graph.nodes[-1]["weight"] = 0.9
    outcome = submit(server, graph, "w1")
    assert outcome.code == grpc.StatusCode.OK
    assert any("cross_context_hit_open" in text
               for chunk in outcome.chunks for text in chunk.warnings)
    for hit in found:
        assert set_weight(server, 0.6).returncode == 1
        cleared = acknowledge(server, hit)
        assert cleared.returncode == 0, cleared.stderr
        assert json.loads(cleared.stdout)["state"] == "acked"
    assert set_weight(server, 0.6).returncode == 0
    assert "cross_context_hits_open 0" in server.get("/metrics")[1].decode()
    assert submit(server, graph, "w2").code == grpc.StatusCode.FAILED_PRECONDITION
    assert len(hits(server, "--state", "open")) == NODES  # what is not mended is found anew
    assert set_weight(server, 0.7).returncode == 1
    server.stop()


def test_each_fault_of_clearing_has_its_word(start_server):
    server = start_blocking(start_server, "memory")
    graph = deployed_graph(server)
    submit(server, graph, "w2")
    [hit, *_] = hits(server)
    for done, word in ((acknowledge(server, hit, " "), "note_missing"),
                       (acknowledge(server, {"hit_id": "nothing"}), "unknown_hit")):
        assert done.returncode == 1
        assert f" {word}: " in done.stderr
    assert command(server, "cross-context", "ack", hit["hit_id"]).returncode == 2
    assert hits(server, "--state", "acked") == []
    server.stop()


@pytest.mark.parametrize("passing", (1, 2, 3))
@pytest.mark.parametrize("label", ("hit.before_commit", "hit.after_commit"))
def test_a_kill_leaves_a_hit_on_record_or_nobody_told(start_server, monkeypatch, label, passing):
    monkeypatch.setenv("WEIR_CRASH_AT", f"{label}:{passing}")
    server = start_blocking(start_server, "postgres")
    dsn = server.settings["graph_dsn"]
    graph = deployed_graph(server)
    told = 0
    for _ in range(passing):
        outcome = submit(server, graph, "w2")
        told += outcome.code == grpc.StatusCode.FAILED_PRECONDITION
    assert server.process.wait(10) == KILLED
    monkeypatch.delenv("WEIR_CRASH_AT")
    recorded = passing if label == "hit.after_commit" else passing - 1
    assert told == passing - 1
    expected = [[str(recorded)]] if recorded else []
    rows = query(dsn, "SELECT DISTINCT seen FROM weir_dagmanager.cross_context_hit")
    assert rows == expected
    server.start()
    assert submit(server, graph, "w2").code == grpc.StatusCode.FAILED_PRECONDITION
    assert {hit["seen"] for hit in hits(server)} == {recorded + 1}
    server.stop()


@pytest.mark.parametrize("passing", (1, 2, 3))
@pytest.mark.parametrize("label", ("hit_ack.before_commit", "hit_ack.after_commit"))
def test_a_kill_leaves_a_hit_cleared_with_its_audit_row_or_open(
        start_server, monkeypatch, label, passing):
    monkeypatch.setenv("WEIR_CRASH_AT", f"{label}:{passing}")
    server = start_blocking(start_server, "postgres")
    dsn = server.settings["graph_dsn"]
    graph = deployed_graph(server)
    submit(server, graph, "w2")
    found = hits(server)
    for hit in found[:passing]:
        acknowledge(server, hit)
    assert server.process.wait(10) == KILLED
    monkeypatch.delenv("WEIR_CRASH_AT")
    cleared = passing if label == "hit_ack.after_commit" else passing - 1
    count = "SELECT count(*) FROM weir_dagmanager.audit WHERE action = 'ack_cross_context'"
    assert query(dsn, count) == [[str(cleared)]]
    server.start()
    assert len(hits(server, "--state", "acked")) == cleared
    for hit in found:
        assert acknowledge(server, hit).returncode == 0  # some of them again
    assert query(dsn, count) == [[str(NODES)]]
    assert hits(server, "--state", "open") == []
    server.stop()
