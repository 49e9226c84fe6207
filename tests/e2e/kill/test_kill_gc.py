# SPDX-License-Identifier: Apache-2.0
"""The end of queues by the real command line (contract section 3.12); kill -9 at the points of a
cleanup, of the pass that follows it, and of the archive: the same command again ends where an
undisturbed run ends."""

import asyncio
import contextlib
import json
import subprocess
import threading

import grpc
import pytest

from event_reader import EventReader
from graphs import layered_graph
from stubs import pb2
from test_kill import KILLED, query
from test_kill_loops import holds, wait_until
from weir_server import binary
from wire import Wire

NODES = 4
ROUNDS = 3  # so that every point is passed three times

# In the order in which a round passes them; those of the archive once a queue.
LABELS = (
    "cleanup.before_commit", "cleanup.after_commit", "gc.before_mark", "gc.after_mark",
    "archive.content", "archive.manifest", "gc.before_collect", "gc.after_collect",
    "topics.before_remove", "topics.after_remove", "gc.after_delete", "gc.before_forget",
    "gc.after_forget")


def settings(folder, **more):
    """Queues go at once, and their content is kept. The loop itself comes by only once an hour."""
    policy = {"ttl_days": 0, "grace_days": 0, "action": "archive"}
    return {"gc_archive_bucket": f"file://{folder}", "gc_interval_seconds": 3600,
            "gc_policies": {tag: policy for tag in ("raw", "indicator", "trade_exec")}, **more}


def submit(server, strategy, graph, version=None):
    async def ask():
        async with Wire(server.target) as wire:
            return await wire.diff(strategy_id=strategy, dag_json=graph.to_json(), world_id="w1",
                                   execution_domain="live")

    if version:
        graph.meta["version"] = version
        graph.nodes.append({"node_id": f"{strategy}-sentinel", "node_type": "VersionSentinel"})
    outcome = asyncio.run(ask())
    assert outcome.code == grpc.StatusCode.OK, outcome.details
    return outcome.queue_map


def gc(server, sentinel, *words):
    return subprocess.run(
        [binary(), *words, "dagmanager", "gc", "--sentinel", sentinel, "--target", server.target],
        capture_output=True, text=True, timeout=60, check=False)


def trigger(server, body):
    status, answer = server.get("/admin/gc-trigger", method="POST", body=body.encode())[:2]
    return status, json.loads(answer)


@contextlib.contextmanager
def locked(dsn, table):
    """Whoever asks for the table waits."""
    with subprocess.Popen(["psql", "--no-psqlrc", "-qAt", "--dbname", dsn], text=True, cwd="/",
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE) as session:
        session.stdin.write(f"BEGIN; LOCK TABLE {table}; SELECT 'locked';\n")
        session.stdin.flush()
        assert session.stdout.readline() == "locked\n"
        yield
        session.stdin.close()


async def indicators(server):
    async with Wire(server.target) as wire:
        asked = pb2.TagQueryRequest(tags=["t0"], interval=60, world_id="w1",
                                    execution_domain="live")
        await wire.tags.GetQueues(asked, timeout=10)
        return True


def metric(server, name):
    for line in server.get("/metrics")[1].decode().splitlines():
        if line.startswith(name + " "):
            return float(line.split()[1])
    return None


def ends(reader):
    return [event for event in reader.envelopes() if event["type"] == "queue_lifecycle"]


def topics_in(queue_map):
    return set(queue_map.values())


def standing(dsn):
    """What is left of queues, and what the topics are."""
    queues = {topic for [topic] in query(dsn, "SELECT topic FROM weir_dagmanager.queue")}
    topics = {topic for [topic] in query(dsn, "SELECT topic FROM weir_topics.topic_registry")}
    return queues, topics


@pytest.mark.parametrize("store", ("memory", "postgres"))
def test_a_strategy_that_is_retired_leaves_nothing(start_server, tmp_path, store):
    server = start_server(store, **settings(tmp_path))
    wait_until(lambda: holds(server), 10)
    kept = submit(server, "kept", layered_graph(NODES), "v1")
    first = layered_graph(NODES)
    gone = topics_in(submit(server, "retired", first, "v2"))
    wait_until(lambda: metric(server, "queues_total") == 2 * NODES, 10)
    assert not list(tmp_path.iterdir())
    done = gc(server, "retired-sentinel")
    assert (done.returncode, done.stdout) == (0, "GC triggered for sentinel: retired-sentinel\n")
    reader = EventReader(server)
    reader.read(lambda seen: len(ends(seen)) == NODES)
    told = ends(reader)
    assert {event["data"]["queue"] for event in told} == gone
    assert {event["data"]["archive_status"] for event in told} == {"archived"}
    assert metric(server, "queues_total") == NODES
    assert metric(server, "orphan_queue_total") is not None
    assert metric(server, "gc_last_run_timestamp") > 0
    names = sorted(path.name for path in tmp_path.iterdir())
    assert len(names) == 2 * NODES
    assert all(any(name.startswith(topic + "-") for topic in gone) for name in names)
    # Bound again it gets its names back, and nothing else was touched.
    assert topics_in(submit(server, "retired", first)) == gone
    assert topics_in(submit(server, "kept", layered_graph(NODES))) & topics_in(kept) == set()
    server.stop()


def test_what_an_id_means(start_server, tmp_path):
    server = start_server("postgres", **settings(tmp_path))
    wait_until(lambda: holds(server), 10)
    submit(server, "one", layered_graph(NODES), "v7")
    submit(server, "two", layered_graph(NODES), "v7")
    mine = topics_in(submit(server, "three", layered_graph(NODES), "v8"))
    ambiguous = gc(server, "v7")
    assert ambiguous.returncode == 1
    assert "ambiguous_sentinel" in ambiguous.stderr
    assert "one-sentinel in world w1, two-sentinel in world w1" in ambiguous.stderr
    status, body = trigger(server, json.dumps({"id": "v7"}))
    assert (status, body["code"]) == (409, "ambiguous_sentinel")
    for wrong in ("", "[]", "{}", '{"id": 7}', "nonsense"):
        status, body = trigger(server, wrong)
        assert (status, body["code"]) == (422, "missing_id")
    assert gc(server, "nobody").returncode == 0
    assert json.loads(gc(server, "nobody", "-o", "json").stdout)["triggered"]
    assert metric(server, "queues_total") == 3 * NODES
    status, body = trigger(server, json.dumps({"id": "v8"}))
    assert status == 202
    assert set(body["processed"]) == mine
    report = body["report"]
    assert (report["observed"], report["candidates"]) == (NODES, NODES)
    assert report["actions"] == {"drop": 0, "archive": NODES, "skip": 0}
    assert {item["reason"] for item in report["items"]} == {"eligible"}
    status, body = trigger(server, json.dumps({"id": "v8"}))
    assert (status, body["processed"], body["report"]["observed"]) == (202, [], 0)
    server.stop()


def test_a_report_says_of_each_queue_why_it_stays(start_server):
    server = start_server("memory", gc_interval_seconds=3600)  # with the usual times
    wait_until(lambda: holds(server), 10)
    mine = topics_in(submit(server, "young", layered_graph(NODES)))
    status, body = trigger(server, json.dumps({"id": "young"}))
    assert (status, body["processed"]) == (202, [])
    report = body["report"]
    assert (report["observed"], report["candidates"]) == (NODES, 0)
    assert report["actions"] == {"drop": 0, "archive": 0, "skip": NODES}
    assert report["by_tag"] == {"indicator": NODES}
    assert report["processed"] == [] and report["items"] == report["skipped"]
    assert {item["queue"] for item in report["items"]} == mine
    for item in report["items"]:
        assert set(item) == {"queue", "tag", "interval", "action", "reason", "archive_status"}
        assert (item["action"], item["reason"], item["archive_status"]) == (
            "skip", "within_grace", None)
    server.stop()


def archive_breaker(server):
    return json.loads(server.get("/status")[1])["engines"]["archive"]


@pytest.mark.parametrize("store", ("memory", "postgres"))
def test_an_archive_that_fails_holds_up_nothing_and_is_found_again(start_server, tmp_path, store):
    folder = tmp_path / "archive"
    server = start_server(store, **settings(folder, gc_interval_seconds=1))
    wait_until(lambda: holds(server), 10)
    assert archive_breaker(server) == "closed"
    submit(server, "retired", layered_graph(NODES), "v2")
    folder.rename(tmp_path / "aside")
    assert gc(server, "retired-sentinel").returncode == 0
    wait_until(lambda: archive_breaker(server) != "closed", 20)
    kept = submit(server, "kept", layered_graph(NODES))
    assert len(kept) == NODES
    assert metric(server, "queues_total") == 2 * NODES, "what is not archived stays"
    metrics = server.get("/metrics")[1].decode()
    assert 'breaker_open_total{engine="archive"} 1' in metrics
    assert 'breaker_state{engine="archive"} 0' not in metrics
    (tmp_path / "aside").rename(folder)
    wait_until(lambda: archive_breaker(server) == "closed", 30)  # a probe is due in 8 s at most
    wait_until(lambda: metric(server, "queues_total") == NODES, 30)
    assert len(list(folder.iterdir())) == 2 * NODES
    server.stop()


def test_a_long_pass_holds_up_nobody(start_server, tmp_path):
    server = start_server("postgres", **settings(tmp_path))
    dsn = server.settings["graph_dsn"]
    wait_until(lambda: holds(server), 10)
    submit(server, "retired", layered_graph(NODES))
    answers = []
    with locked(dsn, "weir_topics.topic_registry"):
        def end_by_http():
            answers.append(trigger(server, json.dumps({"id": "retired"}))[0])

        def end_by_grpc():
            answers.append(202 if gc(server, "retired").returncode == 0 else 0)

        callers = [threading.Thread(target=call) for call in (end_by_http, end_by_grpc) * 4]
        for caller in callers:
            caller.start()
        while any(caller.is_alive() for caller in callers):
            assert server.get("/healthz")[0] == 200
            assert asyncio.run(indicators(server))
    for caller in callers:
        caller.join()
    assert answers == [202] * len(callers)
    wait_until(lambda: server.get("/readyz")[0] == 200, 30)
    wait_until(lambda: trigger(server, json.dumps({"id": "retired"}))[1]["report"], 30)
    wait_until(lambda: standing(dsn) == (set(), set()), 60)
    server.stop()


@pytest.mark.parametrize("passing", (1, 2, 3))
@pytest.mark.parametrize("label", LABELS)
def test_the_same_command_after_a_kill_leaves_what_an_undisturbed_run_leaves(
        start_server, monkeypatch, tmp_path, label, passing):
    # The command's own passes are counted.
    monkeypatch.setenv("WEIR_CRASH_AT", f"{label}:{passing}")
    server = start_server("postgres", **settings(tmp_path))
    dsn = server.settings["graph_dsn"]
    wait_until(lambda: holds(server), 10)
    kept = topics_in(submit(server, "kept", layered_graph(NODES)))
    gone = [topics_in(submit(server, f"s{number}", layered_graph(NODES)))
            for number in range(ROUNDS)]
    for number in range(ROUNDS):
        done = gc(server, f"s{number}")
        if server.process.poll() is None and done.returncode == 0:
            continue
        assert server.process.wait(10) == KILLED, done.stderr
        queues, topics = standing(dsn)
        assert kept <= queues and kept <= topics
        assert topics <= queues, "a topic that is there is known"
        monkeypatch.delenv("WEIR_CRASH_AT")
        query(dsn, "UPDATE weir_dagmanager.loop_lease SET until = now()")  # as if it had lapsed
        server.start()
        wait_until(lambda: holds(server), 15)
        assert gc(server, f"s{number}").returncode == 0
    # The loop's own pass may have been under way, and runs another for the command.
    wait_until(lambda: standing(dsn) == (kept, kept), 30)
    assert query(dsn, "SELECT topic FROM weir_dagmanager.queue WHERE state <> 'active'") == []
    all_gone = set().union(*gone)
    told = query(dsn, "SELECT topic FROM weir_dagmanager.outbox WHERE kind = 'queue_lifecycle'")
    assert sorted(topic for [topic] in told) == sorted(all_gone), "each once"
    log = query(dsn, "SELECT action, count(*) FROM (SELECT unnest(actions) AS action FROM"
                     " weir_dagmanager.topic_log_batch) l WHERE action <> 'create' GROUP BY 1"
                     " ORDER BY 1")
    assert log == [[action, str(NODES * ROUNDS)]
                   for action in ("archive", "delete_started", "deleted")]
    names = {path.name for path in tmp_path.iterdir()}
    for topic in all_gone:
        ours = {name for name in names if name.startswith(topic + "-2")}
        assert {name.rsplit(".", 1)[-1] for name in ours} >= {"content", "json"}
    assert query(dsn, "SELECT count(*) FROM weir_dagmanager.orphan_queue") == [["0"]]
    server.stop()
