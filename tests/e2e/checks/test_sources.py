# SPDX-License-Identifier: Apache-2.0
"""Sources and rest: checks B11 and B33 of the contract."""

import os
import select
import signal

from harness import children_of, dag, until, words_of

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
IDLE_SECONDS = 20
# Of all sessions of the database together: those of the DAG manager, of PostgreSQL's own workers
# and of this count too. A loop that turns without rest makes a thousand a second.
TRANSACTIONS_MAX = IDLE_SECONDS * 4


def test_b33_an_idle_plane_does_not_spin(plane):
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

    def done():
        return plane.number("SELECT xact_commit FROM pg_stat_database WHERE datname = 'weir'")

    before = done()
    ended, _, _ = select.select([plane.up], [], [], IDLE_SECONDS)
    assert not ended, "a plane that has ended is no idle one"
    assert done() - before <= TRANSACTIONS_MAX


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
