# SPDX-License-Identifier: Apache-2.0
"""The control bus alone is away for more than a minute while diffs go in (contract sections 1.4,
3.15): each is answered, what waits is shown, and all of it arrives in order by itself."""

import time
import uuid

import grpc
import pytest

from alert_rules import holds, notices
from background_load import BackgroundLoad
from bus_reader import assert_all_arrived, unsent
from graphs import layered_graph
from test_engines_away import receiver, status  # noqa: F401
from test_kill import assert_nothing_doubled_or_orphaned, query, submit
from test_kill_events import graphs_of_one_tag
from test_kill_gc import metric
from test_kill_loops import wait_until

WRITERS = 2
KEY_GRAPHS = 50  # whose events have one key
NODES = 2
WARM_DIFFS = 10
TOLD_SECONDS_MAX = 60
# The rule wants an event that has waited for a minute.
ALERT_SECONDS_MAX = 60 + TOLD_SECONDS_MAX
# Ten seconds, and what a machine with other work takes on top.
HEALED_SECONDS_MAX = 10 + 20
LONG_SECONDS = 600  # rules are taken back by the test
FAULTS = {
    "silence": ({"kind": "drop", "seconds": LONG_SECONDS},),
    "refused": ({"kind": "refuse", "seconds": LONG_SECONDS},
                {"kind": "reset", "seconds": LONG_SECONDS}),
}


class Load(BackgroundLoad):
    """New graphs from several sides, each of which changes the answer to a query, and a known one
    again and again."""

    def __init__(self, server):
        super().__init__(*[self._submit_new] * WRITERS, self._repeat)
        self.server = server
        self.known = layered_graph(NODES)
        self.graphs = [self.known]
        self.answered = 0
        self.longest = 0.0

    def grows(self, count):
        wanted = self.answered + count
        wait_until(lambda: self.faults or self.answered >= wanted, TOLD_SECONDS_MAX)
        assert not self.faults, self.faults

    def _answer(self, graph):
        begun = time.monotonic()
        answer = submit(self.server, graph)
        assert answer.code == grpc.StatusCode.OK, answer
        assert len(answer.queue_map) == len(graph.nodes)
        self.longest = max(self.longest, time.monotonic() - begun)
        self.answered += 1
        return answer.queue_map

    def _submit_new(self):
        while not self._stop.is_set():
            for graph in graphs_of_one_tag(KEY_GRAPHS, nodes=NODES):
                self.graphs.append(graph)
                self._answer(graph)
                if self._stop.wait(0.1):
                    return

    def _repeat(self):
        first = self._answer(self.known)
        while not self._stop.wait(0.2):
            assert self._answer(self.known) == first


def newest(dsn):
    [[number]] = query(dsn, "SELECT max(number) FROM weir_dagmanager.outbox")
    return int(number)


@pytest.mark.parametrize("fault", FAULTS)
def test_a_minute_without_the_bus_fails_no_diff_and_loses_no_event(
    start_server, postgres, brokers, receiver, capsys, fault  # noqa: F811
):
    dsn, topic = postgres.new_database(), f"queue-{uuid.uuid4()}"
    server = start_server(
        graph_dsn=dsn, topics_dsn=dsn, controlbus_dsn=f"kafka://{brokers.proxied}",
        controlbus_queue_topic=topic, alerts={"slack": {"url": receiver.url}})
    pid = server.process.pid
    with Load(server) as load:
        load.grows(WARM_DIFFS)
        wait_until(lambda: newest(dsn) > unsent(dsn), TOLD_SECONDS_MAX)
        for rule in FAULTS[fault]:
            brokers.proxy.add(**rule)
        try:
            wait_until(lambda: status(server)["engines"]["bus"] == "open", TOLD_SECONDS_MAX)
            pending = metric(server, "outbox_pending")
            load.grows(WARM_DIFFS)
            wait_until(lambda: holds(server, "OutboxStalled"), ALERT_SECONDS_MAX)
            wait_until(lambda: holds(server, "BreakerOpen"), TOLD_SECONDS_MAX)
            assert metric(server, "outbox_pending") > pending
            assert status(server)["engines"]["broker"] == "closed"
            assert server.get("/readyz")[0] == 200
            backlog, until = unsent(dsn), newest(dsn)
        finally:
            brokers.proxy.clear()
        took = wait_until(lambda: unsent(dsn, until) == 0, HEALED_SECONDS_MAX)
        load.grows(WARM_DIFFS)
    with capsys.disabled():
        print(f"\n{fault}: {backlog} events that waited were sent {took:.1f} s after healing;"
              f" {load.answered} diffs, the longest {load.longest:.2f} s")
    wait_until(lambda: not holds(server, "OutboxStalled"), TOLD_SECONDS_MAX)
    wait_until(lambda: status(server)["engines"]["bus"] == "closed", TOLD_SECONDS_MAX)
    assert not holds(server, "BreakerOpen")
    assert_all_arrived(brokers.address, topic, dsn)
    assert metric(server, "outbox_pending") == 0
    assert_nothing_doubled_or_orphaned(dsn, load.graphs)
    assert not notices(receiver, "Kafka session lost"), "the engine of topics was there"
    assert server.alive and server.process.pid == pid
    assert server.stop() == 0
