# SPDX-License-Identifier: Apache-2.0
"""Claims, fences, retries: checks A1, A4, A6, A10, B9, B10 and B22 of the contract."""

import collections
import contextlib
import itertools
import json
import os
import select
import signal
import subprocess
import threading

from harness import BY_HAND, any_id, code_of, dag, fence_of, until

ROUNDS = 200  # of check A1
MANY = 10_000  # tasks of check B22
QUICK = {"heartbeat_timeout_seconds": 5, "max_attempts": 2}  # the shortest lease there is


def both(first, second):
    """Runs two functions at the same instant; gives what they gave."""
    gate = threading.Barrier(2)
    got = [None, None]

    def run(place, work):
        gate.wait()
        got[place] = work()

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate((first, second))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return got


def rows_of(plane, task_id):
    """All that the database says of a task: what a refused call must leave as it is."""
    return [
        plane.query(f"SELECT t.*, xmin FROM {table} t WHERE {key} = '{task_id}' ORDER BY 1, 2")
        for table, key in (
            ("tasks", "task_id"),
            ("attempts", "task_id"),
            ("leases", "task_id"),
            ("events", "producer_task_id"),
        )
    ]


def one_task(plane, name, defaults=None):
    """A queued task of a job by hand, its trigger a manual run."""
    plane.deploy(dag(name, {"job": "step"}, {"job": "after", "of": "step"}, defaults=defaults))
    return plane.task_of(name, "step", plane.run_job(name, cursor=7)["event_id"])


def test_a1_duplicate_claims_do_not_double_run(plane):
    plane.deploy(dag("a1", {"job": "step"}, source=BY_HAND))
    plane.feed("a1", ROUNDS)
    tasks = plane.tasks("a1", "step", "task_id")
    assert len(tasks) == ROUNDS
    for [task_id] in tasks:
        pair = both(
            lambda: plane.claim_one(task_id, "one"), lambda: plane.claim_one(task_id, "two")
        )
        assert sorted(code_of(entry) for entry in pair) == ["done", "not_claimed"], pair
        [refused] = [entry["problem"] for entry in pair if "problem" in entry]
        assert (refused["status"], refused["reason"]) == (409, "already_running")
    counted = plane.query(
        "SELECT count(*), count(DISTINCT a.task_id), count(*) FILTER (WHERE a.state = 'active'),"
        " (SELECT count(*) FROM leases l JOIN tasks t USING (task_id) WHERE t.kind = 'reactive')"
        " FROM attempts a JOIN tasks t USING (task_id) WHERE t.kind = 'reactive'"
    )
    assert counted == [[str(ROUNDS)] * 4]


POLL = {"worker_id": "hand", "queues": ["tasks.ecs_platform.normal"], "max": 4, "wait_seconds": 20}


def poll_that_claims():
    """A poll of tasks that the worker of the plane does not run, with the claim it asks for."""
    return {
        **POLL,
        "claim": {"claim_id": any_id(), "runtime": "ecs_platform", "operators": ["hand"]},
    }


def answer_all_wakeups(plane):
    """Those of other tests."""
    acks = []
    while True:
        asked = {**POLL, "max": 256, "wait_seconds": 0, "ack": acks}
        messages = plane.internal("wakeups", asked).body["messages"]
        if not messages:
            return
        acks = [{key: m[key] for key in ("message_id", "receipt")} for m in messages]


@contextlib.contextmanager
def locked(plane, table):
    """Who writes to the table waits."""
    dsn = plane.dsn.replace("//weir@", "//postgres@")
    with subprocess.Popen(
        ["psql", "--no-psqlrc", "-qAt", "--dbname", dsn],
        text=True,
        cwd="/",
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as session:
        session.stdin.write(f"BEGIN; LOCK TABLE {table} IN SHARE MODE; SELECT 'locked';\n")
        session.stdin.flush()
        assert session.stdout.readline() == "locked\n"
        yield
        session.stdin.close()


def test_a_poll_is_answered_with_the_claim_it_asks_for(plane):
    plane.deploy(dag("polled", {"job": "step"}))
    answer_all_wakeups(plane)
    claimed, told, over = {}, set(), threading.Event()

    def poll():
        """What others left may ring again meanwhile."""
        while not over.is_set():
            asked = {**poll_that_claims(), "wait_seconds": 2}
            body = plane.internal("wakeups", asked).body
            told.update(message["payload"]["task_id"] for message in body["messages"])
            for entry in body.get("claim", {}).get("results", ()):
                claimed[entry["task_id"]] = (entry, asked["claim"]["claim_id"])

    polls = threading.Thread(target=poll, daemon=True)
    polls.start()
    task_id = plane.task_of("polled", "step", plane.run_job("polled")["event_id"])
    try:
        entry, claim_id = until(lambda: claimed.get(task_id))
    finally:
        over.set()
        polls.join()
    assert task_id in told
    fence = fence_of(entry)
    [again] = plane.claim(claim_id=claim_id, task_ids=[task_id])
    assert fence_of(again) == fence and again["result"]["duplicate"], "as any claim is repeated"
    assert code_of(plane.complete(fence)) == "done"
    refused = plane.internal("wakeups", {**POLL, "claim": {"runtime": "ecs_platform"}})
    assert refused.status == 400 and "claim.claim_id" in refused.text, refused


def test_a_poll_that_waits_gets_its_claim_from_the_transaction_that_makes_the_task(plane):
    plane.deploy(dag("awaited", {"job": "step"}))
    answer_all_wakeups(plane)
    found, over = {}, threading.Event()

    def poll():
        while not over.is_set():
            body = plane.internal("wakeups", {**poll_that_claims(), "wait_seconds": 2}).body
            for entry in body.get("claim", {}).get("results", ()):
                plane.complete(fence_of(entry))
                found[entry["task_id"]] = [m["payload"]["task_id"] for m in body["messages"]]

    def run_at_once(numbers=itertools.count()):
        """A run whose poll may have been on its way is followed by another."""
        event_id = plane.run_job("awaited", cursor=next(numbers))["event_id"]
        task_id = plane.task_of("awaited", "step", event_id)
        assert task_id in until(lambda: found.get(task_id)), "a message, for workers that wait so"
        of_task = f"created_at = started_at FROM tasks WHERE task_id = '{task_id}'"
        return task_id if plane.query(f"SELECT {of_task}") == [["t"]] else None

    polls = threading.Thread(target=poll, daemon=True)
    polls.start()
    try:
        task_id = until(run_at_once)
    finally:
        over.set()
        polls.join()
    assert plane.number(f"SELECT wakeups FROM tasks WHERE task_id = '{task_id}'") == 0
    rung = f"SELECT count(*) FROM outbox WHERE payload->>'task_id' = '{task_id}'"
    assert plane.number(rung) == 0


def test_a_claim_whose_poll_has_gone_is_given_back(plane):
    plane.deploy(dag("gone", {"job": "step"}))
    answer_all_wakeups(plane)
    waits = (
        "SELECT count(*) FROM pg_locks"
        " WHERE relation = 'state.leases'::regclass AND NOT granted"
    )
    headers = {"X-Trace-Worker-Token": plane.worker_token, "Content-Type": "application/json"}
    claims = []

    def poll_waits_at_the_lock():
        """A poll that is answered, as others left what rings again, is followed by another."""
        asked = poll_that_claims()
        claims.append(asked["claim"]["claim_id"])
        connection = plane.connect("internal")
        connection.request("POST", "/internal/wakeups", json.dumps(asked), headers)
        for _ in range(40):
            if plane.query(waits, superuser=True) != [["0"]]:
                return connection
            if select.select([connection.sock], [], [], 0.1)[0]:
                break
        connection.close()
        return None

    with locked(plane, "state.leases"):
        plane.run_job("gone")
        until(poll_waits_at_the_lock).close()
    of_claim = f"FROM attempts WHERE claim_id = '{claims[-1]}'"
    until(lambda: plane.query(f"SELECT DISTINCT outcome {of_claim}") == [["released"]])
    held = f"SELECT count(*) FROM leases WHERE task_id IN (SELECT task_id {of_claim})"
    assert plane.query(held) == [["0"]]


def test_a4_wrong_lease_token_rejected(plane):
    task_id = one_task(plane, "a4")
    fence = fence_of(plane.claim_one(task_id))
    before = rows_of(plane, task_id)
    wrong = {**fence, "lease_token": any_id()}
    refusals = [
        plane.heartbeat(wrong)["problem"],
        plane.complete(wrong)["problem"],
        plane.emit(wrong, [{"output": 0, "cursor": 7}]).body,
        plane.internal("operator-state", {**wrong, "state_key": "k"}).body,
    ]
    for problem in refusals:
        assert (problem["status"], problem["code"]) == (409, "lease_mismatch"), problem
    assert rows_of(plane, task_id) == before
    assert plane.heartbeat(fence)["result"]["status"] == "running"


def test_a6_stale_attempt_fencing_rejects_old_complete(plane):
    # Long enough for the second attempt to be there at the test's end, on a busy machine too.
    task_id = one_task(plane, "a6", {**QUICK, "heartbeat_timeout_seconds": 15})
    first = fence_of(plane.claim_one(task_id))
    until(lambda: plane.tasks("a6", "step", "state") == [["retry_wait"]], 30)
    plane.due_now(task_id)
    until(lambda: plane.tasks("a6", "step", "state") == [["queued"]], 15)
    second = fence_of(plane.claim_one(task_id))
    assert second["attempt"] == first["attempt"] + 1
    before = rows_of(plane, task_id)
    emitted = plane.emit(first, [{"output": 0, "cursor": 7}])
    for problem in (
        plane.complete(first)["problem"],
        plane.heartbeat(first)["problem"],
        emitted.body,
    ):
        assert (problem["status"], problem["code"]) == (409, "stale_attempt"), problem
    assert rows_of(plane, task_id) == before
    assert plane.tasks("a6", "step", "state, attempt") == [["running", "2"]]
    assert plane.tasks("a6", "after") == []
    assert plane.complete(second)["result"]["status"] == "completed"


def test_a10_worker_crash_triggers_retry(plane):
    """`weir up` starts the killed wrapper again, which then claims the second attempt."""
    plane.deploy(dag("a10", {"job": "step", "operator": "sleeper"}, defaults=QUICK))
    task_id = plane.task_of("a10", "step", plane.run_job("a10", cursor=1)["event_id"])
    for attempt, after in ((1, "retry_wait"), (2, "failed")):
        state = [["running", str(attempt)]]
        until(lambda: plane.tasks("a10", "step", "state, attempt") == state, 40)
        os.kill(plane.pid_of("worker"), signal.SIGKILL)
        until(lambda: plane.tasks("a10", "step", "state") == [[after]], 15)
        late = plane.query(
            "SELECT outcome, extract(epoch FROM ended_at - started_at) < 5 + 5 + 1 FROM attempts"
            f" WHERE task_id = '{task_id}' AND attempt = {attempt}"
        )
        assert late == [["lease_expired", "t"]]
        if attempt == 1:
            [[wait]] = plane.query(
                "SELECT extract(epoch FROM t.next_retry_at - a.ended_at) BETWEEN 14.9 AND 45.1"
                f" FROM attempts a JOIN tasks t USING (task_id) WHERE task_id = '{task_id}'"
            )
            assert wait == "t"
            plane.due_now(task_id)
    # Of the retry; the first attempt may have been claimed as the task was made.
    assert plane.number(f"SELECT wakeups FROM tasks WHERE task_id = '{task_id}'") >= 1
    assert plane.query(
        f"SELECT attempt, state, outcome FROM attempts WHERE task_id = '{task_id}' ORDER BY 1"
    ) == [["1", "closed", "lease_expired"], ["2", "closed", "lease_expired"]]
    until(lambda: plane.pid_of("worker"))


def test_b9_one_event_is_one_task_per_subscription_and_a_task_makes_many_events(plane):
    plane.deploy(
        dag("b9", {"job": "one"}, {"job": "two"}, {"job": "three"}, {"job": "after", "of": "one"})
    )
    event = plane.run_job("b9", cursor=1)["event_id"]
    for job in ("one", "two", "three"):
        plane.task_of("b9", job, event)
        assert len(plane.tasks("b9", job)) == 1
    fence = fence_of(plane.claim_one(plane.task_of("b9", "one", event)))
    emitted = plane.emit(fence, [{"output": 0, "cursor": n} for n in range(500)])
    assert [entry["seq"] for entry in emitted.body["results"]] == list(range(1, 501))
    made = plane.tasks("b9", "after", "t.trigger_event_id")
    assert sorted(event for [event] in made) == sorted(
        entry["event_id"] for entry in emitted.body["results"]
    )


def state_of(plane, name):
    """What a repeat must not change: rows without the instants of leases and audits."""
    mine = f"(SELECT dag_version_id FROM dag_versions WHERE dag_name = '{name}')"
    return [
        plane.query(
            f"SELECT task_id, state, attempt, trigger_event_id, wakeups FROM tasks"
            f" WHERE dag_version_id IN {mine} ORDER BY 1"
        ),
        plane.query(
            "SELECT e.event_id, e.seq, e.scope_key, e.payload, e.accepted_at FROM events e"
            f" JOIN tasks t ON t.task_id = e.producer_task_id"
            f" WHERE t.dag_version_id IN {mine} ORDER BY 1"
        ),
        plane.query(
            "SELECT a.task_id, a.attempt, a.lease_token, a.state, a.outcome FROM attempts a"
            f" JOIN tasks t USING (task_id) WHERE t.dag_version_id IN {mine} ORDER BY 1, 2"
        ),
        plane.query("SELECT c.* FROM dataset_cursors c ORDER BY 1::text"),
    ]


def test_b10_duplicates_at_every_step_change_nothing(plane):
    plane.deploy(dag("b10", {"job": "step"}, {"job": "after", "of": "step"}))
    run = [plane.run_job("b10", key="once", cursor=1) for _ in range(3)]
    assert run[0] == run[1] == run[2]
    task_id = plane.task_of("b10", "step", run[0]["event_id"])
    claim = {"task_ids": [task_id], "claim_id": any_id()}
    [first], *repeats = [plane.claim("same", **claim) for _ in range(5)]
    for [entry] in repeats:
        assert entry["result"]["duplicate"] is True
        assert entry["result"]["lease_token"] == first["result"]["lease_token"]
    assert code_of(plane.claim("same", task_ids=[task_id], claim_id=any_id())[0]) == "not_claimed"
    fence = fence_of(first)

    events = [{"output": 0, "cursor": 5, "payload": {"n": 1}}, {"output": 0, "cursor": 6}]
    accepted = plane.emit(fence, events).body["results"]
    assert [entry["duplicate"] for entry in accepted] == [False, False]
    before = state_of(plane, "b10")
    for _ in range(5):
        again = plane.emit(fence, [{**event, "payload": {"n": 2}} for event in events])
        assert [entry["duplicate"] for entry in again.body["results"]] == [True, True]
        assert [entry["event_id"] for entry in again.body["results"]] == [
            entry["event_id"] for entry in accepted
        ]
    twice = plane.emit(fence, [events[0], events[0]])
    assert (twice.status, twice.body["code"]) == (400, "duplicate_scope")
    assert state_of(plane, "b10") == before

    done = plane.complete(fence)["result"]
    assert (done["status"], done["duplicate"]) == ("completed", False)
    before = state_of(plane, "b10")
    for _ in range(5):
        again = plane.complete(fence)["result"]
        assert (again["status"], again["duplicate"]) == ("completed", True)
        assert plane.complete(fence, "fatal_error")["problem"]["code"] == "task_finished"
        assert plane.emit(fence, [{"output": 0, "cursor": 9}]).body["code"] == "task_finished"
        assert plane.heartbeat(fence)["problem"]["code"] == "task_finished"
        assert plane.claim_one(task_id)["problem"]["reason"] == "completed"
    assert state_of(plane, "b10") == before
    assert len(plane.tasks("b10", "after")) == 2


def test_b10_a_wake_up_that_comes_twice_is_harmless(plane):
    """What a bell comes to is a claim by name; how bells travel is in test_crashes."""
    task_id = one_task(plane, "b10w")

    def ring():
        for _ in range(10):
            for entry in plane.claim("another", task_ids=[task_id, any_id()]):
                assert "problem" in entry, entry

    fence = fence_of(plane.claim_one(task_id))
    ring()
    assert plane.heartbeat(fence)["result"]["status"] == "running"
    assert plane.complete(fence)["result"]["status"] == "completed"
    before = state_of(plane, "b10w")
    ring()
    assert state_of(plane, "b10w") == before


def outline(entry):
    """An entry without what differs between two tasks that are in the same state."""
    if "problem" in entry:
        kept = ("status", "code", "reason", "state", "type", "title")
        return {name: entry["problem"].get(name) for name in kept}
    kept = ("duplicate", "status", "paused")
    return {name: entry["result"].get(name) for name in kept}


class TwoSets:
    """Two equal sets of tasks of b22, every kind of refusal among them: one set is asked in one
    batch, the other in arrays of one."""

    def __init__(self, plane):
        self.plane = plane
        self.sets = {
            job: [task_id for [task_id] in plane.tasks("b22", job, "task_id")]
            for job in ("batch", "alone")
        }
        self.fences = {}
        for job, tasks in self.sets.items():
            claimed = plane.claim("first", task_ids=tasks[:60])
            fences = {entry["task_id"]: fence_of(entry) for entry in claimed}
            outcomes = ["success", "fatal_error", "retryable_error", "released"] * 5
            done = [
                {**fences[task_id], "outcome": outcome}
                for task_id, outcome in zip(tasks, outcomes, strict=False)
            ]
            codes = {code_of(e) for e in plane.batch("task-complete", "completions", done)}
            assert codes == {"done"}
            self.fences[job] = fences
            for place in range(100, 120):
                tasks[place] = any_id()  # unknown
        plane.query(
            "UPDATE tasks SET next_retry_at = next_retry_at + interval '1 hour'"
            " WHERE state = 'retry_wait'"
        )  # so that no retry comes between two answers

    def compare(self, ask, member):
        """Asks for both sets; then a hundred times more for the first, which changes nothing."""
        together = ask(self.sets["batch"], "batch")
        singly = [ask([task_id], "alone")[0] for task_id in self.sets["alone"]]
        assert [entry["task_id"] for entry in together] == self.sets["batch"]
        assert [outline(entry) for entry in together] == [outline(entry) for entry in singly], (
            member
        )
        before = state_of(self.plane, "b22")
        for _ in range(100):
            again = ask(self.sets["batch"], "batch")
            assert {code_of(e) for e in together} >= {code_of(e) for e in again} - {
                "task_finished"
            }
        assert state_of(self.plane, "b22") == before
        return {code_of(entry) for entry in together}

    def read_fences(self):
        """The fences of all attempts that are active."""
        for task_id, attempt, lease_token in self.plane.query(
            "SELECT task_id, attempt, lease_token FROM attempts WHERE state = 'active'"
        ):
            for job, tasks in self.sets.items():
                if task_id in tasks:
                    self.fences[job][task_id] = {
                        "task_id": task_id,
                        "attempt": int(attempt),
                        "lease_token": lease_token,
                    }

    def fenced(self, ids, job, **more):
        """Fences of all kinds: right ones, those of unknown tasks, every seventh of a stranger,
        every eleventh of an attempt that is none."""
        out = []
        for task_id in ids:
            place = self.sets[job].index(task_id)
            fence = self.fences[job].get(
                task_id, {"task_id": task_id, "attempt": 1, "lease_token": "0" * 8 + any_id()[8:]}
            )
            if place % 7 == 0:
                fence = {**fence, "lease_token": any_id()}
            if place % 11 == 0:
                fence = {**fence, "attempt": 99}
            out.append({**fence, **more})
        return out


def test_b22_an_item_answers_in_a_batch_as_alone(plane):
    plane.deploy(dag("b22", {"job": "batch"}, {"job": "alone"}, source=BY_HAND))
    plane.feed("b22", 256)
    two = TwoSets(plane)
    key = any_id()
    codes = two.compare(
        lambda ids, _: plane.claim(
            "second", task_ids=ids, claim_id=key if len(ids) > 1 else any_id()
        ),
        "claim",
    )
    assert codes == {"done", "not_claimed", "task_not_found"}, codes
    two.read_fences()
    codes = two.compare(
        lambda ids, job: plane.batch("heartbeat", "heartbeats", two.fenced(ids, job)),
        "heartbeat",
    )
    assert {"done", "lease_mismatch", "task_finished", "task_not_found"} <= codes, codes
    codes = two.compare(
        lambda ids, job: plane.batch(
            "task-complete", "completions", two.fenced(ids, job, outcome="success")
        ),
        "complete",
    )
    assert {"done", "lease_mismatch", "task_finished", "task_not_found"} <= codes, codes


def test_b22_batches_have_bounds(plane):
    ids = [any_id() for _ in range(257)]
    beat = [{"task_id": task_id, "attempt": 1, "lease_token": any_id()} for task_id in ids]
    done = [{**item, "outcome": "success"} for item in beat]
    for route, body, twice in (
        (
            "task-claim",
            lambda n: {"worker_id": "w", "task_ids": ids[:n]},
            {"worker_id": "w", "task_ids": ids[:1] * 2},
        ),
        ("heartbeat", lambda n: {"heartbeats": beat[:n]}, {"heartbeats": beat[:1] * 2}),
        ("task-complete", lambda n: {"completions": done[:n]}, {"completions": done[:1] * 2}),
    ):
        whole = plane.internal(route, body(256))
        assert (whole.status, len(whole.body["results"])) == (200, 256), whole
        assert plane.internal(route, body(257)).body["code"] == "invalid_request"
        assert plane.internal(route, body(0)).body["code"] == "invalid_request"
        assert plane.internal(route, twice).body["code"] == "duplicate_item"


def test_b22_three_workers_claim_each_task_once(plane):
    plane.deploy(dag("b22many", {"job": "step"}, source=BY_HAND))
    plane.feed("b22many", MANY)
    got = {name: [] for name in ("one", "two", "three")}

    def work(name):
        while True:
            entries = plane.claim(
                name, max=64, runtime="ecs_platform", operators=["hand"], claim_id=any_id()
            )
            mine = [fence_of(entry) for entry in entries if "result" in entry]
            if not mine:
                return
            got[name] += [fence["task_id"] for fence in mine]
            done = [{**fence, "outcome": "success"} for fence in mine]
            for entry in plane.batch("task-complete", "completions", done):
                assert entry["result"]["status"] == "completed"

    workers = [threading.Thread(target=work, args=(name,)) for name in got]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    claimed = collections.Counter(task_id for tasks in got.values() for task_id in tasks)
    assert set(claimed.values()) == {1}
    tasks = {task_id for [task_id] in plane.tasks("b22many", "step", "task_id")}
    assert len(tasks) == MANY and tasks <= set(claimed)
    assert plane.query(
        "SELECT DISTINCT t.state, t.attempt, a.outcome FROM tasks t"
        " JOIN attempts a USING (task_id) JOIN dag_versions v USING (dag_version_id)"
        " WHERE v.dag_name = 'b22many' AND t.kind = 'reactive'"
    ) == [["completed", "1", "success"]]
