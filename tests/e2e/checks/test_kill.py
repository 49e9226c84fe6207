# SPDX-License-Identifier: Apache-2.0
"""kill -9 of every process of the task plane while events come: nothing is lost, doubled or left
over. `scripts/soak kill` runs it several times over."""

import collections
import os
import pathlib
import random
import tempfile

import pytest
from harness import Plane, until
from kill_rig import (AFTER, CHUNK, EVENTS_A_SECOND, ROWS, WINDOW, Feed, attempt_of_object,
                      committed_objects, objects_of, processes_of, serves, strays_of, strike,
                      twelve_jobs)

ROUNDS = 4  # kills of each victim
VICTIMS = ("dispatcher", "worker", "operator", "backend", "postmaster")
REPEATS = int(os.environ.get("WEIR_KILL_REPEATS", "1"))
SLOTS = 4  # of the worker
EVENTS_BETWEEN = 50  # on the average between two kills, and one manual run
READY_SECONDS = 60
SETTLE_SECONDS = 120
# A wake-up that nobody acknowledged comes again after 30 s.
QUIET_SECONDS = 60


def hurry(plane):
    """Ends waits for retries, which are 15 s long at the least."""
    plane.query("UPDATE tasks SET next_retry_at = clock_timestamp() WHERE state = 'retry_wait'")


def settle(plane):
    """Waits until no task is open, no side effect is owed, and no wake-up is on its way."""
    until(lambda: serves(plane), READY_SECONDS)

    def open_tasks():
        hurry(plane)
        return plane.query("SELECT queue, state, count(*) FROM tasks WHERE kind <> 'source_run'"
                           " AND state IN ('queued', 'running', 'retry_wait') GROUP BY 1, 2")

    until(lambda: open_tasks() == [], SETTLE_SECONDS, 0.5, open_tasks)

    def on_its_way():
        return plane.query("SELECT 'outbox', kind, state, count(*) FROM outbox"
                           " WHERE state <> 'sent'"
                           " GROUP BY 2, 3 UNION ALL SELECT 'queue', queue_name, '', count(*)"
                           " FROM queue_messages GROUP BY 2")

    until(lambda: on_its_way() == [], QUIET_SECONDS, 0.5, on_its_way)


def scopes_by_job(events, runs):
    """The scopes that each job's output must have, from how many events the sources sent."""
    cursors, windows = [str(n) for n in range(events)], range(0, runs - WINDOW + 1, WINDOW)
    parts = [f"c{n}" for n in range(runs)]
    return {
        "go": cursors, "copy": cursors, "more": cursors, "most": cursors, "copy1": cursors,
        "sums": [f"{at}-{at + WINDOW - 1}" for at in windows],
        "chunks": [f"{at}-{at + CHUNK - 1}" for start in windows
                   for at in range(start, start + WINDOW, CHUNK)],
        "start": [str(n) for n in range(runs)], "files": ["all"] * runs, "rows": ["all"] * runs,
        "part": parts, "after": parts,
    }


def events_by_job(plane):
    """Event ids and scopes of each job's output, in their order."""
    found = collections.defaultdict(list)
    for job, event, scope, seq in plane.query(
            "SELECT b.job_name, e.event_id, e.scope_key, e.seq FROM events e"
            " JOIN dataset_versions v USING (dataset_version) JOIN builds b USING (build_id)"
            " ORDER BY 1, e.seq"):
        found[job].append((event, scope))
        assert int(seq) == len(found[job]), job
    return found


def assert_every_event_is_there_once(plane, feed):
    """What was accepted is stored under the answered id; each job emitted its scopes, each once."""
    found = events_by_job(plane)
    expected = scopes_by_job(len(feed.events), len(feed.runs))
    assert set(found) == set(expected)
    for job, scopes in expected.items():
        counted = collections.Counter(scope for _, scope in found[job])
        assert counted == collections.Counter(scopes), job
    assert {event: int(scope) for event, scope in found["go"]} == {
        event: cursor for cursor, event in feed.events.items()}
    assert {event: int(scope) for event, scope in found["start"]} == {
        event: cursor for cursor, event in feed.runs.items()}
    return {job: [event for event, _ in events] for job, events in found.items()}


def assert_every_event_is_one_task_of_each_job(plane, events):
    """Each completed, by the last of its attempts alone."""
    for of, jobs in AFTER.items():
        for job in jobs:
            rows = plane.tasks("kill", job, "trigger_event_id, state")
            states = collections.Counter(state for _, state in rows)
            assert states == {"completed": len(events[of])}, job
            assert sorted(event for event, _ in rows) == sorted(events[of]), job
    wrong = plane.query(
        "SELECT t.task_id, t.attempt, array_agg(a.attempt || ' ' || a.outcome ORDER BY a.attempt)"
        " FROM tasks t JOIN attempts a USING (task_id) WHERE t.kind <> 'source_run' GROUP BY 1, 2"
        " HAVING count(*) <> t.attempt OR count(*) FILTER (WHERE a.outcome = 'success') <> 1"
        " OR max(a.attempt) FILTER (WHERE a.outcome = 'success') <> t.attempt")
    assert wrong == []
    assert plane.query("SELECT t.kind FROM leases l JOIN tasks t USING (task_id)") == [
        ["source_run"]]


def assert_state_is_that_of_an_undisturbed_run(plane, feed):
    """Cursors, the aggregator's manifests and state, revisions, rows of the table."""
    events, runs = len(feed.events), len(feed.runs)
    ends = dict(plane.query("SELECT b.job_name, c.cursor_int FROM dataset_cursors c"
                            " JOIN builds b USING (build_id)"))
    assert ends == {**dict.fromkeys((*AFTER["go"], *AFTER["copy"]), str(events - 1)),
                    **dict.fromkeys(AFTER["start"], str(runs - 1))}
    manifests = plane.query(
        "SELECT batch_no, manifest->>'start', manifest->>'end', manifest->>'count',"
        " manifest->>'first_seq', manifest->>'last_seq' FROM batch_manifests ORDER BY batch_no")
    assert manifests == [
        [str(number), str(at), str(at + WINDOW - 1), str(WINDOW), str(at + 1), str(at + WINDOW)]
        for number, at in enumerate(range(0, runs - WINDOW + 1, WINDOW))]
    for job in ("files", "rows"):
        revisions = plane.query(
            "SELECT p.revision, p.superseded_at IS NULL FROM partition_versions p"
            " JOIN dataset_versions v USING (dataset_version) JOIN builds b USING (build_id)"
            f" WHERE b.job_name = '{job}' ORDER BY 1")
        assert revisions == [[str(n), "t" if n == runs else "f"] for n in range(1, runs + 1)], job
    [[table]] = plane.query(
        "SELECT 'data.d_' || replace(v.dataset_version::text, '-', '') FROM dataset_versions v"
        " JOIN builds b USING (build_id) WHERE b.job_name = 'rows'")
    rows = plane.query(f"RESET ROLE; SELECT id, word, _weir_task_id FROM {table} ORDER BY 1")
    assert [row[:2] for row in rows] == [list(row) for row in ROWS.items()]
    marked = plane.query("SELECT task_id, rows_written FROM data.applied_scopes")
    assert marked == [[rows[0][2], str(len(ROWS))]]
    assert {row[2] for row in rows} == {rows[0][2]}
    assert [rows[0][2]] in plane.tasks("kill", "rows", "task_id")


def assert_no_file_is_left_over(plane):
    """Beside what is committed only what attempts staged that committed nothing."""
    attempts = {(task, attempt) for task, attempt in plane.query(
        "SELECT task_id, attempt FROM attempts EXCEPT SELECT producer_task_id, producer_attempt"
        " FROM partition_versions WHERE location IS NOT NULL")}
    staged = objects_of(plane) - committed_objects(plane)
    assert {attempt_of_object(path) for path in staged} <= attempts
    scratch = plane.state_dir / "scratch"

    def left():
        return [str(path.relative_to(scratch)) for path in scratch.rglob("*") if not path.is_dir()
                and not path.name.endswith((".sock", ".sock.lock")) and path.name != "lock"]

    until(lambda: left() == [], 10, told=left)
    assert len(list(scratch.iterdir())) == 1  # of the worker that runs
    # An empty folder a slot may wait for the next attempt.
    assert len([path for path in scratch.glob("*/*") if path.is_dir()]) <= SLOTS


def assert_no_process_is_left_over(plane):
    until(lambda: strays_of(plane) == {}, 10, told=lambda: strays_of(plane))
    idle = "SELECT pid, query FROM pg_stat_activity WHERE state LIKE 'idle in transaction%'"
    until(lambda: plane.query(idle) == [], 10, told=lambda: plane.query(idle))


def kill_rounds(plane, feed, dice):
    """Kills each victim so many times, in a random order, at random moments."""
    rounds = [victim for victim in VICTIMS for _ in range(ROUNDS)]
    dice.shuffle(rounds)
    for victim in rounds:
        until(lambda: serves(plane), READY_SECONDS)
        hurry(plane)
        feed.grows(int(EVENTS_BETWEEN * dice.uniform(0.5, 1.5)))
        until(lambda: strike(plane, victim, dice), 30, 0.01,  # noqa: B023 - called at once
              lambda: f"no {victim} to kill\n{(plane.state_dir / 'up.log').read_text()}")
    assert len(feed.events) > len(rounds) * EVENTS_A_SECOND / 2


@pytest.mark.parametrize("seed", range(REPEATS))
def test_nothing_is_lost_doubled_or_orphaned_when_processes_are_killed(seed):
    dice = random.Random(seed)
    with tempfile.TemporaryDirectory(prefix="weir-kill-") as folder:
        os.chmod(folder, 0o755)
        small = pathlib.Path(folder) / "small"
        small.mkdir(mode=0o755)
        (small / "small.csv").write_text(
            "id,word\n" + "".join(f"{number},{word}\n" for number, word in ROWS.items()))
        plane = Plane(pathlib.Path(folder) / "state", "--worker-slots", SLOTS,
                      "--ingest-root", f"small={small}")
        try:
            plane.deploy(twelve_jobs())
            manager = plane.pid_of("dagmanager")
            with Feed(plane, plane.source_by_hand("kill")) as feed:
                kill_rounds(plane, feed, dice)
            settle(plane)
            # One more of each, without a fault: it takes away what those before left half done.
            cursor = len(feed.runs)
            feed.runs[cursor] = plane.run_job("kill", "start", cursor=cursor)["event_id"]
            settle(plane)
            events = assert_every_event_is_there_once(plane, feed)
            assert_every_event_is_one_task_of_each_job(plane, events)
            assert_state_is_that_of_an_undisturbed_run(plane, feed)
            assert_no_file_is_left_over(plane)
            assert_no_process_is_left_over(plane)
            assert plane.pid_of("dagmanager") == manager, "it outlives PostgreSQL's restarts"
            plane.check()
        finally:
            plane.stop()
        assert processes_of(folder) == {}
