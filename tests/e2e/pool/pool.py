# SPDX-License-Identifier: Apache-2.0
"""Three instances on one PostgreSQL (contract section 3.18), and what is done to them: one is
killed or drained and comes back, while teams submit, set weights, roll out and roll back, and
readers follow the events from one instance to the next."""

import json
import pathlib
import random
import signal
import subprocess
import threading
import time

import grpc

from event_reader import EventReader, Unavailable
from graphs import layered_graph
from stubs import pb2, pb2_grpc
from test_kill import query
from weir_server import binary

INSTANCES = 3
NODES = 12
CALL_SECONDS_MAX = 60  # a call and its repeats at other instances
VERSIONS = {"v1", "v1-hotfix"}

# Every change of a lease, in the order of the transactions that made them.
WATCH_LEASES = """
CREATE TABLE lease_watch (seq bigint GENERATED ALWAYS AS IDENTITY, loop text, holder text,
                          fence bigint, until timestamptz, before_holder text,
                          before_until timestamptz, at timestamptz);
CREATE FUNCTION watch_lease() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO public.lease_watch (loop, holder, fence, until, before_holder, before_until, at)
  VALUES (NEW."loop", NEW.holder, NEW.fence, NEW.until, OLD.holder, OLD.until, clock_timestamp());
  RETURN NULL;
END $$;
CREATE TRIGGER watch AFTER UPDATE ON weir_dagmanager.loop_lease
FOR EACH ROW EXECUTE FUNCTION watch_lease();
GRANT ALL ON lease_watch TO PUBLIC;
"""


class NoAnswer(Exception):
    """An instance that was killed, drains, or is not back yet; another may be asked."""


def submit(server, graph, strategy="shared"):
    """The whole map of a diff, each chunk acknowledged before the next is read."""
    request = pb2.DiffRequest(strategy_id=strategy, dag_json=graph.to_json(), world_id="w1",
                              execution_domain="live")
    answered = {}
    try:
        with grpc.insecure_channel(
                server.target, options=(("grpc.use_local_subchannel_pool", 1),)) as channel:
            stub = pb2_grpc.DiffServiceStub(channel)
            for chunk in stub.Diff(request, timeout=CALL_SECONDS_MAX):
                answered.update(chunk.queue_map)
                stub.AckChunk(pb2.ChunkAck(sentinel_id=chunk.sentinel_id))
    except grpc.RpcError as fault:
        # CANCELLED: gRPC says so of a call that comes as the instance stops.
        if fault.code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED):
            raise NoAnswer(fault.details()) from fault
        raise AssertionError(f"{fault.code()}: {fault.details()}") from fault
    return answered


class Pool:
    """The instances. One thread at a time disturbs them; any may ask one."""

    def __init__(self, start_server, seed, **settings):
        self.random = random.Random(seed)
        first = start_server("postgres", **settings)
        self.dsn = first.settings["graph_dsn"]
        self.servers = [first, *(start_server(**first.settings) for _ in range(INSTANCES - 1))]
        query(self.dsn, WATCH_LEASES)

    def any_server(self):
        return self.random.choice(self.servers)

    def until_answered(self, call):
        """What `call` of some instance gives: who is cut off or sent away asks another."""
        end = time.monotonic() + CALL_SECONDS_MAX
        pause = threading.Event()
        while True:
            try:
                return call(self.any_server())
            except NoAnswer as fault:
                if time.monotonic() > end:
                    raise AssertionError(f"no answer in {CALL_SECONDS_MAX} s") from fault
            pause.wait(0.05)

    def disturb(self, over, kill_every, drain_every):
        """Kills one instance every so many seconds and drains one, each of which comes back at
        once, until `over`. Gives how often it did either."""
        begun = time.monotonic()
        kills = drains = 0
        while True:
            next_kill = begun + kill_every * (kills + 1)
            next_drain = begun + drain_every * (drains + 1)
            if over.wait(max(0.0, min(next_kill, next_drain) - time.monotonic())):
                return kills, drains
            victim = self.servers[(kills + drains) % INSTANCES]
            if next_kill <= next_drain:
                victim.kill()
                kills += 1
            else:
                assert victim.stop(signal.SIGTERM) == 0, victim.log_tail()
                drains += 1
            victim.start()

    def stop(self):
        for server in self.servers:
            assert server.stop() == 0, server.log_tail()


class Graphs:
    """The graphs that teams submit, and the one map of each, whoever is asked."""

    def __init__(self):
        self._lock = threading.Lock()
        self.all = []
        self._maps = {}

    def one_of_the_newest(self, chance):
        """Now and then one that nobody has submitted, else one that others may be submitting."""
        with self._lock:
            if not self.all or chance.random() < 0.1:
                self.all.append(layered_graph(NODES))
            newest = len(self.all) - 1
            return max(0, newest - chance.randrange(4))

    def assert_is_its_map(self, number, answered):
        with self._lock:
            assert len(answered) == NODES
            assert self._maps.setdefault(number, answered) == answered, number

    def submit_one_more(self, pool):
        with self._lock:
            self.all.append(layered_graph(NODES))
        self.assert_is_its_map(len(self.all) - 1, submit(pool.servers[0], self.all[-1]))

    def topics(self):
        with self._lock:
            return {topic for one in self._maps.values() for topic in one.values()}

    def submitted(self):
        with self._lock:
            return sorted(self._maps)


class Team:
    """One strategy with a sentinel. Submits graphs that all teams share, sets its weight, puts out
    a hotfix and takes it back; what is not answered is asked of another instance."""

    def __init__(self, pool, graphs, number, folder):
        self._pool = pool
        self._graphs = graphs
        self._chance = random.Random(number)
        self._strategy = f"team{number}"
        self.sentinel = f"{self._strategy}-sentinel"
        self._own = layered_graph(NODES)
        self._own.meta["version"] = "v1"
        self._own.nodes.append(
            {"node_id": self.sentinel, "node_type": "VersionSentinel", "weight": 0.5})
        hotfix = layered_graph(NODES)
        self._hotfix = pathlib.Path(folder) / f"hotfix{number}.json"
        self._hotfix.write_text(hotfix.to_json())
        self.topics = set()
        self.calls = 0
        self.fault = None

    def run(self, over):
        try:
            self.topics |= set(self._pool.until_answered(
                lambda server: submit(server, self._own, self._strategy)).values())
            while not over.is_set():
                self._chance.choice(
                    (self._share, self._share, self._share, self._weigh, self._fix))()
                self.calls += 1
        except Exception as fault:  # pylint: disable=broad-except  # told by the test
            self.fault = fault

    def _share(self):
        number = self._graphs.one_of_the_newest(self._chance)
        graph = self._graphs.all[number]
        self._graphs.assert_is_its_map(
            number, self._pool.until_answered(lambda server: submit(server, graph)))

    def _weigh(self):
        body = {"sentinel_id": self.sentinel, "version": "v1", "world_id": "w1",
                "weight": self._chance.randrange(1, 10) / 10}

        def ask(server):
            status, answer = server.get(
                "/admin/sentinel-weight", "POST", json.dumps(body).encode())
            if status in (0, 503):
                raise NoAnswer(answer)
            assert status == 202, answer

        self._pool.until_answered(ask)

    def _fix(self):
        for words in (["--file", str(self._hotfix)], ["--rollback"]):
            answer = self._pool.until_answered(
                lambda server, words=words: self._redo(server, words))
            assert answer["version"] in VERSIONS, answer
            self.topics |= set(answer["queue_map"].values())

    def _redo(self, server, words):
        done = subprocess.run(
            [binary(), "-o", "json", "dagmanager", "redo-diff", "--sentinel", self.sentinel,
             "--target", server.target, *words],
            capture_output=True, text=True, timeout=CALL_SECONDS_MAX, check=False)
        if done.returncode != 0 and any(
                word in done.stderr for word in ("UNAVAILABLE", "CANCELLED")):
            raise NoAnswer(done.stderr)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)


class Follower:
    """Reads the events of whichever instance is there, each number once and in order."""

    def __init__(self, pool):
        self._pool = pool
        self.reader = EventReader(pool.servers[0])
        self.until = None  # the last event it waits for, once that is known
        self.moves = 0
        self.fault = None

    def _has_all(self, reader):
        return self.until is not None and reader.last >= self.until

    def run(self, _):
        pause = threading.Event()
        try:
            while not self._has_all(self.reader):
                self.reader.server = self._pool.any_server()
                try:
                    self.reader.read(self._has_all)
                except Unavailable as refusal:
                    assert b'"draining"' in refusal.args[0], refusal
                self.moves += 1
                pause.wait(0.05)
        except Exception as fault:  # pylint: disable=broad-except  # told by the test
            self.fault = fault
