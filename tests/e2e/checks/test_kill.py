# SPDX-License-Identifier: Apache-2.0
"""kill -9 of every process of the task plane while events come: nothing is lost, doubled or left
over. `scripts/soak kill` runs it several times over."""

import collections
import http.client
import json
import os
import pathlib
import random
import signal
import tempfile
import threading
import time

import pytest
from harness import BY_HAND, MANUAL, Plane, any_id, children_of, dag, until, words_of

ROUNDS = 4  # kills of each victim
VICTIMS = ("dispatcher", "worker", "operator", "backend", "postmaster")
EVENTS_A_SECOND = 50
RUNS_A_SECOND = 1  # manual runs, which start processes
REPEATS = int(os.environ.get("WEIR_KILL_REPEATS", "1"))
EVENTS_BETWEEN = 75  # on the average between two kills, and one manual run
ACCEPTED_SECONDS = 120
SETTLE_SECONDS = 90
CHAIN = ("n1", "n2", "n3", "n4", "n5", "n6")  # jobs that each event reaches
HEAVY = ("files", "part", "rows", "after")  # jobs that each manual run reaches


def twelve_jobs():
    """Two DAGs of twelve jobs together, their sources among them; a fan-out of three in each."""
    noop = {"runtime": "dispatcher", "operator": "noop"}
    patience = {"heartbeat_timeout_seconds": 5, "max_attempts": 100, "timeout_seconds": 60}
    ingest = {"operator": "table_ingest", "extra": ("config:", "  root: small",
              "  path: small.csv", "  format: csv", "  columns: { id: bigint, word: text }")}
    chain = dag("chain", *({"job": job, "of": of, **noop} for job, of in (
        ("n1", "go"), ("n2", "go"), ("n3", "go"), ("n4", "n1"), ("n5", "n1"), ("n6", "n1"))),
        source=BY_HAND, defaults=patience)
    heavy = dag("heavy", {"job": "files", **ingest},
                {"job": "part", "operator": "partition"},
                {"job": "rows", **ingest},
                {"job": "after", "of": "part", **noop},
                source=MANUAL, defaults=patience, publish={
                    "kill_files": ("files", ", storage: s3"),
                    "kill_rows": ("rows", ", storage: postgres, write_mode: direct")})
    return chain, heavy


class Feed:
    """Sends events and manual runs until it is stopped, each until it was accepted, and remembers
    the answers."""

    def __init__(self, plane, fence):
        self.plane = plane
        self.fence = fence
        self.events = {}
        self.runs = {}
        self._stop = threading.Event()
        self._faults = []
        self._threads = [threading.Thread(target=self._guard, args=(work,)) for work in
                         (self._emit, self._run)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        for thread in self._threads:
            thread.join()
        assert not self._faults, self._faults

    def grows(self, events):
        """Waits until so many more events, and one more manual run, were accepted."""
        events, runs = len(self.events) + events, len(self.runs) + 1
        until(lambda: self._faults or (len(self.events) >= events and len(self.runs) >= runs),
              ACCEPTED_SECONDS)
        assert not self._faults, self._faults

    def _guard(self, work):
        try:
            work()
        except Exception as fault:  # noqa: BLE001 - told to the test at its end
            self._faults.append(repr(fault))

    def _accepted(self, send, status):
        """Repeats the very same request until it is answered with the status."""

        def accepted():
            try:
                answer = send()
            except (OSError, ValueError, http.client.HTTPException):
                return None  # cut, or nobody is there
            if answer.status == status:
                return answer
            assert answer.status in (429, 500, 503), answer
            return None

        return until(accepted, ACCEPTED_SECONDS, 0.1).body

    def _emit(self):
        cursor, began = 0, time.monotonic()
        while not self._stop.is_set():
            due = int((time.monotonic() - began) * EVENTS_A_SECOND)
            while cursor < due:
                event = {"output": 0, "cursor": cursor}
                body = self._accepted(lambda: self.plane.emit(self.fence, [event]), 200)
                self.events[cursor] = body["results"][0]["event_id"]
                cursor += 1
            self._stop.wait(1 / EVENTS_A_SECOND)

    def _run(self):
        cursor = 0
        while not self._stop.wait(1 / RUNS_A_SECOND):
            path = "/v1/dags/heavy/jobs/go/runs"
            body = json.dumps({"cursor": cursor})
            headers = {"Content-Type": "application/json", "Idempotency-Key": f"run-{cursor}",
                       "Authorization": f"Bearer {self.plane.user_token()}"}
            got = self._accepted(lambda: self.plane.ask("user", "POST", path, body, headers), 202)
            self.runs[cursor] = got["event_id"]
            cursor += 1


def serves(plane):
    """The dispatcher answers, its database too, and the worker runs."""
    try:
        asked = plane.internal(f"task-fetch?task_id={any_id()}", method="GET", timeout=2)
    except (OSError, http.client.HTTPException):
        return False
    return asked.status == 404 and plane.pid_of("worker") is not None


def backends(plane):
    """Sessions of the roles, by their process title."""
    return [pid for pid in children_of(plane.postmaster())
            if " weir weir " in " ".join(words_of(pid))]


def strike(plane, victim, dice):
    """Kills one process of a kind, once there is one; gives whether it found one."""
    if victim in ("dispatcher", "worker"):
        found = [plane.pid_of(victim)]
    elif victim == "postmaster":
        found = [plane.postmaster()]
    elif victim == "backend":
        found = backends(plane)
    else:
        found = children_of(plane.pid_of("worker") or -1)
    found = [pid for pid in found if pid]
    if not found:
        return False
    try:
        os.kill(dice.choice(found), signal.SIGKILL)
    except ProcessLookupError:
        return False
    return True


def hurry(plane):
    """Ends waits for retries, which are 15 s long at the least."""
    plane.query("UPDATE tasks SET next_retry_at = clock_timestamp() WHERE state = 'retry_wait'")


def open_tasks(plane):
    return plane.number("SELECT count(*) FROM tasks WHERE kind <> 'source_run'"
                        " AND state IN ('queued', 'running', 'retry_wait')")


def settle(plane):
    until(lambda: serves(plane), 60)

    def over():
        if open_tasks(plane) == 0:
            return True
        hurry(plane)
        return False

    def left():
        return plane.query("SELECT queue, state, attempt, count(*) FROM tasks"
                           " WHERE state IN ('queued', 'running', 'retry_wait') GROUP BY 1, 2, 3")

    until(over, SETTLE_SECONDS, 0.5, left)


def assert_each_once(plane, name, job, events):
    """Every accepted event became exactly one task of the job, which is completed."""
    rows = plane.tasks(name, job, "trigger_event_id, state")
    assert collections.Counter(state for _, state in rows) == {"completed": len(events)}, job
    counted = collections.Counter(event for event, _ in rows)
    assert set(counted) == set(events) and set(counted.values()) == {1}, job


def assert_nothing_left_over(plane):
    assert plane.query("SELECT task_id FROM leases l JOIN tasks t USING (task_id)"
                       " WHERE t.kind <> 'source_run'") == []
    worker = plane.pid_of("worker")
    until(lambda: children_of(worker) == [], 10)
    ours = str(plane.state_dir)
    strays = [pid for pid in map(int, filter(str.isdigit, os.listdir("/proc")))
              if "partition.py" in " ".join(words_of(pid)) or (
                  "operator" in words_of(pid) and ours in " ".join(words_of(pid)))]
    assert strays == []
    until(lambda: list((plane.state_dir / "scratch").glob("*/*/stdin")) == [], 10)
    # Every file that a partition names is there, with its size.
    for location, size in plane.query(
            "SELECT location, bytes FROM partition_versions WHERE superseded_at IS NULL"
            " AND location IS NOT NULL AND location LIKE 'file://%'"):
        folder = pathlib.Path(location.removeprefix("file://"))
        assert (folder / "_SUCCESS").exists() and (folder / "_manifest.json").exists(), folder
        files = json.loads((folder / "_manifest.json").read_text())["objects"]
        assert sum(item["size"] for item in files) == int(size)
        for item in files:
            assert (folder / item["key"]).stat().st_size == item["size"]


def assert_rows_once(plane):
    """The direct table has the file's rows, once, whatever was repeated."""
    [[table]] = plane.query(
        "SELECT 'data.' || quote_ident(tablename) FROM pg_tables WHERE schemaname = 'data'"
        " AND tablename LIKE 'ds\\_%' OR schemaname = 'data' AND tablename LIKE 'd\\_%'")
    rows = plane.query(f"SELECT id, count(*) FROM {table} GROUP BY 1 ORDER BY 1")
    assert rows == [["1", "1"], ["2", "1"], ["3", "1"]]


@pytest.mark.parametrize("seed", range(REPEATS))
def test_nothing_is_lost_doubled_or_orphaned_when_processes_are_killed(seed):
    dice = random.Random(seed)
    with tempfile.TemporaryDirectory(prefix="weir-kill-") as folder:
        os.chmod(folder, 0o755)
        small = pathlib.Path(folder) / "small"
        small.mkdir(mode=0o755)
        (small / "small.csv").write_text("id,word\n1,one\n2,two\n3,three\n")
        plane = Plane(pathlib.Path(folder) / "state", "--ingest-root", f"small={small}")
        try:
            chain, heavy = twelve_jobs()
            plane.deploy(chain)
            plane.deploy(heavy)
            rounds = [victim for victim in VICTIMS for _ in range(ROUNDS)]
            dice.shuffle(rounds)
            with Feed(plane, plane.source_by_hand("chain")) as feed:
                for victim in rounds:
                    until(lambda: serves(plane), 60)
                    feed.grows(int(EVENTS_BETWEEN * dice.uniform(0.5, 1.5)))
                    try:
                        until(lambda: strike(plane, victim, dice), 30, 0.01)
                    except AssertionError as fault:
                        told = (plane.state_dir / "up.log").read_text()
                        raise AssertionError(f"no {victim} to kill\n{told}") from fault
            settle(plane)
            assert len(feed.events) > len(rounds) * EVENTS_A_SECOND / 2
            for job in CHAIN[:3]:
                assert_each_once(plane, "chain", job, feed.events.values())
            for job in HEAVY[:3]:
                assert_each_once(plane, "heavy", job, feed.runs.values())
            reached = plane.number("SELECT count(*) FROM events")
            assert reached >= len(feed.events) + 3 * len(feed.runs)
            assert_nothing_left_over(plane)
            assert_rows_once(plane)
            plane.check()
        finally:
            plane.stop()
