# SPDX-License-Identifier: Apache-2.0
"""A peer and its driver process: the line protocol that README.md describes."""

import json
import os
import queue
import subprocess
import threading
import time
from dataclasses import dataclass, field


@dataclass
class Peer:
    name: str
    argv: list
    unfinished: str  # SQL, a count: tasks not yet durably finished
    # SQL, a count: rows kept for finished tasks; empty when they are deleted.
    handled_rows: str = ""
    procs: int = 1  # worker processes in drains
    version: str = ""
    env: dict = field(default_factory=dict)
    # Empty: all; a variant of a peer may take part in drains only.
    phases: list = field(default_factory=list)


class Driver:
    """One running driver process. Events are queued with the time of their arrival."""

    def __init__(self, peer, role, args, url, profile, events=None):
        self.peer, self.role = peer, role
        self.events = events if events is not None else queue.Queue()
        self.started = time.monotonic()
        self.process = subprocess.Popen(
            [*peer.argv, role, *map(str, args)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, **peer.env, "DATABASE_URL": url, "PEER_PROFILE": profile},
        )
        self.pid = self.process.pid
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        for line in self.process.stdout:
            if line.startswith("{"):
                self.events.put((time.monotonic(), self, json.loads(line)))
        self.events.put((time.monotonic(), self, {"ev": "eof"}))

    def tell(self, word):
        try:
            self.process.stdin.write(word + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            pass

    def expect(self, name, timeout):
        """The named event and its arrival time; other events on the way are dropped."""
        end = time.monotonic() + timeout
        while True:
            at, _, event = self.events.get(timeout=max(0.01, end - time.monotonic()))
            if event["ev"] == name:
                return at, event
            if event["ev"] == "eof":
                raise RuntimeError(f"{self.peer.name} {self.role}: ended before '{name}'")

    def stop(self, timeout=30):
        self.tell("stop")
        try:
            self.process.wait(timeout=timeout)
        except subprocess.TimeoutExpired:
            self.process.terminate()
            try:
                self.process.wait(timeout=5)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


def once(peer, role, args, url, profile="tuned", event=None, timeout=900):
    driver = Driver(peer, role, args, url, profile)
    try:
        said = driver.expect(event, timeout)[1] if event else None
        if driver.process.wait(timeout=timeout) != 0:
            raise RuntimeError(f"{peer.name} {role} failed")
        return said
    finally:
        if driver.process.poll() is None:
            driver.process.kill()
            driver.process.wait()
