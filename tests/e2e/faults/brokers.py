# SPDX-License-Identifier: Apache-2.0
"""Three real brokers of one suite's own, which it may kill, pause and move topics between; clients
that come by `proxied` go through a `weir-faultproxy`."""

import json
import os
import pathlib
import signal
import subprocess
import tempfile

import pytest

from fault_proxy import FaultProxy
from kafka_wire import quorum_leader, reassign_partitions
from test_kill_loops import wait_until

ROOT = pathlib.Path(__file__).resolve().parents[3]
NOT_HERE = 77
START_SECONDS_MAX = 900
TOOL_SECONDS_MAX = 60
READY_SECONDS_MAX = 60


class Brokers:
    """Started by `scripts/engines`; numbered from 1."""

    def __init__(self, folder):
        self._environment = {**os.environ, "WEIR_ENGINES": str(folder)}
        done = self._engines("start")
        if done.returncode == NOT_HERE:
            pytest.skip("Kafka cannot be fetched here")
        assert done.returncode == 0, done.stdout + done.stderr
        self._folder = pathlib.Path(folder) / "kafka"
        self.address = (self._folder / "address").read_text().strip()
        self.proxy = FaultProxy("kafka", *(self._folder / "proxied").read_text().split())
        self.proxied = ",".join(self.proxy.listens)
        self._commands = {number: self._words(number) for number in (1, 2, 3)}

    def stop(self):
        self.proxy.stop()
        done = self._engines("stop")
        assert done.returncode == 0, done.stdout + done.stderr

    def _engines(self, action):
        return subprocess.run(
            [ROOT / "scripts" / "engines", action, "kafka"], env=self._environment, text=True,
            capture_output=True, timeout=START_SECONDS_MAX, check=False)

    def _pid(self, number):
        return int((self._folder / f"{number}.pid").read_text())

    def _words(self, number):
        words = pathlib.Path(f"/proc/{self._pid(number)}/cmdline").read_bytes().split(b"\0")
        return [word.decode() for word in words if word]

    def kill(self, number):
        os.kill(self._pid(number), signal.SIGKILL)

    def revive(self, number):
        """Starts a killed broker on its data; waits until all say that they are three."""
        with open(self._folder / f"{number}.log", "ab") as log:
            process = subprocess.Popen(
                self._commands[number], stdout=log, stderr=log, stdin=subprocess.DEVNULL,
                start_new_session=True)
        (self._folder / f"{number}.pid").write_text(str(process.pid))
        wait_until(lambda: self.alive() == 3, READY_SECONDS_MAX)

    def pause(self, number):
        os.kill(self._pid(number), signal.SIGSTOP)

    def resume(self, number):
        os.kill(self._pid(number), signal.SIGCONT)

    def _metadata(self):
        done = subprocess.run(
            ["kcat", "-b", self.address, "-L", "-J", "-m", "5"], capture_output=True, text=True,
            timeout=TOOL_SECONDS_MAX, check=False)
        return json.loads(done.stdout) if done.returncode == 0 else None

    def alive(self):
        """How many the cluster has, as a client that is not ours is told."""
        told = self._metadata()
        return len(told["brokers"]) if told else 0

    def topics(self):
        """The partitions of each topic, with leader and replicas."""
        told = self._metadata()
        assert told is not None
        return {one["topic"]: one["partitions"] for one in told["topics"] if one["partitions"]}

    def controller(self):
        """The number of the one that leads the quorum."""
        return quorum_leader(self.address.split(",")[0])

    def reassign(self, replicas_by_topic):
        """Gives the first partition of each topic other replicas, of which the first leads."""
        reassign_partitions(self.address.split(",")[0], replicas_by_topic)


@pytest.fixture(scope="module", name="brokers")
def brokers_of_a_file():
    with tempfile.TemporaryDirectory(prefix="weir-brokers-") as folder:
        made = Brokers(folder)
        try:
            yield made
        finally:
            made.stop()
