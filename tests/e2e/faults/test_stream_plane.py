# SPDX-License-Identifier: Apache-2.0
"""The stream plane whose PostgreSQL is behind a faulty network, under diffs and weight changes at
once: nothing lost, nothing doubled, no topic without owner, no call longer than its deadline, and
all goes on by itself once the network is whole (contract sections 3.2, 3.14, 3.20)."""

import functools
import json
import time
import urllib.parse

import grpc
import pytest

from background_load import BackgroundLoad
from event_reader import EventReader
from fault_proxy import FaultProxy
from graphs import layered_graph
from stubs import pb2, pb2_grpc
from test_kill import assert_nothing_doubled_or_orphaned, query
from test_kill_loops import wait_until
from wire import reason_of

NODES = 20
WORKERS = 3
SENTINEL = "faulty-sentinel"
CALL_SECONDS = 30
# A call ends by its deadline; so much later it counts as hung.
HUNG_SECONDS = CALL_SECONDS + 5
# Ten seconds, and what a machine with other work takes on top.
HEALED_SECONDS_MAX = 10 + 20
WARM_DIFFS = 6
SILENCE_SECONDS = 5

FAULTS = {
    "commit_reply_lost": ({"kind": "cut", "message": "commit_reply", "count": 3},),
    "commit_then_cut": ({"kind": "cut", "message": "commit", "count": 3},),
    "reset": ({"kind": "reset", "count": 12},),
    "reset_in_a_reply": (
        {"kind": "reset_after", "direction": "to_client", "bytes": 3, "count": 6},),
    "silence": ({"kind": "drop", "seconds": SILENCE_SECONDS},),
    "silence_of_the_server": (
        {"kind": "drop", "direction": "to_client", "seconds": SILENCE_SECONDS},),
    "refused": ({"kind": "refuse", "seconds": 3}, {"kind": "reset", "seconds": 3}),
    "slow_and_sliced": (
        {"kind": "slice", "bytes": 1, "direction": "to_client", "seconds": 3},
        {"kind": "delay", "millis": 5, "jitter_millis": 20, "seconds": 3}),
}


class Load(BackgroundLoad):
    """Each worker submits graphs of its own, one after the other and each until it is answered;
    one more sets weights. What was answered is remembered."""

    def __init__(self, server):
        works = [functools.partial(self._submit, worker) for worker in range(WORKERS)]
        super().__init__(*works, self._weigh)
        self.server = server
        self.graphs = []
        self.maps = {}
        self.codes = []
        self.weights = []
        self.longest = 0.0

    def grows(self, count):
        """Waits for so many more answers."""
        wanted, weighed = len(self.maps) + count, len(self.weights) + 1
        wait_until(lambda: self.faults or (
            len(self.maps) >= wanted and len(self.weights) >= weighed), HEALED_SECONDS_MAX)
        assert not self.faults, self.faults

    def _timed(self, call):
        begun = time.monotonic()
        try:
            return call()
        finally:
            self.longest = max(self.longest, time.monotonic() - begun)

    def _submit(self, worker):
        with grpc.insecure_channel(self.server.target) as channel:
            diffs = pb2_grpc.DiffServiceStub(channel)
            number = 0
            while not self._stop.is_set():
                graph = layered_graph(NODES, mark=f"f{worker}x{number}")
                request = pb2.DiffRequest(
                    strategy_id=f"load-{worker}", dag_json=graph.to_json(), world_id="w1",
                    execution_domain="live")
                self.graphs.append(graph)
                self.maps[(worker, number)] = self._until_answered(diffs, request)
                number += 1

    def _until_answered(self, diffs, request):
        while True:
            topics, refused = {}, None

            def once():
                for chunk in diffs.Diff(request, timeout=CALL_SECONDS):
                    topics.update(chunk.queue_map)  # noqa: B023 - called at once
                    diffs.AckChunk(
                        pb2.ChunkAck(sentinel_id=chunk.sentinel_id), timeout=CALL_SECONDS)

            try:
                self._timed(once)
            except grpc.RpcError as fault:
                refused = (fault.code().name, reason_of(fault))
            self.codes.append(refused or ("OK", ""))
            if not refused:
                return topics

    def _weigh(self):
        """Weights that rise, so that each is told once."""
        number = 0
        while not self._stop.wait(0.05):
            number += 1
            weight = (number % 1000) / 1000
            body = json.dumps(
                {"sentinel_id": SENTINEL, "weight": weight, "world_id": "w1"}).encode()

            def accepted():
                status, answer = self._timed(
                    lambda: self.server.get("/admin/sentinel-weight", "POST", body))  # noqa: B023
                assert status in (0, 202, 500, 503, 504), (status, answer)
                return status == 202

            wait_until(accepted, 2 * HEALED_SECONDS_MAX)
            self.weights.append(weight)


def through(dsn, proxy):
    """The database of a DSN of a Unix socket, over TCP through the proxy."""
    parts = urllib.parse.urlsplit(dsn)
    user = parts.netloc.split("@")[0]
    return f"postgresql://{user}@{proxy.listens[0]}{parts.path}?sslmode=disable"


@pytest.fixture(name="direct")
def own_database(postgres):
    """The DSN of a database of its own, past the proxy."""
    return postgres.new_database()


@pytest.fixture(name="proxy")
def postgres_proxy(direct):
    folder = urllib.parse.parse_qs(urllib.parse.urlsplit(direct).query).get("host")
    if not folder:
        pytest.skip("WEIR_TEST_DSN names a server that is not on a Unix socket")
    made = FaultProxy("postgres", f"127.0.0.1:0=unix:{folder[0]}/.s.PGSQL.5432")
    yield made
    made.stop()


def submit_sentinel(server):
    graph = layered_graph(NODES, mark="sentinel")
    graph.meta["version"] = "v1"
    graph.nodes.append({"node_id": SENTINEL, "node_type": "VersionSentinel"})
    with grpc.insecure_channel(server.target) as channel:
        diffs = pb2_grpc.DiffServiceStub(channel)
        for chunk in diffs.Diff(pb2.DiffRequest(
                strategy_id=SENTINEL.removesuffix("-sentinel"), dag_json=graph.to_json(),
                world_id="w1", execution_domain="live"), timeout=CALL_SECONDS):
            diffs.AckChunk(pb2.ChunkAck(sentinel_id=chunk.sentinel_id), timeout=CALL_SECONDS)
    graph.nodes.pop()  # it has no topic
    return graph


def assert_weights_were_told_once(server, load):
    """Every accepted weight but repeats of the one before is one event, in their order; each
    event's number is one more than the last (the reader sees to that)."""
    reader = EventReader(server)

    def told():
        return [envelope["data"]["weight"] for envelope in reader.envelopes()
                if envelope["type"] == "sentinel_weight_updated"]

    reader.read(lambda _: told()[-1:] == load.weights[-1:] and len(told()) >= len(load.weights))
    reader.assert_revisions_rise()
    assert told() == load.weights


@pytest.mark.parametrize("fault", FAULTS)
def test_nothing_is_lost_or_doubled(start_server, direct, proxy, fault):
    dsn = through(direct, proxy)
    server = start_server("memory", graph_dsn=dsn, topics_dsn=dsn)
    first = submit_sentinel(server)
    pid = server.process.pid
    with Load(server) as load:
        load.grows(WARM_DIFFS)
        numbers = [proxy.add(**rule) for rule in FAULTS[fault]]
        wait_until(lambda: not any(proxy.live(number) for number in numbers), CALL_SECONDS)
        load.grows(WARM_DIFFS)
    assert sum(proxy.hits(number) for number in numbers) > 0 or fault == "refused"
    assert load.longest < HUNG_SECONDS
    assert {code for code, _ in load.codes} <= {"OK", "UNAVAILABLE", "ABORTED"}, load.codes
    wait_until(lambda: server.get("/readyz")[0] == 200, HEALED_SECONDS_MAX)
    assert server.alive and server.process.pid == pid
    for topics in load.maps.values():
        assert len(topics) == NODES
    assert_nothing_doubled_or_orphaned(direct, [first, *load.graphs])
    bound = {row[0] for row in query(direct, "SELECT topic FROM weir_dagmanager.queue")}
    assert {topic for topics in load.maps.values() for topic in topics.values()} <= bound
    assert_weights_were_told_once(server, load)
    assert server.stop() == 0
