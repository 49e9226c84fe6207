# SPDX-License-Identifier: Apache-2.0
"""Builds of two versions on one PostgreSQL (contract section 3.18, mixed builds). One is the build
under test. The other is either what a later build leaves, or the program that WEIR_PREVIOUS_BINARY
names: `scripts/soak mixed` builds one."""

import contextlib
import json
import os
import subprocess

import grpc
import pytest

from event_reader import EventReader
from graphs import layered_graph
from next_build import left_alone, take_further
from test_kill import query, submit
from test_kill_canary import canary
from test_kill_loops import wait_until
from test_kill_redo import redo
from test_kill_weights import SENTINEL, set_weight
from weir_server import binary

PREVIOUS = os.environ.get("WEIR_PREVIOUS_BINARY")
SETTINGS = {"canary": {"interval_seconds": 0.2}, "gc_interval_seconds": 1,
            "reconciler_interval_seconds": 1}


def version_graph(version, weight):
    graph = layered_graph(6)
    graph.meta["version"] = version
    graph.nodes.append({"node_id": SENTINEL, "node_type": "VersionSentinel", "weight": weight})
    return graph


class Graphs:
    """What was submitted, and the one map of each, whoever is asked."""

    def __init__(self):
        self.maps = []

    def submit_new(self, server, graph=None):
        graph = graph or layered_graph(6)
        self.maps.append((graph, self._map_of(server, graph)))

    def assert_same_at(self, *servers):
        for graph, known in self.maps:
            for server in servers:
                assert self._map_of(server, graph) == known

    @staticmethod
    def _map_of(server, graph):
        outcome = submit(server, graph)
        assert outcome.code == grpc.StatusCode.OK, outcome.details
        return outcome.queue_map


def assert_no_loop_failed(server):
    for line in server.get("/metrics")[1].decode().splitlines():
        if line.startswith("loop_failures_total"):
            assert float(line.rsplit(" ", 1)[1]) == 0, line


def ordered(done):
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def roll_out(server, others, version):
    """A rollout that `server` is told of, and that whoever holds the loop finishes."""
    started = ordered(canary(server, "start", "--sentinel", SENTINEL, "--version", version,
                             "--steps", "0.5:0s,1"))
    for one in (server, *others):
        wait_until(lambda one=one: ordered(
            canary(one, "show", started["rollout_id"]))["state"] == "done", 60)


def events_of(server, newest):
    reader = EventReader(server)
    reader.read(lambda one: one.last >= newest)
    assert not reader.resets
    return reader.envelopes()


def newest_event(dsn):
    """Its number, once no event of a kind that is known waits for one."""
    wait_until(lambda: query(dsn, "SELECT count(*) FROM weir_dagmanager.outbox"
                                  " WHERE number IS NULL AND kind <> 'next_event'") == [["0"]], 60)
    [[newest]] = query(dsn, "SELECT last_no FROM weir_dagmanager.event_head")
    return int(newest)


def do_everything(one, other, tmp_path, graphs):
    """Orders of every sort to two instances on one store, in turn."""
    graphs.submit_new(one, version_graph("v1", 1))
    graphs.submit_new(other, version_graph("v2", 0))
    for server in (one, other):
        graphs.submit_new(server)
    graphs.assert_same_at(one, other)
    roll_out(one, [other], "v2")
    assert set_weight(other, 0.5, "--version", "v2").returncode == 0
    hotfix = tmp_path / "hotfix.json"
    hotfix.write_text(layered_graph(6).to_json())
    assert ordered(redo(other, "--file", hotfix))["version"] == "v2-hotfix"
    assert ordered(redo(one, "--rollback"))["version"] == "v2"
    retired = json.dumps({"id": "killed"}).encode()
    status, answer = other.get("/admin/gc-trigger", "POST", retired)
    assert status == 202, answer


def minor_of(dsn):
    [[minor]] = query(dsn, "SELECT minor FROM weir_dagmanager.schema_version")
    return int(minor)


def test_it_runs_beside_and_after_a_later_build_and_leaves_its_rows_alone(start_server, tmp_path):
    one = start_server("postgres", **SETTINGS)
    dsn = one.settings["graph_dsn"]
    graphs = Graphs()
    graphs.submit_new(one)
    take_further(dsn)
    left = left_alone(dsn)
    assert all(left.values()), left
    other = start_server(graph_dsn=dsn, topics_dsn=dsn, **SETTINGS)  # after it, too
    do_everything(one, other, tmp_path, graphs)
    newest = newest_event(dsn)
    assert events_of(one, newest) == events_of(other, newest)
    for server in (one, other):
        assert_no_loop_failed(server)
        assert server.stop() == 0, server.log_tail()
    one.start()
    graphs.assert_same_at(one)
    assert left_alone(dsn) == left
    assert one.stop() == 0


def test_it_refuses_another_major_and_changes_nothing(start_server):
    server = start_server("postgres")
    dsn = server.settings["graph_dsn"]
    graphs = Graphs()
    graphs.submit_new(server)
    server.stop()
    for schema in ("weir_dagmanager", "weir_topics"):
        query(dsn, f"UPDATE {schema}.schema_version SET major = major + 1")
        before = query(dsn, "SELECT * FROM weir_dagmanager.graph_epoch")
        with pytest.raises(RuntimeError, match="exit 2") as refused:
            server.start()
        assert "schema_version" in str(refused.value)
        assert query(dsn, "SELECT * FROM weir_dagmanager.graph_epoch") == before
        query(dsn, f"UPDATE {schema}.schema_version SET major = major - 1")
    server.start()
    graphs.assert_same_at(server)
    server.stop()


def test_who_waits_for_a_migration_too_long_says_so(start_server, tmp_path):
    """A lock that another process holds for longer than a minute is told as that, as no fault."""
    server = start_server("postgres")
    dsn = server.settings["graph_dsn"]
    server.stop()
    # One step is missing, so there is something to do; the lock is of whoever migrates.
    query(dsn, "DELETE FROM weir_dagmanager.schema_migration WHERE number ="
               " (SELECT max(number) FROM weir_dagmanager.schema_migration)")
    holder = subprocess.Popen(["psql", "--no-psqlrc", "-At", "--dbname", dsn], text=True, cwd="/",
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        holder.stdin.write("SELECT pg_advisory_lock(hashtextextended("
                           "'weir migration weir_dagmanager', 0)), 'held';\n")
        holder.stdin.flush()
        assert holder.stdout.readline() == "|held\n"
        done = subprocess.run(
            [binary(), "dagmanager", "server", "--config", server.config],
            capture_output=True, text=True, timeout=120, check=False, cwd=tmp_path)
    finally:
        holder.kill()
        holder.wait()
    assert done.returncode == 1, done.stderr
    assert "migration_locked" in done.stdout + done.stderr


@contextlib.contextmanager
def build(path):
    """Servers that are started inside are of this program."""
    usual = os.environ.get("WEIR_BINARY")
    os.environ["WEIR_BINARY"] = str(path)
    try:
        yield
    finally:
        os.environ.pop("WEIR_BINARY")
        if usual is not None:
            os.environ["WEIR_BINARY"] = usual


def started(server, path):
    with build(path):
        return server.start()


@pytest.mark.skipif(not PREVIOUS, reason="WEIR_PREVIOUS_BINARY names no earlier build"
                                         " (scripts/soak mixed makes one)")
def test_up_down_up_with_the_build_before(start_server, tmp_path):
    this = binary()
    with build(PREVIOUS):
        before = start_server("postgres", **SETTINGS)
    dsn = before.settings["graph_dsn"]
    graphs = Graphs()
    graphs.submit_new(before)
    minors = [minor_of(dsn)]
    after = start_server(graph_dsn=dsn, topics_dsn=dsn, **SETTINGS)  # migrates under the other
    minors.append(minor_of(dsn))
    do_everything(before, after, tmp_path, graphs)
    newest = newest_event(dsn)
    assert events_of(before, newest) == events_of(after, newest)
    for server in (before, after):
        assert_no_loop_failed(server)
    for server in (before, after):  # back to the build before, and up again
        assert server.stop() == 0, server.log_tail()
    for path in (PREVIOUS, this, PREVIOUS, this):
        server = started(before, path)
        graphs.assert_same_at(server)
        graphs.submit_new(server)
        assert_no_loop_failed(server)
        assert server.stop() == 0, server.log_tail()
        minors.append(minor_of(dsn))
    assert minors == sorted(minors), "forward only"
