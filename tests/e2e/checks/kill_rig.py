# SPDX-License-Identifier: Apache-2.0
"""What the kill test works with: a DAG of twelve jobs, a feed that repeats each request until it is
accepted, victims, and a look at what is left of the processes and files of a `weir up`."""

import http.client
import json
import os
import pathlib
import signal
import time

from background_load import BackgroundLoad
from harness import BY_HAND, MANUAL, any_id, children_of, dag, until, words_of

EVENTS_A_SECOND = 50
RUNS_A_SECOND = 1  # manual runs, which start processes
ACCEPTED_SECONDS = 120
WINDOW = 10  # cursors of a window of the aggregator
CHUNK = 5  # of these, of the splitter
ROWS = {"1": "one", "2": "two", "3": "three"}
# Jobs that each event of a job reaches: a fan-out of three, and of four.
AFTER = {
    "go": ("copy", "more", "most"), "start": ("files", "part", "rows", "sums"),
    "copy": ("copy1",), "part": ("after",), "sums": ("chunks",),
}


def twelve_jobs():
    """A DAG of twelve jobs, two sources among them: `go` by hand, `start` by manual runs."""
    noop = {"runtime": "dispatcher", "operator": "noop"}
    ingest = {"operator": "table_ingest", "extra": (
        "config:", "  root: small", "  path: small.csv", "  format: csv",
        "  columns: { id: bigint, word: text }")}
    return dag(
        "kill",
        {"job": "copy", **noop}, {"job": "more", **noop}, {"job": "most", **noop},
        {"job": "copy1", "of": "copy", **noop},
        {"job": "sums", "of": "start", "runtime": "dispatcher", "operator": "range_aggregator",
         "extra": (f"config: {{ cursor_column: n, range_size: {WINDOW} }}",)},
        {"job": "chunks", "of": "sums", "runtime": "dispatcher", "operator": "range_splitter",
         "strategy": "PerPartition", "extra": (f"config: {{ chunk_size: {CHUNK} }}",)},
        {"job": "files", "of": "start", **ingest},
        {"job": "part", "of": "start", "operator": "partition"},
        {"job": "rows", "of": "start", **ingest},
        {"job": "after", "of": "part", **noop},
        source=BY_HAND + MANUAL.replace("{source}", "start"),
        defaults={"heartbeat_timeout_seconds": 5, "max_attempts": 100, "timeout_seconds": 60},
        publish={"kill_files": ("files", ", storage: s3"),
                 "kill_rows": ("rows", ", storage: postgres, write_mode: direct")})


class Feed(BackgroundLoad):
    """Sends events and manual runs until it is stopped, each until it was accepted, and remembers
    the answers."""

    def __init__(self, plane, fence):
        super().__init__(self._emit, self._run)
        self.plane = plane
        self.fence = fence
        self.events = {}
        self.runs = {}

    def grows(self, events):
        """Waits until so many more events, and one more manual run, were accepted."""
        events, runs = len(self.events) + events, len(self.runs) + 1
        until(lambda: self.faults or (len(self.events) >= events and len(self.runs) >= runs),
              ACCEPTED_SECONDS)
        assert not self.faults, self.faults

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
        """Events at their rate; what fell due while nobody answered is sent at once, as one."""
        cursor, began = 0, time.monotonic()
        while not self._stop.wait(1 / EVENTS_A_SECOND):
            due = min(int((time.monotonic() - began) * EVENTS_A_SECOND), cursor + 1000)
            events = [{"output": 0, "cursor": number} for number in range(cursor, due)]
            if not events:
                continue
            body = self._accepted(lambda: self.plane.emit(self.fence, events), 200)
            for event, entry in zip(events, body["results"], strict=True):
                self.events[event["cursor"]] = entry["event_id"]
            cursor = due

    def _run(self):
        cursor = 0
        while not self._stop.wait(1 / RUNS_A_SECOND):
            path = "/v1/dags/kill/jobs/start/runs"
            body = json.dumps({"cursor": cursor})
            headers = {"Content-Type": "application/json", "Idempotency-Key": f"run-{cursor}",
                       "Authorization": f"Bearer {self.plane.user_token()}"}
            got = self._accepted(lambda: self.plane.ask("user", "POST", path, body, headers), 202)
            self.runs[cursor] = got["event_id"]
            cursor += 1


# Processes ------------------------------------------------------------------------------------


def serves(plane):
    """The database takes new sessions, the dispatcher answers, and the worker runs."""
    try:
        plane.query("SELECT")
    except AssertionError:
        return False
    try:
        asked = plane.internal(f"task-fetch?task_id={any_id()}", method="GET", timeout=2)
    except (OSError, http.client.HTTPException):
        return False
    return asked.status == 404 and plane.pid_of("worker") is not None


def name_of(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""


def operators(plane):
    """Children of the worker that run an operator: all but its guardian."""
    return [pid for pid in children_of(plane.pid_of("worker") or -1)
            if name_of(pid) not in ("", "guardian")]


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
    else:
        found = {"backend": backends, "operator": operators}[victim](plane)
    found = [pid for pid in found if pid]
    if not found:
        return False
    try:
        os.kill(dice.choice(found), signal.SIGKILL)
    except ProcessLookupError:
        return False
    return True


def processes_of(folder):
    """Every process that works in a folder, or whose words or environment name it, by number; of
    this process's ancestors none."""
    own, found = str(folder), {}
    for entry in pathlib.Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            told = " ".join(words_of(int(entry.name)))
            told += (entry / "environ").read_bytes().decode(errors="replace")
            works = os.readlink(entry / "cwd")
        except OSError:
            continue
        if own in told or works.startswith(own):
            found[int(entry.name)] = f"{name_of(int(entry.name))}: {told[:80]!r} in {works}"
    return found


def strays_of(plane):
    """Those of them that are none of: `weir up`, its roles, the worker's guardian, and what belongs
    to PostgreSQL."""
    up, postmaster, worker = plane.note["pid"], plane.postmaster(), plane.pid_of("worker")
    kept = {up, *children_of(up), *children_of(postmaster)}
    kept |= {pid for pid in children_of(worker) if name_of(pid) == "guardian"}
    return {pid: told for pid, told in processes_of(plane.state_dir).items() if pid not in kept}


# Files ----------------------------------------------------------------------------------------


def objects_of(plane):
    """Every file of the object store, by its path below the root."""
    root = plane.state_dir / "objects"
    return {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}


def committed_objects(plane):
    """What the commits that partitions name consist of; each is there with its size."""
    root, named = plane.state_dir / "objects", set()
    for location, size, rows in plane.query(
            "SELECT location, bytes, row_count FROM partition_versions WHERE location IS NOT NULL"):
        folder = pathlib.Path(location.removeprefix("file://"))
        objects = json.loads((folder / "_manifest.json").read_text())["objects"]
        assert sum(item["size"] for item in objects) == int(size), folder
        assert sum(item["rows"] for item in objects) == int(rows), folder
        for item in objects:
            assert (folder / item["key"]).stat().st_size == item["size"], folder
        prefix = folder.relative_to(root)
        named |= {str(prefix / item["key"]) for item in objects}
        named |= {str(prefix / name) for name in ("_manifest.json", "_SUCCESS")}
    return named


def attempt_of_object(path):
    """Task and attempt of the staging that an object stands in."""
    words = path.split("/")
    assert words[0] == "datasets" and words[3] == "_staging", path
    return words[4], words[5]
