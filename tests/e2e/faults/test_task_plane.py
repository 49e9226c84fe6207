# SPDX-License-Identifier: Apache-2.0
"""A whole `weir up` whose PostgreSQL is behind a faulty network, while events come and its worker
claims and completes: nothing lost, nothing doubled, no task orphaned, no call hung, no process
started anew (contract of the task plane, appendix D)."""

import importlib.util
import os
import pathlib
import tempfile

import pytest
from fault_proxy import FaultProxy
from harness import Plane, until
from kill_rig import ROWS, WINDOW, Feed, serves, twelve_jobs

CHECKS = pathlib.Path(__file__).resolve().parents[1] / "checks"
ROLES = ("dagmanager", "dispatcher", "worker")
EVENTS_BETWEEN = 30
RUNS_MIN = 2 * WINDOW
RUNS_SECONDS_MAX = 60
# Ten seconds, and what a machine with other work takes on top.
HEALED_SECONDS_MAX = 10 + 20
FAULT_SECONDS_MAX = 30
SILENCE_SECONDS = 5
FAULTS = (
    ({"kind": "cut", "message": "commit_reply", "count": 10},),
    ({"kind": "cut", "message": "commit", "count": 10},),
    ({"kind": "reset", "count": 10},),
    ({"kind": "reset_after", "direction": "to_client", "bytes": 3, "count": 10},),
    ({"kind": "drop", "seconds": SILENCE_SECONDS},),
    ({"kind": "drop", "direction": "to_client", "seconds": SILENCE_SECONDS},),
    ({"kind": "drop", "direction": "to_server", "seconds": SILENCE_SECONDS},),
    ({"kind": "refuse", "seconds": 3}, {"kind": "reset", "seconds": 3}),
)


def rules_of_the_kill_test():
    """The module that says what must be there after a load; another suite's has its name too."""
    spec = importlib.util.spec_from_file_location("checks_test_kill", CHECKS / "test_kill.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


after_load = rules_of_the_kill_test()


def behind_proxy(plane):
    """Puts a proxy between a `weir up` and its PostgreSQL: the server's socket is moved aside, the
    proxy listens where it was, and old sessions are ended. `plane.query` goes past it."""
    [socket] = (plane.state_dir / "pg").rglob(".s.PGSQL.5432")
    aside = socket.with_name(".s.PGSQL.5433")
    socket.rename(aside)
    proxy = FaultProxy("postgres", f"unix:{socket}=unix:{aside}")
    plane.dsn += "&port=5433"
    plane.query(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()",
        superuser=True,
    )
    return proxy


class Hung:
    """Counts the calls of a plane that were not answered by their deadline."""

    def __init__(self, plane):
        self.calls = []
        ask = plane.ask

        def asked(listener, method, path, *words, **more):
            try:
                return ask(listener, method, path, *words, **more)
            except TimeoutError:
                self.calls.append((method, path))
                raise

        plane.ask = asked


@pytest.fixture(name="rig")
def plane_and_proxy():
    with tempfile.TemporaryDirectory(prefix="weir-f-") as folder:
        os.chmod(folder, 0o755)
        small = pathlib.Path(folder) / "small"
        small.mkdir(mode=0o755)
        (small / "small.csv").write_text(
            "id,word\n" + "".join(f"{number},{word}\n" for number, word in ROWS.items()))
        plane = Plane(pathlib.Path(folder) / "state", "--worker-slots", 4,
                      "--ingest-root", f"small={small}")
        try:
            proxy = behind_proxy(plane)
            yield plane, proxy
            proxy.clear()
        finally:
            plane.stop()
        proxy.stop()


def one_fault(plane, proxy, feed, rules):
    """Under load, until it has ended; then the plane serves again and takes events."""
    numbers = [proxy.add(**rule) for rule in rules]
    until(lambda: not any(proxy.live(number) for number in numbers), FAULT_SECONDS_MAX,
          told=proxy.show)
    events = len(feed.events)
    until(lambda: serves(plane), HEALED_SECONDS_MAX)
    until(lambda: len(feed.events) >= events + EVENTS_BETWEEN, HEALED_SECONDS_MAX)
    after_load.hurry(plane)
    return sum(proxy.hits(number) for number in numbers)


def test_nothing_is_lost_doubled_or_orphaned(rig):
    plane, proxy = rig
    until(lambda: serves(plane), HEALED_SECONDS_MAX)
    plane.deploy(twelve_jobs())
    pids = {role: plane.pid_of(role) for role in ROLES}
    hung = Hung(plane)
    with Feed(plane, plane.source_by_hand("kill")) as feed:
        feed.grows(EVENTS_BETWEEN)
        for rules in FAULTS:
            assert one_fault(plane, proxy, feed, rules) > 0, rules
        until(lambda: len(feed.runs) > RUNS_MIN, RUNS_SECONDS_MAX)
    after_load.settle(plane)
    cursor = len(feed.runs)
    feed.runs[cursor] = plane.run_job("kill", "start", cursor=cursor)["event_id"]
    after_load.settle(plane)
    assert hung.calls == []
    assert {role: plane.pid_of(role) for role in ROLES} == pids
    events = after_load.assert_every_event_is_there_once(plane, feed)
    after_load.assert_every_event_is_one_task_of_each_job(plane, events)
    after_load.assert_state_is_that_of_an_undisturbed_run(plane, feed)
    after_load.assert_no_file_is_left_over(plane)
    plane.check()
