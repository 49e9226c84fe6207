# SPDX-License-Identifier: Apache-2.0
"""What goes on beside the teams of pool.py: strategies that come and are retired, whose queues go
at once, and versions that traffic moves between, to and fro."""

import json
import subprocess
import threading
import time

from graphs import layered_graph
from pool import CALL_SECONDS_MAX, NODES, NoAnswer, submit
from test_kill import query
from weir_server import binary

ENDS_SECONDS_MAX = 120  # of a rollout, and of a queue that nobody holds


def settings():
    """Queues that no deploy holds go with the next pass; deploys that nobody ended stay."""
    policy = {"ttl_days": 0, "grace_days": 0, "action": "delete"}
    return {"gc_interval_seconds": 1, "deploys_kept": 100_000, "canary": {"interval_seconds": 0.2},
            "gc_policies": {tag: policy for tag in ("raw", "indicator", "trade_exec", "sentinel")}}


class Retiring:
    """Submits a strategy, retires it, sees its queues go, and submits the next one."""

    def __init__(self, pool):
        self._pool = pool
        self.topics = set()  # of the strategies that were retired
        self.left = set()  # of those what did not go
        self.calls = 0
        self.fault = None

    def run(self, over):
        try:
            while not over.is_set():
                strategy, graph = f"retired{self.calls}", layered_graph(NODES)
                topics = set(self._pool.until_answered(
                    lambda server: submit(server, graph, strategy)).values())
                self._pool.until_answered(lambda server: self._retire(server, strategy))
                self.topics |= topics
                self.left |= self._left(topics)
                self.calls += 1
        except Exception as fault:  # pylint: disable=broad-except  # told by the test
            self.fault = fault

    @staticmethod
    def _retire(server, strategy):
        status, answer = server.get(
            "/admin/gc-trigger", "POST", json.dumps({"id": strategy}).encode())
        if status in (0, 503):
            raise NoAnswer(answer)
        assert status == 202, answer

    def _left(self, topics):
        """Those that are still known, once none is, or after a while."""
        end = time.monotonic() + ENDS_SECONDS_MAX
        pause = threading.Event()
        while True:
            known = {topic for [topic] in query(
                self._pool.dsn, "SELECT topic FROM weir_dagmanager.queue"
                                " UNION SELECT topic FROM weir_topics.topic_registry")}
            if not known & topics or time.monotonic() > end:
                return known & topics
            pause.wait(0.2)


class Rolling:
    """Moves the traffic of a sentinel from v1 to v2 and back, by one rollout after the other."""

    def __init__(self, pool):
        self._pool = pool
        self.strategy = "rolling"
        self.sentinel = f"{self.strategy}-sentinel"
        self.topics = set()
        self.ends = []  # the states that they ended in
        self.calls = 0
        self.fault = None

    def run(self, over):
        try:
            for version, weight in (("v1", 1), ("v2", 0)):
                graph = self._graph(version, weight)
                self.topics |= set(self._pool.until_answered(
                    lambda server, graph=graph: submit(server, graph, self.strategy)).values())
            while not over.is_set():
                candidate, baseline = (("v2", "v1"), ("v1", "v2"))[self.calls % 2]
                rollout = self._start(candidate, baseline)
                self.ends.append(self._end_of(rollout))
                self.calls += 1
        except Exception as fault:  # pylint: disable=broad-except  # told by the test
            self.fault = fault

    def _graph(self, version, weight):
        graph = layered_graph(NODES)
        graph.meta["version"] = version
        graph.nodes.append(
            {"node_id": self.sentinel, "node_type": "VersionSentinel", "weight": weight})
        return graph

    def _start(self, candidate, baseline):
        """Its id, also where the answer was lost and the repeat finds it under way or done."""
        known = {one["rollout_id"] for one in self._list()}

        def ask(server):
            new = [one for one in self._canary(server, "list")
                   if one["rollout_id"] not in known]
            return new or self._canary(
                server, "start", "--sentinel", self.sentinel, "--version", candidate,
                "--baseline", f"{self.sentinel}@{baseline}", "--steps", "0.1:0s,0.5:1s,1")

        [started] = self._pool.until_answered(ask)
        return started["rollout_id"]

    def _end_of(self, rollout):
        end = time.monotonic() + ENDS_SECONDS_MAX
        pause = threading.Event()
        while True:
            [state] = [one["state"] for one in self._list() if one["rollout_id"] == rollout]
            if state in ("done", "rolled_back") or time.monotonic() > end:
                return state
            pause.wait(0.1)

    def _list(self):
        return self._pool.until_answered(lambda server: self._canary(server, "list"))

    @staticmethod
    def _canary(server, *words):
        done = subprocess.run(
            [binary(), "-o", "json", "dagmanager", "canary", *words, "--target", server.target],
            capture_output=True, text=True, timeout=CALL_SECONDS_MAX, check=False)
        if done.returncode != 0 and "UNAVAILABLE" in done.stderr:
            raise NoAnswer(done.stderr)
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]
