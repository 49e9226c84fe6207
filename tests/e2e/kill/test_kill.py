# SPDX-License-Identifier: Apache-2.0
"""kill -9 at labelled points of a diff on PostgreSQL (contract section 3.2): whatever the moment, a
repeat gives the same queue map, nothing is doubled, and every topic is bound or named by an
intent."""

import asyncio
import subprocess

import grpc
import pytest

from graphs import layered_graph
from wire import Wire

KILLED = 137  # what a crash point ends with
NODES = 250  # three chunks
GRAPHS = 3  # so that every point is passed three times

# In the order in which a diff passes them.
LABELS = (
    "diff.begin",
    "diff.decided",
    "store.before_reserve",
    "store.after_reserve",
    "diff.reserved",
    "diff.before_create",
    "topics.before_create",
    "topics.after_create",
    "diff.after_create",
    "diff.provisioned",
    "diff.before_commit",
    "store.before_commit",
    "store.in_commit",
    "store.after_commit",
    "diff.committed",
    "stream.chunk",
)


def query(dsn, sql):
    """The rows of a query, as lists of texts."""
    command = ["psql", "--no-psqlrc", "-At", "-F", "\t", "--dbname", dsn, "--command", sql]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd="/")
    return [line.split("\t") for line in done.stdout.splitlines()]


def submit(server, graph, **fields):
    async def ask():
        async with Wire(server.target) as wire:
            return await wire.diff(
                strategy_id="killed", dag_json=graph.to_json(), world_id="w1",
                execution_domain="live", **fields,
            )

    return asyncio.run(ask())


def submit_until_dead(server, graphs):
    """Answers that came whole before the server died, by graph."""
    whole = {}
    for number, graph in enumerate(graphs):
        outcome = submit(server, graph)
        if outcome.code == grpc.StatusCode.OK:
            whole[number] = outcome.queue_map
        if server.process.poll() is not None:
            break
    return whole


def assert_nothing_doubled_or_orphaned(dsn, graphs):
    nodes = sum(len(graph.nodes) for graph in graphs)
    [[active, intents, bindings]] = query(
        dsn,
        "SELECT count(*) FILTER (WHERE state = 'active'), count(*) FILTER (WHERE state = 'intent'),"
        " count(DISTINCT binding_key) FROM weir_dagmanager.queue",
    )
    assert (int(active), int(intents), int(bindings)) == (nodes, 0, nodes)
    unowned = query(
        dsn,
        "SELECT topic FROM weir_topics.topic_registry"
        " WHERE topic NOT IN (SELECT topic FROM weir_dagmanager.queue)",
    )
    assert unowned == []
    missing = query(
        dsn,
        "SELECT topic FROM weir_dagmanager.queue WHERE state = 'active'"
        " AND topic NOT IN (SELECT topic FROM weir_topics.topic_registry)",
    )
    assert missing == []
    [[deploys]] = query(dsn, "SELECT count(*) FROM weir_dagmanager.deploy")
    assert int(deploys) == len(graphs)


def assert_every_topic_is_named(dsn):
    """Right after the kill: a topic that nothing binds yet is named by an intent."""
    assert query(
        dsn,
        "SELECT topic FROM weir_topics.topic_registry"
        " WHERE topic NOT IN (SELECT topic FROM weir_dagmanager.queue)",
    ) == []


@pytest.mark.parametrize("passing", (1, 2, 3))
@pytest.mark.parametrize("label", LABELS)
def test_a_repeat_after_a_kill_gives_the_same_map(start_server, monkeypatch, label, passing):
    graphs = [layered_graph(NODES) for _ in range(GRAPHS)]
    monkeypatch.setenv("WEIR_CRASH_AT", f"{label}:{passing}")
    server = start_server("postgres")
    dsn = server.settings["graph_dsn"]
    whole = submit_until_dead(server, graphs)
    assert server.process.wait(10) == KILLED, f"{label} was not passed {passing} times"
    assert_every_topic_is_named(dsn)
    monkeypatch.delenv("WEIR_CRASH_AT")
    server.start()
    first = [submit(server, graph) for graph in graphs]
    again = [submit(server, graph) for graph in graphs]
    for number, graph in enumerate(graphs):
        assert first[number].code == grpc.StatusCode.OK, first[number].details
        assert len(first[number].queue_map) == len(graph.nodes)
        assert again[number].queue_map == first[number].queue_map
        assert whole.get(number, first[number].queue_map) == first[number].queue_map
    assert_nothing_doubled_or_orphaned(dsn, graphs)
    server.stop()
