# SPDX-License-Identifier: Apache-2.0
"""`weir dagmanager compact` (contract section 3.24) on both durable stores, beside a running server
where the store allows it; kill -9 at each of its points: run again it ends where an undisturbed run
ends."""

import datetime
import json

import pytest

from graphs import layered_graph
from suite_support import run_weir
from test_kill import KILLED, query
from test_kill_gc import gc, metric, submit
from test_kill_loops import holds, wait_until

NODES = 5
KILLS = 3
STORES = ("memory", "postgres")
LABELS = ("compact.exported", "compact.checksum", "compact.before_sentinel",
          "compact.after_sentinel", "compact.before_nodes", "compact.after_nodes")


def settings(folder, **more):
    """Queues and sentinels go at once."""
    policy = {"ttl_days": 0, "grace_days": 0}
    policies = {tag: {**policy, "action": "delete"} for tag in ("raw", "indicator", "trade_exec")}
    return {"gc_archive_bucket": f"file://{folder}", "gc_interval_seconds": 1,
            "gc_policies": {**policies, "sentinel": {**policy, "action": "archive"}}, **more}


def now():
    return datetime.datetime.now(datetime.timezone.utc).isoformat()


class Retired:
    """A server with a strategy that is kept, and one whose deploy has ended and whose queues are
    gone: its sentinel is due, its nodes are needed by nobody."""

    def __init__(self, start_server, folder, store):
        self.folder = folder
        self.store = store
        self.server = start_server(store, **settings(folder))
        wait_until(lambda: holds(self.server), 10)
        self.kept = layered_graph(NODES)
        self.kept_map = submit(self.server, "kept", self.kept, "v1")
        self.old = layered_graph(NODES)
        self.old_map = submit(self.server, "old", self.old, "v2")
        assert gc(self.server, "old-sentinel").returncode == 0
        wait_until(lambda: metric(self.server, "queues_total") == NODES, 10)
        if store == "memory":
            self.server.stop()  # which holds the file as long as it runs
        # Notes what has retired, if no pass has yet; for this time nothing is due.
        nothing = self.compact(before="2020-01-01T00:00:00Z")
        assert json.loads(nothing.stdout)["sentinels"] == 0, nothing.stderr

    def compact(self, *words, env=None, before=None):
        return run_weir("dagmanager", "compact", "--before", before or now(), *words, "--config",
                        self.server.config, "-o", "json", env=env)

    def objects(self):
        return {str(path.relative_to(self.folder)) for path in self.folder.rglob("*")
                if path.is_file()}


@pytest.fixture
def make_retired(start_server, tmp_path):
    return lambda store, number=0: Retired(start_server, tmp_path / f"archive{number}", store)


def lines(done):
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def ids(graph):
    return {node["node_id"] for node in graph.nodes if node["node_type"] != "VersionSentinel"}


@pytest.mark.parametrize("store", STORES)
def test_what_nobody_needs_goes_and_is_in_the_archive(make_retired, store):
    retired = make_retired(store)
    wait_until(lambda: len(lines(retired.compact("--dry-run"))) > 1, 10)
    *planned, counts = lines(retired.compact("--dry-run"))
    assert counts == {"sentinels": 1, "nodes": NODES, "dry_run": True}
    assert {line["node_id"] for line in planned if "node_id" in line} == ids(retired.old)
    assert [line["object"] for line in planned if "object" in line] == [
        "sentinels/w1/old-sentinel/v2.json"]
    assert retired.objects() == set()
    [counts] = lines(retired.compact())
    assert counts == {"sentinels": 1, "nodes": NODES, "artifacts": 0, "archive_failed": 0,
                      "changed": 0, "dry_run": False}
    assert retired.objects() == {"sentinels/w1/old-sentinel/v2.json",
                                 "sentinels/w1/old-sentinel/v2.json.checksum"}
    kept = json.loads((retired.folder / "sentinels/w1/old-sentinel/v2.json").read_text())
    assert kept["sentinel"]["sentinel_id"] == "old-sentinel"
    assert {node["node_id"] for node in kept["nodes"]} == ids(retired.old)
    assert [node["node_id"] for node in kept["deploys"][0]["nodes"]] == [
        node["node_id"] for node in retired.old.nodes if node["node_type"] != "VersionSentinel"]
    [again] = lines(retired.compact())
    assert (again["sentinels"], again["nodes"]) == (0, 0)
    if store == "memory":
        retired.server.start()
    # The server, running or started again, gets what went as new, and still has the rest.
    assert submit(retired.server, "kept", layered_graph(NODES)) is not None
    assert submit(retired.server, "old", retired.old) == retired.old_map
    retired.server.stop()


def is_mended(retired):
    assert retired.compact().returncode == 0
    [again] = lines(retired.compact())
    assert (again["sentinels"], again["nodes"]) == (0, 0)
    assert retired.objects() == {"sentinels/w1/old-sentinel/v2.json",
                                 "sentinels/w1/old-sentinel/v2.json.checksum"}
    if retired.store == "memory":
        retired.server.start()
    assert submit(retired.server, "old", retired.old) == retired.old_map
    retired.server.stop()


@pytest.mark.parametrize("store", STORES)
@pytest.mark.parametrize("label", LABELS)
def test_a_kill_is_mended_by_running_it_again(make_retired, store, label):
    # What is behind a commit is passed once: it takes another store each time.
    rounds, kills = (KILLS, 1) if ".after_" in label else (1, KILLS)
    for number in range(rounds):
        retired = make_retired(store, number)
        wait_until(lambda: len(lines(retired.compact("--dry-run"))) > 1, 10)
        for _ in range(kills):
            killed = retired.compact(env={"WEIR_CRASH_AT": f"{label}:1"})
            assert killed.returncode == KILLED, killed.stderr
        is_mended(retired)


def test_a_sentinel_that_cannot_be_archived_stays(start_server, tmp_path):
    folder = tmp_path / "archive"
    retired = Retired(start_server, folder, "postgres")
    wait_until(lambda: len(lines(retired.compact("--dry-run"))) > 1, 10)
    (folder / "sentinels").write_text("a file where a folder should be")
    failed = retired.compact()
    assert failed.returncode == 1
    assert "archive_failed: sentinel old-sentinel@v2 in world w1 stays" in failed.stderr
    assert json.loads(failed.stdout)["archive_failed"] == 1
    dsn = retired.server.settings["graph_dsn"]
    assert query(dsn, "SELECT count(*) FROM weir_dagmanager.sentinel") == [["2"]]
    assert query(dsn, "SELECT count(*) FROM weir_dagmanager.compute_node") == [
        [str(2 * NODES)]]
    # The loops are the server's again.
    wait_until(lambda: holds(retired.server), 15)
    retired.server.stop()


def test_a_file_in_use_and_a_store_without_one_are_refused(start_server, tmp_path):
    server = start_server("memory", **settings(tmp_path / "archive"))
    busy = run_weir("dagmanager", "compact", "--before", now(), "--config", server.config)
    assert busy.returncode == 1
    assert "snapshot_in_use" in busy.stderr
    server.stop()
    config = tmp_path / "weir.yml"
    config.write_text("dagmanager:\n  grpc_port: 0\n")
    done = run_weir("dagmanager", "compact", "--before", now(), "--config", config)
    assert done.returncode == 1
    assert "memory_repo_path" in done.stderr
    assert run_weir("dagmanager", "compact", "--before", "soon", "--config",
                    config).returncode == 2


def test_an_artifact_of_another_size_is_refused_with_its_place(start_server):
    server = start_server("postgres")
    artifact = {"path": "m.onnx", "checksum": "sha256:0a", "size": 5, "framework": "onnx"}
    first = layered_graph(NODES)
    first.nodes[0]["artifacts"] = [artifact]
    submit(server, "first", first)
    second = layered_graph(NODES)
    second.nodes[2]["artifacts"] = [{**artifact, "checksum": "sha256:0b"}, {**artifact, "size": 6}]
    with pytest.raises(AssertionError) as refused:
        submit(server, "second", second)
    assert "artifact_invalid" in str(refused.value)
    assert "/nodes/2/artifacts/1/size" in str(refused.value)
    server.stop()
