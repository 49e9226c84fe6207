# SPDX-License-Identifier: Apache-2.0
"""Control events on three real brokers (contract section 1.4), as a client that is not ours reads
them."""

import json
import signal
import subprocess
import threading
import uuid

import grpc
import pytest

from event_reader import EventReader
from test_kill import query, submit
from test_kill_events import committed_events, graphs_of_one_tag, submit_all
from test_kill_loops import wait_until
from test_topics import Paused, brokers, status, topics  # noqa: F401

GRAPHS = 6
KILLS = 100
LATEST_KILL_SECONDS = 0.1
ARRIVED_SECONDS_MAX = 60


@pytest.fixture
def queue_topic():
    return f"queue-{uuid.uuid4()}"


@pytest.fixture
def server(start_server, postgres, brokers, queue_topic):  # noqa: F811
    return start_server(
        "postgres",
        graph_dsn=postgres.new_database(),
        controlbus_dsn=f"kafka://{brokers}",
        controlbus_queue_topic=queue_topic,
    )


def read_all(brokers, topic):  # noqa: F811
    """Keys and values of a topic, in the order of each partition."""
    done = subprocess.run(
        ["kcat", "-b", brokers, "-C", "-t", topic, "-o", "beginning", "-e", "-q", "-f", "%k\t%s\n"],
        capture_output=True, text=True, check=True, timeout=60,
    )
    return [tuple(line.split("\t", 1)) for line in done.stdout.splitlines()]


def unsent(dsn):
    [[count]] = query(
        dsn, "SELECT count(*) FROM weir_dagmanager.outbox WHERE acknowledged_at IS NULL")
    return int(count)


def assert_all_arrived(brokers, topic, dsn):  # noqa: F811
    """Each at least once, and seen first in the order of its key."""
    wait_until(lambda: unsent(dsn) == 0, ARRIVED_SECONDS_MAX)
    first = {}
    for key, value in read_all(brokers, topic):
        seen = first.setdefault(key, {})
        envelope = json.loads(value)
        assert seen.setdefault(envelope["id"], value) == value, "the same bytes under the same id"
    for seen in first.values():
        revisions = [int(json.loads(value)["data"]["etag"].rsplit(":", 1)[1])
                     for value in seen.values()]
        assert revisions == list(range(1, len(revisions) + 1))
    assert {identity for seen in first.values() for identity in seen} == set(committed_events(dsn))


def test_what_the_event_stream_tells_arrives_byte_for_byte(
        server, brokers, queue_topic):  # noqa: F811
    dsn = server.settings["graph_dsn"]
    submit_all(server, graphs_of_one_tag(GRAPHS))
    assert_all_arrived(brokers, queue_topic, dsn)
    reader = EventReader(server)
    reader.read(lambda self: self.last >= len(committed_events(dsn)))
    told = [data for _, data in sorted(reader.events.items())]
    arrived = [value for _, value in read_all(brokers, queue_topic)]
    assert sorted(arrived) == sorted(told)
    assert topics(brokers)[queue_topic] == (3, 3)
    for key, value in read_all(brokers, queue_topic):
        data = json.loads(value)["data"]
        assert key == f"{','.join(sorted(data['tags']))}:{data['interval']}"
    assert status(server)["engines"]["bus"] == "closed"
    server.stop()


def test_a_bus_that_is_down_fails_no_diff_and_gets_all_when_it_is_back(
        server, brokers, queue_topic):  # noqa: F811
    dsn = server.settings["graph_dsn"]
    graphs = graphs_of_one_tag(2 * GRAPHS)
    submit_all(server, graphs[:GRAPHS])
    wait_until(lambda: unsent(dsn) == 0, ARRIVED_SECONDS_MAX)
    with Paused():
        submit_all(server, graphs[GRAPHS:])
        wait_until(lambda: status(server)["engines"]["bus"] == "open", ARRIVED_SECONDS_MAX)
        assert unsent(dsn) >= GRAPHS
        shown = server.get("/metrics")[1]
        text = shown.decode() if isinstance(shown, bytes) else shown
        [pending] = [line for line in text.splitlines() if line.startswith("outbox_pending ")]
        assert float(pending.split()[1]) >= GRAPHS
    assert_all_arrived(brokers, queue_topic, dsn)
    wait_until(lambda: status(server)["engines"]["bus"] == "closed", ARRIVED_SECONDS_MAX)
    server.stop()


@pytest.mark.parametrize("label", ("events.after_send", "events.before_acknowledge",
                                   "events.after_acknowledge"))
def test_a_kill_of_who_sends_loses_nothing(
        start_server, postgres, brokers, queue_topic, monkeypatch, label):  # noqa: F811
    graphs = graphs_of_one_tag(GRAPHS)
    monkeypatch.setenv("WEIR_CRASH_AT", f"{label}:1")
    server = start_server("postgres", graph_dsn=postgres.new_database(),
                          controlbus_dsn=f"kafka://{brokers}", controlbus_queue_topic=queue_topic)
    dsn = server.settings["graph_dsn"]
    for graph in graphs:
        submit(server, graph)
        if server.process.poll() is not None:
            break
    server.process.wait(30)
    monkeypatch.delenv("WEIR_CRASH_AT")
    server.start()
    submit_all(server, graphs)
    assert_all_arrived(brokers, queue_topic, dsn)
    server.stop()


def test_a_hundred_kills_of_who_sends_lose_no_revision(server, brokers, queue_topic):  # noqa: F811
    """Killed while a graph goes in, at a moment that moves on from kill to kill."""
    dsn = server.settings["graph_dsn"]
    pause = threading.Event()
    for kill, graph in enumerate(graphs_of_one_tag(KILLS, nodes=2)):
        submitting = threading.Thread(target=submit, args=(server, graph))
        submitting.start()
        pause.wait(kill * LATEST_KILL_SECONDS / KILLS)
        server.process.send_signal(signal.SIGKILL)
        server.process.wait(10)
        submitting.join(60)
        server.start()
        assert submit(server, graph).code == grpc.StatusCode.OK
    assert_all_arrived(brokers, queue_topic, dsn)
    server.stop()
