# SPDX-License-Identifier: Apache-2.0
"""Sources and rest: checks B11 and B33 of the contract."""

import collections
import os
import re
import select
import signal

from harness import children_of, dag, fence_of, until, words_of

SEQUENCE = """\
  - name: {source}
    activation: source
    runtime: ecs_platform
    operator: sequence_source
    outputs: 1
    source: {{ kind: always_on }}
    heartbeat_timeout_seconds: 5
    config: {{ start: 0, end: 60, interval_ms: 200 }}
"""
CRON = """\
  - name: {source}
    activation: source
    runtime: dispatcher
    operator: trigger_cron
    outputs: 1
    source: {{ kind: cron, schedule: "rate(1 day)" }}
"""
IDLE_SECONDS = 60
STATEMENTS_A_SECOND = 0.2  # of a role, the auditor apart
LOOP_PASS_STATEMENTS = 24  # a minute: gc, reconciler and health once, canary twice
LATE_SECONDS = 5  # what is due is served by then whoever knew of it
LOGGED = re.compile(r"^([^|]*)\|LOG:  (?:statement|execute ([^:]+)): (.*)")


def log_statements(plane, wanted):
    """Has PostgreSQL write every statement into its log, after who sent it, or no more."""
    settings = ("log_statement = 'all'", "log_line_prefix = '%a|'")
    words = [f"ALTER SYSTEM {'SET ' + line if wanted else 'RESET ' + line.split()[0]}"
             for line in settings]
    for sql in (*words, "SELECT pg_reload_conf()"):
        plane.query(sql, superuser=True)


def statements_of(text):
    """Statements by the role for which they were sent. Of the auditor's there is no account; the
    search of a claim that finds nothing is the executor's whose claim it is."""
    found = collections.defaultdict(list)
    for line in text.splitlines():
        match = LOGGED.match(line)
        if not match:
            continue
        application, name, sql = match.groups()
        role = "worker" if name == "claim_nothing_ready" else application
        found[role].append(name or sql[:60])
    return found


def test_b33_an_idle_role_makes_a_statement_in_five_seconds(plane):
    plane.deploy(dag("b33", {"job": "step", "operator": "noop", "runtime": "dispatcher"}))
    plane.run_job("b33", cursor=1)
    plane.settled("b33")
    # By then the last promise of a claim has run out.
    until(
        lambda: plane.query(
            "SELECT max(finished_at) < clock_timestamp() - interval '5 seconds' FROM tasks"
        )
        == [["t"]],
        every=0.5,
    )
    log = plane.state_dir / "pg" / "log"
    log_statements(plane, True)
    try:
        before = log.stat().st_size
        ended, _, _ = select.select([plane.up], [], [], IDLE_SECONDS)
        assert not ended, "a plane that has ended is no idle one"
        told = statements_of(log.read_bytes()[before:].decode())
    finally:
        log_statements(plane, False)
    assert told["weir_dispatcher"], "it looks for what is due"
    for role in ("weir_dispatcher", "worker", "weir_worker", "weir-dagmanager"):
        # One more than fits: both ends of the time may be the instant of one.
        most = IDLE_SECONDS * STATEMENTS_A_SECOND + 1
        if role == "weir-dagmanager":  # That much are the rows of its loops; passes come on top.
            most += LOOP_PASS_STATEMENTS
        assert len(told[role]) <= most, (role, collections.Counter(told[role]).most_common())


def due_instants(plane, name, wait):
    """A lease, a retry and a source's instant that fall due after `wait` seconds or a little more,
    and what tells by how many seconds each was late."""
    plane.deploy(dag(name + "-at", source=CRON))
    plane.deploy(dag(name, {"job": "lease"}, {"job": "retry"},
                     defaults={"heartbeat_timeout_seconds": wait}))
    event = plane.run_job(name, cursor=1)["event_id"]
    lease, retry = (plane.task_of(name, job, event) for job in ("lease", "retry"))
    assert plane.complete(fence_of(plane.claim_one(retry)), "retryable_error")["result"]
    plane.claim_one(lease)
    soon = f"clock_timestamp() + interval '{wait} seconds'"
    [[expires]] = plane.query(f"SELECT expires_at FROM leases WHERE task_id = '{lease}'")
    [[again]] = plane.query(f"UPDATE tasks SET next_retry_at = {soon} WHERE task_id = '{retry}'"
                            " AND state = 'retry_wait' RETURNING next_retry_at")
    [[fires]] = plane.query(
        f"UPDATE source_state SET next_fire_at = {soon} WHERE build_id IN (SELECT build_id FROM"
        f" builds WHERE dag_name = '{name}-at') RETURNING next_fire_at")
    return {
        "lease": f"SELECT extract(epoch FROM ended_at - '{expires}'::timestamptz) FROM attempts"
                 f" WHERE task_id = '{lease}' AND state <> 'active'",
        "retry": f"SELECT extract(epoch FROM clock_timestamp() - '{again}'::timestamptz) FROM tasks"
                 f" WHERE task_id = '{retry}' AND state = 'queued'",
        "instant": f"SELECT extract(epoch FROM e.accepted_at - '{fires}'::timestamptz)"
                   " FROM events e JOIN tasks t ON t.task_id = e.producer_task_id"
                   " JOIN builds b USING (build_id)"
                   f" WHERE b.dag_name = '{name}-at'",
    }


def served(plane, instants):
    """How late each was, once all are served."""
    late = {}

    def all_served():
        for what, sql in instants.items():
            rows = plane.query(sql) if what not in late else []
            if rows:
                late[what] = float(rows[0][0])
        return len(late) == len(instants)

    until(all_served, 60, 0.02, lambda: late)
    return late


def test_b33_what_is_due_is_served_when_it_is_due(plane):
    late = served(plane, due_instants(plane, "b33due", 6))
    assert all(0 <= seconds < LATE_SECONDS for seconds in late.values()), late


def test_b33_what_a_killed_replica_knew_is_served_within_five_seconds(plane):
    """Another replica is there and does not know; the one that was told of all is killed."""
    config = plane.config("second.yml", http_port=0, **{
        name: f"'{plane.state_dir / 'sockets' / f'second-{name}.sock'}'"
        for name in ("internal_socket", "task_socket")})
    other = plane.start("dispatcher", "--config", config)
    until(lambda: "serving" in plane.log("extra-0"))
    instants = due_instants(plane, "b33kill", 6)
    os.kill(plane.pid_of("dispatcher"), signal.SIGKILL)
    late = served(plane, instants)
    assert all(0 <= seconds < LATE_SECONDS + 1 for seconds in late.values()), late
    assert other.poll() is None
    until(lambda: plane.pid_of("dispatcher"))


def test_b11_a_killed_source_goes_on_as_the_same_producer(plane):
    plane.deploy(
        dag("b11", {"job": "step", "operator": "noop", "runtime": "dispatcher"}, source=SEQUENCE)
    )
    mine = (
        "FROM events e JOIN tasks t ON t.task_id = e.producer_task_id JOIN dag_versions v"
        " USING (dag_version_id) WHERE v.dag_name = 'b11' AND t.kind = 'source_run'"
    )

    def count():
        return plane.number(f"SELECT count(*) {mine}")

    for killed in ("child", "worker"):
        seen = until(count)
        until(lambda: count() > seen + 2)
        worker = plane.pid_of("worker")
        child = until(
            lambda: [pid for pid in children_of(worker) if "sequence_source" in words_of(pid)]
        )[0]
        os.kill(child if killed == "child" else worker, signal.SIGKILL)
        [[task_id]] = plane.query(f"SELECT DISTINCT t.task_id {mine}")
        until(lambda: plane.tasks("b11", "go", "state") == [["retry_wait"]], 15)
        plane.due_now(task_id)
        until(lambda: plane.tasks("b11", "go", "state") == [["running"]], 40)
    until(lambda: count() == 61, 40)
    assert plane.query(
        f"SELECT count(DISTINCT t.task_id), count(DISTINCT e.cursor_int),"
        f" min(e.cursor_int), max(e.cursor_int) {mine}"
    ) == [["1", "61", "0", "60"]]
    plane.settled("b11")
    assert len(plane.tasks("b11", "step", "trigger_event_id")) == 61
