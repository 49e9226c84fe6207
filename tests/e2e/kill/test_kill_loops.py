# SPDX-License-Identifier: Apache-2.0
"""One instance of several runs a loop (contract section 3.18): whatever becomes of it, another goes
on within ten seconds; and what the loop `gc` writes is whole or not there."""

import json
import signal
import threading
import time

import grpc
import pytest

from graphs import layered_graph
from test_kill import KILLED, query, submit

TAKEOVER_SECONDS_MAX = 10
NODES = 7


def loops(server):
    return json.loads(server.get("/status")[1])["loops"]


def instance(server):
    return json.loads(server.get("/status")[1])["instance"]


def wait_until(condition, seconds):
    """The seconds it took."""
    begun = time.monotonic()
    pause = threading.Event()
    while not condition():
        assert time.monotonic() - begun < seconds, "it did not come about"
        pause.wait(0.05)
    return time.monotonic() - begun


def holds(server):
    return loops(server).get("gc", {}).get("holder") == instance(server)


def fence(dsn):
    return int(query(dsn, "SELECT fence FROM weir_dagmanager.loop_lease WHERE loop = 'gc'")[0][0])


def two_instances(start_server):
    first = start_server("postgres")
    wait_until(lambda: holds(first), TAKEOVER_SECONDS_MAX)
    second = start_server(**{key: first.settings[key] for key in ("graph_dsn", "topics_dsn")})
    return first, second


def test_a_memory_store_has_one_instance_and_it_runs_the_loop(start_server):
    server = start_server("memory")
    wait_until(lambda: holds(server) and loops(server)["gc"]["last_run"], TAKEOVER_SECONDS_MAX)
    metrics = server.get("/metrics")[1].decode()
    assert 'loop_last_run_timestamp{loop="gc"} ' in metrics
    assert "orphan_queue_total 0" in metrics
    assert "gc_last_run_timestamp " in metrics
    server.stop()


def test_another_instance_goes_on_within_ten_seconds_after_a_kill(start_server):
    first, second = two_instances(start_server)
    dsn = first.settings["graph_dsn"]
    assert not holds(second)
    wait_until(lambda: loops(second).get("gc", {}).get("holder") == instance(first),
               TAKEOVER_SECONDS_MAX)
    before = fence(dsn)
    first.kill()
    took = wait_until(lambda: holds(second), TAKEOVER_SECONDS_MAX)
    assert took <= TAKEOVER_SECONDS_MAX
    assert fence(dsn) == before + 1
    wait_until(lambda: loops(second)["gc"]["last_run"], TAKEOVER_SECONDS_MAX)
    second.stop()


def test_a_drained_instance_gives_its_loops_back(start_server):
    first, second = two_instances(start_server)
    assert first.stop(signal.SIGTERM) == 0
    [[holder]] = query(first.settings["graph_dsn"],
                       "SELECT holder FROM weir_dagmanager.loop_lease WHERE loop = 'gc'")
    assert holder in ("", instance(second))
    wait_until(lambda: holds(second), TAKEOVER_SECONDS_MAX)
    second.stop()


def start_to_die(server):
    """Its first pass ends it, mostly before it can say that it is ready."""
    try:
        server.start()
    except RuntimeError as fault:
        assert f"exit {KILLED}" in str(fault)
    else:
        assert server.process.wait(TAKEOVER_SECONDS_MAX) == KILLED


@pytest.mark.parametrize("label", ("gc.before_mark", "gc.after_mark"))
def test_a_kill_leaves_all_orphans_marked_or_none(start_server, monkeypatch, label):
    server = start_server("postgres")
    dsn = server.settings["graph_dsn"]
    outcome = submit(server, layered_graph(NODES))
    assert outcome.code == grpc.StatusCode.OK, outcome.details
    server.stop()
    query(dsn, "UPDATE weir_dagmanager.deploy SET ended_at = now(),"
               " last_seen = last_seen - interval '1 day'")
    count = "SELECT count(*) FROM weir_dagmanager.orphan_queue"
    for _ in range(3):
        query(dsn, "DELETE FROM weir_dagmanager.orphan_queue")
        # As if the one before were long gone.
        query(dsn, "UPDATE weir_dagmanager.loop_lease SET until = now()")
        monkeypatch.setenv("WEIR_CRASH_AT", f"{label}:1")
        start_to_die(server)
        assert query(dsn, count) == [["0" if label == "gc.before_mark" else str(NODES)]]
    monkeypatch.delenv("WEIR_CRASH_AT")
    query(dsn, "UPDATE weir_dagmanager.loop_lease SET until = now()")
    server.start()
    wait_until(lambda: query(dsn, count) == [[str(NODES)]], TAKEOVER_SECONDS_MAX)
    wait_until(lambda: f"orphan_queue_total {NODES}" in server.get("/metrics")[1].decode(),
               TAKEOVER_SECONDS_MAX)
    assert query(dsn, "SELECT count(*) FROM weir_dagmanager.queue WHERE state = 'active'") == [
        [str(NODES)]]
    again = submit(server, layered_graph(NODES))
    assert again.code == grpc.StatusCode.OK, again.details
    server.stop()
