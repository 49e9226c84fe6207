# SPDX-License-Identifier: Apache-2.0
"""All brokers, of topics and of the control bus, stand still for a minute (contract sections 1.4,
3.14, 3.15): what is known is answered, what is new is refused before anything is written, the chat
is told, and all goes on by itself."""

import json

import grpc

from alert_rules import holds, notices
from background_load import BackgroundLoad
from bus_reader import first_told, unsent
from graphs import layered_graph
from test_engines_away import RESOLVED_SECONDS_MAX, receiver, status  # noqa: F401
from test_kafka import Load, assert_topics_are_the_bound_ones
from test_kill import query, submit
from test_kill_gc import metric
from test_kill_loops import wait_until
from test_stream_plane import SENTINEL, submit_sentinel

NODES = 10
WARM_DIFFS = 2
TOLD_SECONDS_MAX = 60
# The rule wants an event that has waited for a minute.
ALERT_SECONDS_MAX = 60 + TOLD_SECONDS_MAX
# Ten seconds, and what a machine with other work takes on top: brokers that stood still so long
# are none of the cluster at first.
HEALED_SECONDS_MAX = 10 + 50
WEIGHTS_TOPIC = "sentinel_weight"
LOST = "Kafka session lost: broker"


class Known(BackgroundLoad):
    """A known graph again and again, and weights that rise: each is answered, and each weight is an
    event."""

    def __init__(self, server, graph, queue_map):
        super().__init__(self._repeat, self._weigh)
        self.server = server
        self.graph = graph
        self.queue_map = queue_map
        self.answered = 0
        self.weights = []

    def _repeat(self):
        while not self._stop.wait(0.1):
            answer = submit(self.server, self.graph)
            assert answer.code == grpc.StatusCode.OK, answer
            assert answer.queue_map == self.queue_map
            self.answered += 1

    def _weigh(self):
        while not self._stop.wait(0.2):
            weight = (len(self.weights) + 1) % 1000 / 1000
            body = json.dumps({"sentinel_id": SENTINEL, "weight": weight, "world_id": "w1"})
            code, answer = self.server.get("/admin/sentinel-weight", "POST", body.encode())
            assert code == 202, answer
            self.weights.append(weight)


def queues(dsn):
    return query(dsn, "SELECT * FROM weir_dagmanager.queue ORDER BY topic")


def assert_refused_before_any_write(server, dsn):
    before = queues(dsn)
    refused = submit(server, layered_graph(NODES))
    assert (refused.code, refused.reason) == (grpc.StatusCode.UNAVAILABLE, "broker_unavailable")
    assert queues(dsn) == before


def assert_weights_arrived(brokers, weights):
    [told] = first_told(brokers.address, WEIGHTS_TOPIC).values()
    assert [json.loads(value)["data"]["weight"] for value in told.values()] == weights


def test_a_minute_without_brokers(
    start_server, postgres, brokers, receiver, capsys  # noqa: F811
):
    dsn = postgres.new_database()
    server = start_server(
        graph_dsn=dsn, topics_dsn=f"kafka://{brokers.address}",
        controlbus_dsn=f"kafka://{brokers.address}", alerts={"slack": {"url": receiver.url}})
    pid = server.process.pid
    graph = submit_sentinel(server)
    known = submit(server, graph)
    assert known.code == grpc.StatusCode.OK, known
    with Known(server, graph, known.queue_map) as always, Load(server) as fresh:
        fresh.grows(WARM_DIFFS)
        wait_until(lambda: WEIGHTS_TOPIC in brokers.topics(), TOLD_SECONDS_MAX)
        for number in (1, 2, 3):
            brokers.pause(number)
        try:
            for engine in ("bus", "broker"):
                wait_until(
                    lambda engine=engine: status(server)["engines"][engine] == "open",
                    TOLD_SECONDS_MAX)
            wait_until(lambda: fresh.refused, TOLD_SECONDS_MAX)
            assert_refused_before_any_write(server, dsn)
            wait_until(lambda: notices(receiver, LOST), TOLD_SECONDS_MAX)
            assert metric(server, "broker_controller_unreachable") == 1
            pending, answered = metric(server, "outbox_pending"), always.answered
            wait_until(lambda: holds(server, "OutboxStalled"), ALERT_SECONDS_MAX)
            assert metric(server, "outbox_pending") > pending
            assert always.answered > answered
            assert_refused_before_any_write(server, dsn)
        finally:
            for number in (1, 2, 3):
                brokers.resume(number)
        backlog = unsent(dsn)
        drained = wait_until(lambda: not holds(server, "OutboxStalled"), HEALED_SECONDS_MAX)
        fresh.grows(WARM_DIFFS, HEALED_SECONDS_MAX)
    with capsys.disabled():
        print(f"\n{backlog} events waited; the oldest were sent {drained:.1f} s after healing;"
              f" {always.answered} known graphs answered, {len(fresh.refused)} new ones refused")
    assert set(fresh.refused) == {"broker_unavailable"}
    wait_until(lambda: unsent(dsn) == 0, HEALED_SECONDS_MAX)
    assert_weights_arrived(brokers, always.weights)
    assert {status(server)["engines"][engine] for engine in ("bus", "broker")} == {"closed"}
    assert metric(server, "broker_controller_unreachable") == 0
    server.brokers_before = {
        topic for topic in brokers.topics() if topic in ("__consumer_offsets", "queue",
                                                         WEIGHTS_TOPIC)}
    assert_topics_are_the_bound_ones(server, brokers, dsn, fresh.maps, known.queue_map)
    wait_until(lambda: notices(receiver, f"Resolved: {LOST}"), RESOLVED_SECONDS_MAX)
    assert len(notices(receiver, LOST)) == len(notices(receiver, f"Resolved: {LOST}")) == 1
    assert server.alive and server.process.pid == pid
    assert server.stop() == 0
