# SPDX-License-Identifier: Apache-2.0
"""Control events on three real brokers (contract section 1.4), as a client that is not ours reads
them."""

import json
import uuid

import pytest

from bus_reader import ARRIVED_SECONDS_MAX, assert_all_arrived, read_all, unsent
from event_reader import EventReader
from kill_rounds import kill_while_each_goes_in
from test_kill import submit
from test_kill_events import committed_events, graphs_of_one_tag, submit_all
from test_kill_loops import wait_until
from test_topics import Paused, brokers, status, topics  # noqa: F401

GRAPHS = 6
KILLS = 100


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
    dsn = server.settings["graph_dsn"]
    for _ in kill_while_each_goes_in(server, graphs_of_one_tag(KILLS, nodes=2)):
        pass
    assert_all_arrived(brokers, queue_topic, dsn)
    server.stop()
