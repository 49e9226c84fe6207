# SPDX-License-Identifier: Apache-2.0
"""Queues that nobody writes to any more, on three real brokers (contract section 3.14): the sets
that are told leave them out until they grow, whenever the server is killed."""

import grpc
import pytest

from event_reader import EventReader
from graphs import layered_graph, nonce
from test_content import metric, write
from test_kill import query, submit
from test_kill_loops import loops, wait_until
from test_topics import brokers  # noqa: F401

NODES = 3
KILLED = 137
IN_THE_END = 90


class Sets:
    """What a server tells of the queues of one tag, from the first event on."""

    def __init__(self, server, tag):
        self.reader = EventReader(server)
        self.tag = tag

    def told(self):
        return [
            {queue["queue"] for queue in event["data"]["queues"]}
            for event in self.reader.envelopes()
            if event["type"] == "queue_updated" and event["data"]["tags"] == [self.tag]
        ]

    def wait_for(self, *wanted):
        """Until that many are told, which are these."""
        self.reader.read(lambda _: len(self.told()) >= len(wanted))
        assert self.told() == list(wanted)
        self.reader.assert_revisions_rise()


@pytest.fixture
def make_server(start_server, postgres, brokers):  # noqa: F811
    def make(**settings):
        return start_server(
            "memory", graph_dsn=postgres.new_database(), topics_dsn=f"kafka://{brokers}", **settings
        )

    return make


def deploy(server):
    """The tag of all its nodes, which have an interval of a second, and their topics."""
    graph = layered_graph(NODES, mark=nonce(), interval=1)
    answer = submit(server, graph)
    assert answer.code == grpc.StatusCode.OK, answer
    topics = sorted(set(answer.queue_map.values()))
    assert len(topics) == NODES
    return graph, topics


def restart(server):
    """After a kill -9, as if the holder's rows had lapsed."""
    free = "UPDATE weir_dagmanager.loop_lease SET until = now()"
    query(server.settings["graph_dsn"], free)
    server.start()


def looked_again(server):
    """That a holder which came since has judged what it sees."""
    wait_until(lambda: metric(server, "queues_completed") is not None, IN_THE_END)


def test_a_silent_queue_leaves_the_set_until_it_is_written_to(
        make_server, brokers):  # noqa: F811
    server = make_server()
    graph, topics = deploy(server)
    whole, rest = set(topics), set(topics[1:])
    sets = Sets(server, graph.mark)
    write(brokers, topics[0], 5)
    sets.wait_for(whole, rest)
    wait_until(lambda: metric(server, "queues_completed") == 1, IN_THE_END)
    server.kill()
    restart(server)
    looked_again(server)
    assert metric(server, "queues_completed") == 1
    assert set(submit(server, graph).queue_map.values()) == whole, "a diff answers with all"
    write(brokers, topics[0], 5)
    sets.wait_for(whole, rest, whole)
    sets.wait_for(whole, rest, whole, rest)
    server.kill()
    write(brokers, topics[0], 5)
    restart(server)
    sets.wait_for(whole, rest, whole, rest, whole)
    assert "completion" in loops(server)
    server.stop()


@pytest.mark.parametrize("label", ("completion.before_commit", "completion.after_commit"))
def test_a_kill_tells_each_change_once(make_server, brokers, monkeypatch, label):  # noqa: F811
    monkeypatch.setenv("WEIR_CRASH_AT", f"{label}:1")
    server = make_server()
    graph, topics = deploy(server)
    whole, rest = set(topics), set(topics[1:])
    write(brokers, topics[0], 5)
    assert server.process.wait(IN_THE_END) in (KILLED, -9)
    monkeypatch.delenv("WEIR_CRASH_AT")
    restart(server)
    sets = Sets(server, graph.mark)
    sets.wait_for(whole, rest)
    monkeypatch.setenv("WEIR_CRASH_AT", f"{label}:1")
    server.stop()
    server.start()
    write(brokers, topics[0], 5)
    assert server.process.wait(IN_THE_END) in (KILLED, -9)
    monkeypatch.delenv("WEIR_CRASH_AT")
    restart(server)
    sets.wait_for(whole, rest, whole)
    server.stop()


def test_all_sets_are_whole_where_it_is_switched_off(make_server, brokers):  # noqa: F811
    server = make_server()
    graph, topics = deploy(server)
    whole, rest = set(topics), set(topics[1:])
    sets = Sets(server, graph.mark)
    write(brokers, topics[0], 5)
    sets.wait_for(whole, rest)
    server.stop()
    server.settings["completion"] = {"enabled": False}
    server.start()
    sets.wait_for(whole, rest, whole)
    assert metric(server, "queues_completed") == 0
    server.stop()
