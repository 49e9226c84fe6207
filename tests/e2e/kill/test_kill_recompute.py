# SPDX-License-Identifier: Apache-2.0
"""The end of buffering (contract section 3.13) in the built server, and kill -9 at its labelled
points on both stores: whatever the moment, each queue is ordered once, whole."""

import grpc
import pytest

from event_reader import EventReader
from graphs import layered_graph
from test_kill import query, submit
from test_kill_loops import loops, start_to_die, wait_until

NODES = 7
ROUNDS = 3
PASSED_WITHIN = 30


def follow(server, graph, schema):
    """The graph again, its nodes of another schema of the same major version."""
    for node in graph.nodes:
        node["schema_hash"] = schema
    outcome = submit(server, graph)
    assert outcome.code == grpc.StatusCode.OK, outcome.details
    return outcome


def orders(server, count):
    reader = EventReader(server)
    reader.read(lambda seen: len(recomputes(seen)) >= count)
    return recomputes(reader)


def recomputes(reader):
    return [event["data"] for event in reader.envelopes() if event["type"] == "queue_lifecycle"]


def free_loops(server):
    """As if the holder were long gone; a memory store's rows ended with it."""
    if "graph_dsn" in server.settings:
        query(server.settings["graph_dsn"], "UPDATE weir_dagmanager.loop_lease SET until = now()")


def has_run(server):
    return loops(server).get("recompute", {}).get("last_run") is not None


@pytest.mark.parametrize("label", ("recompute.before_commit", "recompute.after_commit"))
@pytest.mark.parametrize("store", ("memory", "postgres"))
def test_a_kill_orders_every_queue_once(start_server, monkeypatch, store, label):
    server = start_server(store, delay_days=0)
    wait_until(lambda: has_run(server), PASSED_WITHIN)
    graph = layered_graph(NODES)
    assert not follow(server, graph, "s0").buffer_ids
    topics = set(submit(server, graph).queue_map.values())
    for number in range(1, ROUNDS + 1):
        assert len(follow(server, graph, f"s{number}").buffer_ids) == NODES
        server.stop()
        free_loops(server)
        monkeypatch.setenv("WEIR_CRASH_AT", f"{label}:1")
        start_to_die(server)
        monkeypatch.delenv("WEIR_CRASH_AT")
        free_loops(server)
        server.start()
        wait_until(lambda: has_run(server), PASSED_WITHIN)
        told = orders(server, number * NODES)
        assert len(told) == number * NODES, "each once a round"
        assert {order["queue"] for order in told} == topics
        assert {order["action"] for order in told} == {"recompute"}
        assert {int(order["etag"].rsplit(":", 1)[1]) for order in told} == set(range(1, number + 1))
        assert not follow(server, graph, f"s{number}").buffer_ids, "that schema is stored"
    if store == "postgres":
        dsn = server.settings["graph_dsn"]
        assert query(dsn, "SELECT DISTINCT schema_hash, pending_schema_hash, recompute_due,"
                          " buffering_since IS NULL FROM weir_dagmanager.queue") == [
            [f"s{ROUNDS}", "", "t", "t"]]
    metrics = server.get("/metrics")[1].decode()
    assert 'loop_last_run_timestamp{loop="recompute"} ' in metrics
    server.stop()


@pytest.mark.parametrize("store", ("memory", "postgres"))
def test_what_is_not_due_buffers_on_and_a_plan_says_what_is(start_server, store):
    server = start_server(store)  # seven days
    graph = layered_graph(NODES)
    follow(server, graph, "s0")
    assert len(follow(server, graph, "s1").buffer_ids) == NODES
    server.stop()
    free_loops(server)
    server.start()
    wait_until(lambda: has_run(server), PASSED_WITHIN)
    assert len(follow(server, graph, "s1").buffer_ids) == NODES, "still"
    server.stop()
    server.settings["delay_days"] = 0
    free_loops(server)
    server.start()
    wait_until(lambda: has_run(server), PASSED_WITHIN)
    assert len(orders(server, NODES)) == NODES
    planned = submit(server, graph, plan_only=True)
    assert planned.code == grpc.StatusCode.OK, planned.details
    assert {one.decision for one in planned.decisions.values()} == {"reuse"}
    for one in planned.decisions.values():
        assert "to be computed in full" in one.reason
    server.stop()
