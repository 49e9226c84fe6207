# SPDX-License-Identifier: Apache-2.0
"""A dispatcher that dies at each step of what it does, and deliveries in any order: checks B10 and
B20 of the contract."""

import http.client
import json
import os
import pathlib
import random
import signal
import tempfile

import pytest
from harness import BY_HAND, Plane, any_id, code_of, dag, needs_crash_points, until
from kill_rig import serves

KILLED = 137  # what a crash point ends with
UNIT = 10_000  # of a window
CURSORS = tuple(range(0, 7 * UNIT, 2_500))
# Each transaction over tasks passes both: an event, a claim, an emission, a completion, and again.
LABELS = ("tasks_before_commit", "tasks_after_commit")
PASSINGS = (1, 2, 3, 4, 5, 7)
RECOVERY_SECONDS = 120  # it brings every file of the database to the disk first
QUICK = {"heartbeat_timeout_seconds": 5, "max_attempts": 50}


@pytest.fixture(scope="module")
def running():
    """With a worker that has nothing to do: all of this is the dispatcher's."""
    with tempfile.TemporaryDirectory(prefix="weir-checks-") as folder:
        os.chmod(folder, 0o755)
        plane = Plane(pathlib.Path(folder) / "state", children="sleeper")
        try:
            yield plane
        finally:
            plane.stop()


def windows(name):
    """A stream by hand, its windows, their halves, and what follows each: all in the dispatcher."""
    inline = {"runtime": "dispatcher"}
    return dag(
        name,
        {"job": "sum", "operator": "range_aggregator", **inline,
         "extra": (f"config: {{ cursor_column: n, range_size: {UNIT} }}",)},
        {"job": "half", "of": "sum", "operator": "range_splitter", "strategy": "PerPartition",
         **inline, "extra": (f"config: {{ chunk_size: {UNIT // 2} }}",)},
        {"job": "copy", "of": "half", "operator": "noop", "strategy": "PerPartition", **inline},
        source=BY_HAND, defaults=QUICK)


class Replica:
    """One more dispatcher on the same database, which dies at a labelled point; events go to it
    first, so that it is the one that works on them."""

    def __init__(self, plane, label, passing):
        self.plane = plane
        name = f"replica-{label}-{passing}"
        folder = plane.state_dir / "sockets"
        self.socket = folder / f"{len(plane.extra)}.sock"
        config = plane.config(name + ".yml", http_port=0, internal_socket=f"'{self.socket}'",
                              task_socket=f"'{folder / f'{len(plane.extra)}t.sock'}'")
        self.process = plane.start("dispatcher", "--config", config,
                                   env={"WEIR_CRASH_AT": f"{label}:{passing}"})
        until(lambda: self.socket.exists() or self.process.poll() is not None)

    def emit(self, fence, events):
        """False if it was not answered."""
        own, self.plane.socket = self.plane.socket, str(self.socket)
        try:
            return self.plane.emit(fence, events).status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            self.plane.socket = own

    def has_died(self):
        code = self.process.poll()
        assert code in (None, KILLED), code
        return code == KILLED


def emitted(plane, fence, cursors):
    answer = plane.emit(fence, [{"output": 0, "cursor": cursor} for cursor in cursors])
    assert answer.status == 200, answer
    return answer.body["results"]


def settled(plane, like, seconds=90):
    def is_open():
        plane.hurry()
        return plane.query(
            "SELECT b.dag_name, b.job_name, t.state, t.attempt, count(*) FROM tasks t"
            f" JOIN builds b USING (build_id) WHERE b.dag_name LIKE '{like}'"
            " AND t.kind = 'reactive' AND t.state IN ('queued', 'running', 'retry_wait')"
            " GROUP BY 1, 2, 3, 4")

    until(lambda: is_open() == [], seconds, 0.2, is_open)


def outcome(plane, name):
    """What a DAG's run left, without ids and instants: events of each job in their order,
    manifests, operator state, tasks."""
    of = f"b.dag_name = '{name}'"
    return [
        plane.query("SELECT b.job_name, e.seq, e.kind, e.scope_key, e.cursor_int, e.range_start,"
                    " e.range_end, e.payload - 'source' FROM events e JOIN dataset_versions v"
                    f" USING (dataset_version) JOIN builds b USING (build_id) WHERE {of}"
                    " AND b.job_name IN ('go', 'sum') ORDER BY 1, 2"),
        # Tasks of these inputs run side by side, so only what they emit is given, not its order.
        plane.query("SELECT b.job_name, e.kind, e.scope_key, e.range_start, e.range_end"
                    " FROM events e JOIN dataset_versions v USING (dataset_version)"
                    f" JOIN builds b USING (build_id) WHERE {of}"
                    " AND b.job_name IN ('half', 'copy') ORDER BY 1, 3"),
        plane.query("SELECT m.batch_no, m.manifest - 'source' FROM batch_manifests m"
                    f" JOIN builds b USING (build_id) WHERE {of} ORDER BY 1"),
        plane.query("SELECT s.state_key, s.revision, (SELECT jsonb_agg(value - 'high_task')"
                    " FROM jsonb_each(s.state->'windows')) FROM operator_state s"
                    f" JOIN builds b USING (build_id) WHERE {of} ORDER BY 1"),
        plane.query("SELECT b.job_name, t.state, count(*), count(DISTINCT t.trigger_event_id)"
                    f" FROM tasks t JOIN builds b USING (build_id) WHERE {of}"
                    " AND t.kind = 'reactive' GROUP BY 1, 2 ORDER BY 1"),
        plane.query("SELECT b.job_name, c.cursor_int FROM dataset_cursors c JOIN builds b"
                    f" USING (build_id) WHERE {of} ORDER BY 1"),
    ]


@pytest.fixture(name="plain", scope="module")
def undisturbed(running):
    """What a run leaves that nothing happens to."""
    running.deploy(windows("b20plain"))
    emitted(running, running.source_by_hand("b20plain"), CURSORS)
    settled(running, "b20plain")
    return outcome(running, "b20plain")


def test_b20_an_undisturbed_run_has_a_manifest_a_window(plane, plain):
    manifests = [json.loads(manifest) for _, manifest in plain[2]]
    assert len(plain[0]) == len(CURSORS) + len(manifests) and len(plain[3]) == 1
    assert [(m["start"], m["end"], m["count"]) for m in manifests] == [
        (at, at + UNIT - 1, 4) for at in range(0, 6 * UNIT, UNIT)]
    assert [row for row in plain[4] if row[0] == "copy"] == [["copy", "completed", "12", "12"]]


@needs_crash_points
def test_b10_b20_a_dispatcher_that_dies_at_any_step_leaves_the_same_state(plane, plain):
    """Each crash in a DAG of its own, in the middle of its stream; the other replica takes over."""
    died = 0
    for label in LABELS:
        for passing in PASSINGS:
            name = f"b20-{label.split('_')[1]}-{passing}"
            plane.deploy(windows(name))
            fence = plane.source_by_hand(name)
            replica, sent = Replica(plane, label, passing), 0
            while sent < len(CURSORS):
                some = CURSORS[sent:sent + 4]
                events = [{"output": 0, "cursor": cursor} for cursor in some]
                if not replica.emit(fence, events):
                    emitted(plane, fence, some)  # the very same once more, where somebody answers
                sent += 4
            emitted(plane, fence, CURSORS)
            until(replica.has_died)
            died += 1
    assert died == len(LABELS) * len(PASSINGS)
    settled(plane, "b20-%")
    for label in LABELS:
        for passing in PASSINGS:
            assert outcome(plane, f"b20-{label.split('_')[1]}-{passing}") == plain, (label, passing)


def test_b20_wake_ups_lost_doubled_and_shuffled_change_nothing(plane, plain):
    """The bells of an ordered input come in any order, several times, or not at all."""
    plane.deploy(windows("b20bells"))
    fence, dice = plane.source_by_hand("b20bells"), random.Random(20)
    for at in range(0, len(CURSORS), 3):
        results = emitted(plane, fence, CURSORS[at:at + 3])
        tasks = [plane.task_of("b20bells", "sum", entry["event_id"]) for entry in results]
        bells = dice.sample(tasks, len(tasks)) + dice.choices(tasks, k=3)
        plane.query("DELETE FROM queue_messages WHERE queue_name = 'tasks.dispatcher.normal';"
                    " INSERT INTO queue_messages (queue_name, payload) SELECT"
                    " 'tasks.dispatcher.normal', jsonb_build_object('task_id', id) FROM"
                    f" unnest(ARRAY[{', '.join(repr(task) for task in bells)}]::text[]) AS t (id)")
        # Who names a later one out of its turn gets none.
        for task in reversed(tasks):
            [entry] = plane.claim("stranger", task_ids=[task], runtime="dispatcher",
                                  operators=["nothing"], claim_id=any_id())
            assert code_of(entry) == "not_claimed", entry
    settled(plane, "b20bells")
    assert outcome(plane, "b20bells") == plain


def test_b10_what_was_answered_outlives_the_database(plane):
    """PostgreSQL writes its log by itself as seldom as it can be told to, and is killed the moment
    an answer is there: what an answer speaks of was written for it."""
    plane.deploy(dag("lasting", {"job": "step"}, source=BY_HAND, defaults=QUICK))
    fence = plane.source_by_hand("lasting")
    for sql in ("ALTER SYSTEM SET wal_writer_delay = '10s'", "SELECT pg_reload_conf()"):
        plane.query(sql, superuser=True)
    accepted = {}
    try:
        for cursor in range(5):
            postmaster = plane.postmaster()
            [entry] = emitted(plane, fence, [cursor])
            os.kill(postmaster, signal.SIGKILL)
            accepted[entry["event_id"]] = str(cursor)
            until(lambda: serves(plane) and plane.postmaster() != postmaster,  # noqa: B023
                  RECOVERY_SECONDS, told=lambda: (plane.state_dir / "up.log").read_text())
    finally:
        for sql in ("ALTER SYSTEM RESET wal_writer_delay", "SELECT pg_reload_conf()"):
            plane.query(sql, superuser=True)
    found = plane.query("SELECT e.event_id, e.cursor_int FROM events e JOIN tasks t ON t.task_id ="
                        " e.producer_task_id JOIN builds b USING (build_id)"
                        " WHERE b.dag_name = 'lasting'")
    assert dict(found) == accepted
    assert len(plane.tasks("lasting", "step")) == len(accepted)
