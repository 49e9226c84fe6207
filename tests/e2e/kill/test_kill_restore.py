# SPDX-License-Identifier: Apache-2.0
"""The topic log, and topics restored from it (contract section 3.19): what was there is there again
under its old name and binding, and a kill at any labelled point is mended by running it again."""

import datetime
import json

import grpc
import pytest

from graphs import layered_graph
from suite_support import run_weir
from test_kill import KILLED, assert_nothing_doubled_or_orphaned, query, submit
from test_kill_loops import start_to_die, wait_until

NODES = 7
KILLS = 3


def now():
    return datetime.datetime.now(datetime.timezone.utc).isoformat()


def lines(done):
    return [json.loads(line) for line in done.stdout.splitlines()]


class Lost:
    """A graph whose topics and queues are all gone, and its server ended."""

    def __init__(self, start_server):
        self.server = start_server("postgres")
        self.dsn = self.server.settings["graph_dsn"]
        self.graph = layered_graph(NODES)
        outcome = submit(self.server, self.graph)
        assert outcome.code == grpc.StatusCode.OK, outcome.details
        self.queue_map = outcome.queue_map
        self.until = now()
        self.server.stop()
        query(self.dsn, "DELETE FROM weir_dagmanager.queue")
        query(self.dsn, "DELETE FROM weir_topics.topic_registry")

    def weir(self, *words, env=None):
        return run_weir("dagmanager", *words, "--config", self.server.config, "-o", "json", env=env)

    def restore(self, *words, env=None):
        return self.weir("restore-topics", "--until", self.until, *words, env=env)

    def topics(self):
        return {topic for [topic] in query(self.dsn,
                                           "SELECT topic FROM weir_topics.topic_registry")}


@pytest.fixture
def lost(start_server):
    return Lost(start_server)


def test_the_log_is_read_from_the_store(lost):
    rows = lines(lost.weir("topic-log"))
    assert [row["seq"] for row in rows] == list(range(1, NODES + 1))
    assert {row["topic"] for row in rows} == set(lost.queue_map.values())
    assert {row["action"] for row in rows} == {"create"}
    assert {row["result"] for row in rows} == {"ok"}
    assert all(row["cause"].startswith("diff:") and row["shape"]["partitions"] > 0 for row in rows)
    topic = rows[3]["topic"]
    assert [row["topic"] for row in lines(lost.weir("topic-log", "--topic", topic))] == [topic]
    assert lines(lost.weir("topic-log", "--since", lost.until)) == []
    assert len(lines(lost.weir("topic-log", "--until", lost.until))) == NODES
    assert lost.weir("topic-log", "--since", "yesterday").returncode == 2


def test_what_was_there_is_there_again_under_its_old_name(lost):
    planned = lost.restore("--dry-run")
    assert planned.returncode == 0, planned.stderr
    assert {row["outcome"] for row in lines(planned)} == {"would_restore"}
    assert lost.topics() == set()
    done = lost.restore()
    assert done.returncode == 0, done.stderr
    assert {row["topic"] for row in lines(done)} == set(lost.queue_map.values())
    assert {row["outcome"] for row in lines(done)} == {"restored"}
    assert lost.topics() == set(lost.queue_map.values())
    again = lost.restore()
    assert (again.returncode, again.stdout) == (0, "")
    created = [row for row in lines(lost.weir("topic-log")) if row["cause"].startswith("run:")]
    assert len(created) == NODES
    assert all(row["actor"].startswith("cli:") for row in created)
    lost.server.start()
    outcome = submit(lost.server, lost.graph)
    assert outcome.queue_map == lost.queue_map
    assert_nothing_doubled_or_orphaned(lost.dsn, [lost.graph])
    lost.server.stop()


def test_a_queue_comes_back_as_a_new_one_would_be_made(lost):
    prefix = "QMTL__DAGMANAGER__TOPIC_OVERRIDES__INDICATOR__"
    done = lost.restore(
        env={f"{prefix}LAG_ALERT_SECONDS": "77", f"{prefix}RETENTION_MS": "7200000"})
    assert done.returncode == 0, done.stderr
    assert query(lost.dsn, "SELECT DISTINCT type, ttl_ms, lag_alert_seconds"
                           " FROM weir_dagmanager.queue") == [["indicator", "7200000", "77"]]


@pytest.mark.parametrize("label", ("restore.reserved", "restore.made", "restore.committed",
                                   "topics.before_create", "store.in_commit"))
def test_a_kill_is_mended_by_running_it_again(lost, label):
    for _ in range(KILLS):
        killed = lost.restore(env={"WEIR_CRASH_AT": f"{label}:1"})
        assert killed.returncode == KILLED, killed.stderr
        if label == "restore.committed":
            query(lost.dsn, "DELETE FROM weir_dagmanager.queue")
            query(lost.dsn, "DELETE FROM weir_topics.topic_registry")
    done = lost.restore()
    assert done.returncode == 0, done.stdout + done.stderr
    assert lost.topics() == set(lost.queue_map.values())
    assert_nothing_doubled_or_orphaned(lost.dsn, [lost.graph])


def test_what_cannot_be_restored_is_told(lost):
    early = lost.weir("restore-topics", "--until", "2020-01-01T00:00:00Z")
    assert early.returncode == 1
    assert "log_too_short" in early.stderr
    assert lost.restore().returncode == 0
    query(lost.dsn, "UPDATE weir_dagmanager.queue SET topic = topic || 'x',"
                    " topic_key = decode(md5(topic || 'x'), 'hex') WHERE queue_id ="
                    " (SELECT min(queue_id) FROM weir_dagmanager.queue)")
    query(lost.dsn, "DELETE FROM weir_topics.topic_registry WHERE topic NOT IN"
                    " (SELECT topic FROM weir_dagmanager.queue)")
    done = lost.restore()
    assert done.returncode == 1
    assert [row["outcome"] for row in lines(done)] == ["rebound"]


def test_a_store_in_memory_has_nothing_to_restore(tmp_path):
    config = tmp_path / "weir.yml"
    config.write_text("dagmanager:\n  grpc_port: 0\n")
    done = run_weir("dagmanager", "restore-topics", "--until", now(), "--config", config)
    assert done.returncode == 1
    assert "topics_dsn" in done.stderr
    log = run_weir("dagmanager", "topic-log", "--config", config)
    assert (log.returncode, log.stdout) == (1, "")
    assert "memory_repo_path" in log.stderr


def test_what_was_archived_is_named(lost):
    topic = sorted(lost.queue_map.values())[0]
    query(lost.dsn, "INSERT INTO weir_dagmanager.topic_log_batch SELECT last_seq + 1, last_seq + 1,"
                    " now(), 'loop:gc', 'run', ARRAY['" + topic + "'], ARRAY['archive'],"
                    " ARRAY['raw'], ARRAY[1], ARRAY[1], ARRAY[1::bigint], ARRAY[''], ARRAY[''],"
                    " ARRAY[''], ARRAY['its-archive'] FROM weir_dagmanager.topic_log_batch"
                    " ORDER BY last_seq DESC LIMIT 1")
    done = lost.restore()
    assert done.returncode == 0, done.stderr
    named = {row["topic"]: row["archive"] for row in lines(done)}
    assert named.pop(topic) == "its-archive"
    assert set(named.values()) == {None}


def logged(dsn):
    return {topic for [topic] in query(dsn, "SELECT topic FROM weir_dagmanager.topic_log")}


@pytest.mark.parametrize("label", ("reconciler.before_prune", "reconciler.after_prune"))
def test_the_log_is_given_up_and_a_restore_says_so(start_server, monkeypatch, label):
    server = start_server("postgres", topic_log_days=2, reconciler_interval_seconds=1)
    dsn = server.settings["graph_dsn"]
    graph = layered_graph(NODES)
    topics = set(submit(server, graph).queue_map.values())
    server.stop()
    query(dsn, "INSERT INTO weir_dagmanager.topic_log_batch SELECT last_seq + 1, last_seq + 1,"
               " now(), 'loop:gc', 'run', ARRAY['ended'], ARRAY['deleted'], ARRAY['raw'], ARRAY[1],"
               " ARRAY[1], ARRAY[1::bigint], ARRAY[''], ARRAY[''], ARRAY[''], ARRAY['ok']"
               " FROM weir_dagmanager.topic_log_batch ORDER BY last_seq DESC LIMIT 1")
    query(dsn, "UPDATE weir_dagmanager.topic_log_batch SET at = at - interval '10 days'")
    for _ in range(KILLS):
        query(dsn, "UPDATE weir_dagmanager.loop_lease SET until = now()")
        monkeypatch.setenv("WEIR_CRASH_AT", f"{label}:1")
        start_to_die(server)
        assert logged(dsn) >= topics
    monkeypatch.delenv("WEIR_CRASH_AT")
    query(dsn, "UPDATE weir_dagmanager.loop_lease SET until = now()")
    server.start()
    pruned = "SELECT before IS NOT NULL FROM weir_dagmanager.topic_log_pruned"
    wait_until(lambda: query(dsn, pruned) == [["t"]], 20)
    assert logged(dsn) == topics
    server.stop()
    restore = ("dagmanager", "restore-topics", "--config", server.config, "--until")
    early = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(days=5)
    refused = run_weir(*restore, early.isoformat())
    assert refused.returncode == 1
    assert "log_too_short" in refused.stderr and "topic_log_days" in refused.stderr
    query(dsn, "DELETE FROM weir_dagmanager.queue")
    query(dsn, "DELETE FROM weir_topics.topic_registry")
    late = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(days=1)
    done = run_weir(*restore, late.isoformat())
    assert done.returncode == 0, done.stderr
    registry = query(dsn, "SELECT topic FROM weir_topics.topic_registry")
    assert {topic for [topic] in registry} == topics
