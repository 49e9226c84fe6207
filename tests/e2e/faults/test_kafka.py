# SPDX-License-Identifier: Apache-2.0
"""Topics on three brokers of which some die, stand still, move or lose an answer, under diffs:
nothing lost, nothing doubled, no topic without owner, no restart (contract sections 3.7, 3.15)."""

import itertools
import json
import threading
import time

import confluent_kafka.admin
import grpc
import pytest

from background_load import BackgroundLoad
from graphs import Graph, layered_graph
from test_kill import KILLED, query, submit
from test_kill_loops import wait_until

NODES = 10
WARM_DIFFS = 2
TRIES_SECONDS_MAX = 120
# Ten seconds, and what a machine with other work takes on top.
HEALED_SECONDS_MAX = 10 + 20
TOLD_SECONDS_MAX = 60
PAUSED_SECONDS = 30
# Partitions, replicas, retention.ms and cleanup.policy of the topics of a node (section 3.7).
SHAPES = {
    "RawPrices": (3, 3, "604800000", "delete"),
    "Indicator": (1, 2, "2592000000", "delete"),
    "TradeExecution": (1, 3, "7776000000", "delete"),
}
LOST_SECONDS = 300  # longer than any diff takes; the rule is taken back after the answer


@pytest.fixture(name="direct")
def own_database(postgres):
    return postgres.new_database()


@pytest.fixture(name="server")
def server_behind_proxy(start_server, direct, brokers):
    made = start_server("memory", graph_dsn=direct, topics_dsn=f"kafka://{brokers.proxied}")
    made.brokers_before = set(brokers.topics())
    pid = made.process.pid
    yield made
    assert made.alive and made.process.pid == pid
    assert made.stop() == 0


class Load(BackgroundLoad):
    """Submits new graphs one after the other, each until it is answered."""

    def __init__(self, server):
        super().__init__(self._run)
        self.server = server
        self.maps = []
        self.refused = []

    def _run(self):
        while not self._stop.is_set():
            self.maps.append(self._until_answered(layered_graph(NODES)))

    def _until_answered(self, graph):
        end = time.monotonic() + TRIES_SECONDS_MAX
        while True:
            answer = submit(self.server, graph)
            if answer.code == grpc.StatusCode.OK:
                return answer.queue_map
            assert answer.code == grpc.StatusCode.UNAVAILABLE, answer
            assert time.monotonic() < end, answer
            self.refused.append(answer.reason)

    def grows(self, count, seconds=HEALED_SECONDS_MAX):
        wanted = len(self.maps) + count
        wait_until(lambda: self.faults or len(self.maps) >= wanted, seconds)
        assert not self.faults, self.faults


def status(server):
    return json.loads(server.get("/status")[1])


def assert_topics_are_the_bound_ones(server, brokers, direct, maps, other=None):
    """Each node has one topic, each topic one owner; asked of the brokers themselves. `other`: the
    map of a graph of another size."""
    named = [topic for queue_map in maps for topic in queue_map.values()]
    assert len(named) == len(set(named)) == len(maps) * NODES
    named += (other or {}).values()
    rows = query(direct, "SELECT topic, state FROM weir_dagmanager.queue")
    assert {state for _, state in rows} == {"active"}
    assert {topic for topic, _ in rows} == set(named)
    wait_until(
        lambda: set(brokers.topics()) - server.brokers_before == set(named), HEALED_SECONDS_MAX)


@pytest.mark.parametrize("end", ({"count": 1}, {"seconds": LOST_SECONDS}), ids=("one", "all"))
def test_a_lost_reply_of_creation_is_mended_by_the_server(server, brokers, direct, end):
    """The brokers have made the topics and nobody was told: Weir looks, and answers the same diff.
    Where a look came too early it asks again, and is told, or not, that they exist."""
    with brokers.proxy.rule("cut", message="create_topics_reply", **end) as number:
        answer = submit(server, layered_graph(NODES))
        assert answer.code == grpc.StatusCode.OK, answer
        assert brokers.proxy.hits(number) >= 1
        assert brokers.proxy.live(number) == ("seconds" in end)
    assert_topics_are_the_bound_ones(server, brokers, direct, [answer.queue_map])


def graph_of_all_types():
    graph = Graph()
    for _, node_type in zip(range(NODES), itertools.cycle(SHAPES), strict=False):
        graph.add(node_type=node_type)
    return graph


def shapes(brokers, names):
    """Of each topic what `SHAPES` says by its type; asked of the brokers themselves."""
    admin = confluent_kafka.admin.AdminClient({"bootstrap.servers": brokers.address})
    resources = [confluent_kafka.admin.ConfigResource("topic", name) for name in sorted(names)]
    configs = {resource.name: future.result(TOLD_SECONDS_MAX)
               for resource, future in admin.describe_configs(resources).items()}
    return {
        name: (len(partitions), len(partitions[0]["replicas"]),
               configs[name]["retention.ms"].value, configs[name]["cleanup.policy"].value)
        for name, partitions in brokers.topics().items() if name in names}


def creations(brokers):
    """CreateTopics requests that went through the proxy."""
    return sum(pair["messages"].get("create_topics", 0) for pair in brokers.proxy.show()["pairs"])


@pytest.mark.parametrize("message", ("create_topics", "create_topics_reply"))
def test_topics_that_are_asked_for_twice_are_made_once(
    start_server, direct, brokers, monkeypatch, message
):
    """The brokers make the topics and the connection breaks; who asked dies with it, and the repeat
    asks again."""
    before = set(brokers.topics())
    settings = {"graph_dsn": direct, "topics_dsn": f"kafka://{brokers.proxied}"}
    graph = graph_of_all_types()
    asked = creations(brokers)
    monkeypatch.setenv("WEIR_CRASH_AT", "diff.after_create:1")
    server = start_server("memory", **settings)
    with brokers.proxy.rule("cut", message=message, count=1) as number:
        assert submit(server, graph).code == grpc.StatusCode.UNAVAILABLE
        assert server.process.wait(TOLD_SECONDS_MAX) == KILLED
        assert brokers.proxy.hits(number) == 1
    wait_until(lambda: len(set(brokers.topics()) - before) == NODES, TOLD_SECONDS_MAX)
    monkeypatch.delenv("WEIR_CRASH_AT")
    server.start()
    server.brokers_before = before
    answer = submit(server, graph)
    assert answer.code == grpc.StatusCode.OK, answer
    assert creations(brokers) == asked + 2
    assert submit(server, graph).queue_map == answer.queue_map
    assert_topics_are_the_bound_ones(server, brokers, direct, [answer.queue_map])
    wanted = {node["node_id"]: SHAPES[node["node_type"]] for node in graph.nodes}
    made = shapes(brokers, set(answer.queue_map.values()))
    assert {key.split(":60:")[0]: made[topic] for key, topic in answer.queue_map.items()} == wanted
    assert server.stop() == 0


def test_connections_to_all_brokers_are_reset_under_diffs(server, brokers, direct):
    with Load(server) as load:
        load.grows(WARM_DIFFS)
        number = brokers.proxy.add("reset", count=6)
        load.grows(WARM_DIFFS)
        brokers.proxy.clear()
        load.grows(WARM_DIFFS)
    assert brokers.proxy.hits(number) > 0
    assert_topics_are_the_bound_ones(server, brokers, direct, load.maps)


@pytest.mark.parametrize("victim", ("broker", "controller"))
def test_a_broker_is_killed_during_creation(server, brokers, direct, victim):
    controller = brokers.controller()
    number = controller if victim == "controller" else controller % 3 + 1
    with Load(server) as load:
        load.grows(WARM_DIFFS)
        brokers.kill(number)
        try:
            wait_until(lambda: brokers.alive() == 2, TOLD_SECONDS_MAX)
            load.grows(WARM_DIFFS, TOLD_SECONDS_MAX)
        finally:
            brokers.revive(number)
        load.grows(WARM_DIFFS)
    assert set(load.refused) <= {"broker_unavailable"}
    assert_topics_are_the_bound_ones(server, brokers, direct, load.maps)
    assert status(server)["engines"]["broker"] == "closed"


def test_leaders_are_moved_by_reassignment_under_diffs(server, brokers, direct):
    graph = layered_graph(NODES)
    known = submit(server, graph)
    assert known.code == grpc.StatusCode.OK
    topics = {topic: brokers.topics()[topic][0] for topic in known.queue_map.values()}
    moved = {}
    for topic, partition in topics.items():
        replicas = [one["id"] for one in partition["replicas"]]
        moved[topic] = [replicas[0] % 3 + 1] if len(replicas) == 1 else replicas[::-1]
    with Load(server) as load:
        load.grows(WARM_DIFFS)
        brokers.reassign(moved)
        load.grows(WARM_DIFFS)
    assert load.refused == []
    wait_until(
        lambda: all([one["id"] for one in brokers.topics()[topic][0]["replicas"]] == replicas
                    for topic, replicas in moved.items()), TOLD_SECONDS_MAX)
    again = submit(server, graph)
    assert again.queue_map == known.queue_map
    assert_topics_are_the_bound_ones(server, brokers, direct, [known.queue_map, *load.maps])


def test_two_of_three_brokers_stand_still_for_thirty_seconds(server, brokers, direct):
    graph, fresh = layered_graph(NODES), layered_graph(NODES)
    known = submit(server, graph)
    assert known.code == grpc.StatusCode.OK
    end = time.monotonic() + PAUSED_SECONDS
    stopped = [brokers.controller()]
    stopped.append(stopped[0] % 3 + 1)
    for number in stopped:
        brokers.pause(number)
    try:
        refused = submit(server, fresh)
        assert (refused.code, refused.reason) == (
            grpc.StatusCode.UNAVAILABLE, "broker_unavailable")
        wait_until(lambda: status(server)["engines"]["broker"] == "open", TOLD_SECONDS_MAX)
        rows = query(direct, "SELECT * FROM weir_dagmanager.queue ORDER BY topic")
        while time.monotonic() < end:
            assert submit(server, graph).queue_map == known.queue_map
            other = submit(server, layered_graph(NODES))
            assert (other.code, other.reason) == (
                grpc.StatusCode.UNAVAILABLE, "broker_unavailable")
            threading.Event().wait(0.5)
        assert query(direct, "SELECT * FROM weir_dagmanager.queue ORDER BY topic") == rows
    finally:
        for number in stopped:
            brokers.resume(number)
    healed = []

    def answered():
        healed[:] = [submit(server, fresh)]
        return healed[0].code == grpc.StatusCode.OK

    wait_until(answered, HEALED_SECONDS_MAX)
    assert status(server)["engines"]["broker"] == "closed"
    assert_topics_are_the_bound_ones(
        server, brokers, direct, [known.queue_map, healed[0].queue_map])
