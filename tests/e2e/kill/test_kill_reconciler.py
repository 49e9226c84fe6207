# SPDX-License-Identifier: Apache-2.0
"""kill -9 at labelled points of the reconciler (contract section 3.19): whatever the moment, the
next holder goes on, every topic that is left has an owner, and no owner's topic is lost."""

import grpc
import pytest

from graphs import layered_graph
from test_kill import KILLED, assert_nothing_doubled_or_orphaned, query, submit
from test_kill_loops import start_to_die, wait_until

NODES = 7
KILLS = 3
MENDED_WITHIN = 20


def free_loops(dsn):
    """As if the holder were long gone."""
    query(dsn, "UPDATE weir_dagmanager.loop_lease SET until = now()")


def number(dsn, sql):
    return int(query(dsn, sql)[0][0])


def log_rows(dsn, action):
    return number(dsn, f"SELECT count(*) FROM weir_dagmanager.topic_log WHERE action = '{action}'")


def start_with_graph(start_server):
    server = start_server("postgres", reconciler_interval_seconds=1)
    graph = layered_graph(NODES)
    outcome = submit(server, graph)
    assert outcome.code == grpc.StatusCode.OK, outcome.details
    return server, graph


@pytest.mark.parametrize("label", ("reconciler.before_dropping", "reconciler.dropping",
                                   "reconciler.removed", "reconciler.dropped"))
def test_a_kill_leaves_what_the_next_holder_drops(start_server, monkeypatch, label):
    graph = layered_graph(NODES)
    monkeypatch.setenv("WEIR_CRASH_AT", "diff.after_create:1")
    server = start_server("postgres", reconciler_interval_seconds=1)
    dsn = server.settings["graph_dsn"]
    submit(server, graph)
    assert server.process.wait(10) == KILLED
    assert number(dsn, "SELECT count(*) FROM weir_topics.topic_registry") == NODES
    query(dsn, "UPDATE weir_dagmanager.queue SET intent_at = intent_at - interval '11 minutes'")
    for _ in range(KILLS):
        free_loops(dsn)
        monkeypatch.setenv("WEIR_CRASH_AT", f"{label}:1")
        start_to_die(server)
        assert query(dsn, "SELECT topic FROM weir_topics.topic_registry WHERE topic NOT IN"
                          " (SELECT topic FROM weir_dagmanager.queue)") == []
    monkeypatch.delenv("WEIR_CRASH_AT")
    free_loops(dsn)
    server.start()
    left = "SELECT count(*) FROM weir_dagmanager.queue"
    wait_until(lambda: number(dsn, left) == 0, MENDED_WITHIN)
    assert number(dsn, "SELECT count(*) FROM weir_topics.topic_registry") == 0
    assert log_rows(dsn, "dropped") == NODES
    again = submit(server, graph)
    assert again.code == grpc.StatusCode.OK, again.details
    assert_nothing_doubled_or_orphaned(dsn, [graph])
    server.stop()


@pytest.mark.parametrize("label", ("reconciler.logged", "reconciler.recreated"))
def test_a_kill_leaves_what_the_next_holder_makes_again(start_server, monkeypatch, label):
    server, graph = start_with_graph(start_server)
    dsn = server.settings["graph_dsn"]
    server.stop()
    lose = "DELETE FROM weir_topics.topic_registry WHERE topic IN (" \
           "SELECT topic FROM weir_dagmanager.queue ORDER BY queue_id LIMIT 2)"
    for _ in range(KILLS):
        query(dsn, lose)
        free_loops(dsn)
        monkeypatch.setenv("WEIR_CRASH_AT", f"{label}:1")
        start_to_die(server)
    monkeypatch.delenv("WEIR_CRASH_AT")
    free_loops(dsn)
    server.start()
    wait_until(lambda: number(dsn, "SELECT count(*) FROM weir_topics.topic_registry") == NODES,
               MENDED_WITHIN)
    wait_until(lambda: 'reconciler_mends_total{kind="recreated"} ' in
               server.get("/metrics")[1].decode(), MENDED_WITHIN)
    # No content is ever lost without a row: each time a topic was made anew there is one.
    assert log_rows(dsn, "recreated") >= KILLS + 1
    # Nor without an alert, which is over once nobody has said it for an hour.
    told = "SELECT count(*) FROM weir_dagmanager.alert WHERE name = 'TopicRecreated' AND "
    wait_until(lambda: number(dsn, told + "resolved_at IS NULL") == 2, MENDED_WITHIN)
    query(dsn, "UPDATE weir_dagmanager.alert_condition SET until = now() - interval '1 second'")
    wait_until(lambda: number(dsn, told + "resolved_at IS NOT NULL") == 2, MENDED_WITHIN)
    assert_nothing_doubled_or_orphaned(dsn, [graph])
    server.stop()


def test_a_kill_leaves_a_sentinel_whole_or_not_there(start_server, monkeypatch):
    server, _ = start_with_graph(start_server)
    dsn = server.settings["graph_dsn"]
    server.stop()
    query(dsn, "UPDATE weir_dagmanager.deploy SET sentinel_due = true")
    for _ in range(KILLS):
        free_loops(dsn)
        monkeypatch.setenv("WEIR_CRASH_AT", "reconciler.sentinel:1")
        start_to_die(server)
        assert number(dsn, "SELECT count(*) FROM weir_dagmanager.sentinel_deploy") == 0
        assert number(dsn, "SELECT count(*) FROM weir_dagmanager.sentinel") == 0
        assert log_rows(dsn, "sentinel") == 0
    monkeypatch.delenv("WEIR_CRASH_AT")
    free_loops(dsn)
    server.start()
    wait_until(lambda: log_rows(dsn, "sentinel") == 1, MENDED_WITHIN)
    assert number(dsn, "SELECT count(*) FROM weir_dagmanager.sentinel_has") == NODES
    wait_until(lambda: "\nsentinel_gap_count 0" in server.get("/metrics")[1].decode(),
               MENDED_WITHIN)
    metrics = server.get("/metrics")[1].decode()
    assert 'reconciler_mends_total{kind="sentinel"} 1' in metrics
    assert "\ntopics_unowned 0" in metrics
    server.stop()


def test_topics_that_nobody_owns_are_counted(start_server):
    server, _ = start_with_graph(start_server)
    dsn = server.settings["graph_dsn"]
    query(dsn, "INSERT INTO weir_topics.topic_registry SELECT decode(md5(t), 'hex'), t, 1, 1, 1, ''"
               " FROM unnest(ARRAY['btc_Indicator_0123456789_v1', 'orders']) t")
    wait_until(lambda: "\ntopics_unowned 1" in server.get("/metrics")[1].decode(), MENDED_WITHIN)
    assert number(dsn, "SELECT count(*) FROM weir_topics.topic_registry") == NODES + 2
    server.stop()


def told_of(dsn, alert):
    rows = query(dsn, "SELECT subject FROM weir_dagmanager.alert WHERE resolved_at IS NULL AND"
                      f" name = '{alert}'")
    return {subject for [subject] in rows}


def test_a_topic_whose_settings_were_changed_is_told_of_while_it_is_so(start_server):
    server, graph = start_with_graph(start_server)
    dsn = server.settings["graph_dsn"]
    [[topic]] = query(dsn, "SELECT min(topic) FROM weir_dagmanager.queue")
    change = "UPDATE weir_topics.topic_registry SET partitions = partitions {} 1 WHERE topic = '{}'"
    query(dsn, change.format("+", topic))
    wait_until(lambda: told_of(dsn, "TopicMismatch") == {topic}, MENDED_WITHIN)
    query(dsn, change.format("-", topic))
    over = "UPDATE weir_dagmanager.alert_condition SET until = now() - interval '1 second'"
    wait_until(lambda: query(dsn, over) or told_of(dsn, "TopicMismatch") == set(), MENDED_WITHIN)
    assert_nothing_doubled_or_orphaned(dsn, [graph])
    server.stop()
