# SPDX-License-Identifier: Apache-2.0
"""Topics on three real brokers (contract sections 3.7, 3.15), as another client sees them."""

import json
import os
import pathlib
import signal
import subprocess
import tempfile
import time

import grpc
import pytest

from graphs import layered_graph
from test_kill import submit
from test_kill_loops import wait_until
from weir_server import binary

ENGINES = pathlib.Path(
    os.environ.get("WEIR_ENGINES") or pathlib.Path(__file__).resolve().parents[3] / "build/engines"
)
NODES = 30
SEEN_SECONDS_MAX = 30
# Calls that nobody answers end by their own time-outs; the breaker then looks again by itself.
HEALED_SECONDS_MAX = 60
SHAPES = {"raw": (3, 3), "indicator": (1, 2), "trade_exec": (1, 3)}


@pytest.fixture(scope="session")
def brokers():
    address = ENGINES / "kafka" / "address"
    if not address.exists():
        pytest.skip(f"no brokers: WEIR_ENGINES={ENGINES} scripts/engines start kafka")
    return address.read_text().strip()


@pytest.fixture
def server(start_server, postgres, brokers):
    return start_server(
        "memory", graph_dsn=postgres.new_database(), topics_dsn=f"kafka://{brokers}"
    )


def topics(brokers):
    """Partitions and replicas of each topic, asked of the brokers by a client that is not ours."""
    done = subprocess.run(
        ["kcat", "-b", brokers, "-L", "-J"], capture_output=True, text=True, check=True, timeout=60
    )
    return {
        one["topic"]: (len(one["partitions"]), len(one["partitions"][0]["replicas"]))
        for one in json.loads(done.stdout)["topics"]
        if one["partitions"]
    }


def topics_in_the_end(brokers, wanted):
    found = {}

    def all_there():
        found.update((name, shape) for name, shape in topics(brokers).items() if name in wanted)
        return len(found) == len(wanted)

    wait_until(all_there, SEEN_SECONDS_MAX)
    return found


def status(server):
    return json.loads(server.get("/status")[1])


class Paused:
    """All brokers stand still meanwhile: connections stay open and nobody answers."""

    def __init__(self):
        self._pids = [int(file.read_text()) for file in (ENGINES / "kafka").glob("*.pid")]
        assert len(self._pids) == 3

    def __enter__(self):
        for pid in self._pids:
            os.kill(pid, signal.SIGSTOP)

    def __exit__(self, *_):
        for pid in self._pids:
            os.kill(pid, signal.SIGCONT)


def test_a_graph_has_its_topics_and_a_repeat_makes_none(server, brokers):
    graph = layered_graph(NODES, mark="kafka")
    answer = submit(server, graph)
    names = set(answer.queue_map.values())
    assert len(names) == NODES
    found = topics_in_the_end(brokers, names)
    assert set(found) == names
    assert set(found.values()) <= set(SHAPES.values())
    assert submit(server, graph).queue_map == answer.queue_map
    assert {name for name in topics(brokers) if name in names} == names


def test_an_existing_topic_of_the_name_is_adopted(start_server, postgres, brokers):
    """The store was lost, the topics were not: the same graph takes the same topics."""
    graph = layered_graph(NODES, mark="adopted")
    maps = []
    for _ in range(2):
        server = start_server(
            "memory", graph_dsn=postgres.new_database(), topics_dsn=f"kafka://{brokers}"
        )
        maps.append(submit(server, graph).queue_map)
        server.stop()
    assert maps[0] == maps[1]


def test_without_brokers_what_is_known_is_answered_and_what_is_new_is_refused(server, brokers):
    known = layered_graph(NODES, mark="known")
    answer = submit(server, known)
    fresh = layered_graph(NODES, mark="fresh")
    with Paused():
        assert submit(server, known).queue_map == answer.queue_map
        refused = submit(server, fresh)
        assert (refused.code, refused.reason) == (grpc.StatusCode.UNAVAILABLE, "broker_unavailable")
        assert status(server)["engines"]["broker"] != "closed"
        assert submit(server, known).queue_map == answer.queue_map
    healed = None
    until = time.monotonic() + HEALED_SECONDS_MAX
    while healed is None or healed.code == grpc.StatusCode.UNAVAILABLE:
        assert time.monotonic() < until, healed
        healed = submit(server, fresh)
    assert healed.code == grpc.StatusCode.OK, healed
    names = set(healed.queue_map.values())
    assert len(names) == NODES
    assert set(topics_in_the_end(brokers, names)) == names
    assert status(server)["engines"]["broker"] == "closed"


def test_everything_on_this_machine_and_the_topics_on_brokers(brokers):
    """`weir up --kafka`: the command runs when all is ready, and all is stopped after it."""
    graph = pathlib.Path(__file__).resolve().parents[3] / "examples/strategies/multi_indicator.json"
    # Not pytest's folder: the server that `weir up` starts must be able to enter it.
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        done = subprocess.run(
            [binary(), "up", "--state-dir", f"{folder}/state", "--no-tasks", "--grpc-port", "0",
             "--http-port", "0", "--kafka", brokers, "--", binary(), "dagmanager", "submit", "-o",
             "json", "--file", str(graph), "--strategy", "up", "--world", "upkafka", "--domain",
             "live"],
            capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    wanted = set(json.loads(done.stdout.splitlines()[-1])["queue_map"].values())
    assert wanted
    assert topics_in_the_end(brokers, wanted).keys() == wanted
