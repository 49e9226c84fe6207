# SPDX-License-Identifier: Apache-2.0
"""Three instances on one store under load, one killed every five seconds and one drained every
twenty (contract section 3.18): the same map from each, nothing lost, doubled or without an owner,
one holder a loop at a time, and every event once and in order for whoever moves between them.
Strategies are retired and collected meanwhile, and rollouts go to and fro.

WEIR_POOL_SECONDS is how long it goes on; `scripts/soak kill-streams` takes half an hour."""

import os
import threading
import time

import pytest

from lives import Retiring, Rolling, settings
from pool import Follower, Graphs, Pool, Team, submit
from test_kill import query
from test_kill_events import committed_events

SECONDS = float(os.environ.get("WEIR_POOL_SECONDS", "30"))
SEED = int(os.environ.get("WEIR_TEST_SEED", "20"))
KILL_EVERY = 5
DRAIN_EVERY = 20
TEAMS = 4
FOLLOWERS = 2


def in_threads(runners, over):
    # A run that failed does not wait for followers of what never comes.
    threads = [threading.Thread(target=runner.run, args=(over,), daemon=True)
               for runner in runners]
    for thread in threads:
        thread.start()
    return threads


def join_all(runners, threads):
    for thread in threads:
        thread.join()
    for runner in runners:
        if runner.fault:
            raise runner.fault


@pytest.fixture(scope="module", name="history")
def played_history(start_server, tmp_path_factory):
    """The pool after its time of kills and drains, all instances there, nothing under way."""
    pool = Pool(start_server, SEED, **settings())
    graphs = Graphs()
    folder = tmp_path_factory.mktemp("hotfixes")
    teams = [Team(pool, graphs, number, folder) for number in range(TEAMS)]
    lives = [Retiring(pool), Rolling(pool)]
    followers = [Follower(pool) for _ in range(FOLLOWERS)]
    over = threading.Event()
    disturbed = []
    disturber = threading.Thread(
        target=lambda: disturbed.append(pool.disturb(over, KILL_EVERY, DRAIN_EVERY)))
    busy = in_threads(teams + lives, over)
    following = in_threads(followers, over)
    disturber.start()
    begun = time.monotonic()
    try:
        over.wait(SECONDS)
    finally:
        over.set()
        disturber.join()
        join_all(teams + lives, busy)
    retiring, rolling = lives
    last = len(committed_events(pool.dsn))
    for follower in followers:
        follower.until = last
    graphs.submit_one_more(pool)  # wakes whoever has read them all
    join_all(followers, following)
    [(kills, drains)] = disturbed
    calls = sum(team.calls for team in teams)
    print(f"\npool: {time.monotonic() - begun:.0f} s, {kills} kills, {drains} drains, {calls} calls"
          f", {len(graphs.submitted())} graphs, {retiring.calls} strategies retired,"
          f" {rolling.calls} rollouts, {last} events,"
          f" {sum(one.moves for one in followers)} moves of followers")
    assert kills >= SECONDS // KILL_EVERY - 2
    yield pool, graphs, teams, followers, lives
    pool.stop()


def test_every_instance_gives_the_same_map(history):
    pool, graphs, *_ = history
    for number in graphs.submitted():
        for server in pool.servers:
            graphs.assert_is_its_map(number, submit(server, graphs.all[number]))


def test_every_topic_has_one_owner(history):
    pool, graphs, teams, _, (_, rolling) = history
    answered = graphs.topics().union(*(one.topics for one in (*teams, rolling)))
    bound = {topic for [topic] in query(
        pool.dsn, "SELECT topic FROM weir_dagmanager.queue WHERE state = 'active'")}
    assert bound == answered
    [[doubled]] = query(
        pool.dsn, "SELECT count(*) - count(DISTINCT binding_key) FROM weir_dagmanager.queue")
    assert doubled == "0"
    existing = {topic for [topic] in query(
        pool.dsn, "SELECT topic FROM weir_topics.topic_registry")}
    intents = {topic for [topic] in query(
        pool.dsn, "SELECT topic FROM weir_dagmanager.queue WHERE state = 'intent'")}
    assert existing - intents == bound


def test_the_topics_of_a_sentinel_are_those_that_were_answered(history):
    pool, _, teams, _, (_, rolling) = history
    rows = query(
        pool.dsn,
        "SELECT h.sentinel_id, q.topic FROM weir_dagmanager.sentinel_has h"
        " JOIN weir_dagmanager.queue q USING (node_seq) WHERE q.state = 'active'")
    held = {}
    for sentinel, topic in rows:
        held.setdefault(sentinel, set()).add(topic)
    for one in (*teams, rolling):
        assert held[one.sentinel] == one.topics


def test_each_follower_had_every_event_once_and_in_order(history):
    pool, _, _, followers, *_ = history
    committed = committed_events(pool.dsn)
    for follower in followers:
        envelopes = follower.reader.envelopes()
        assert [envelope["id"] for envelope in envelopes] == committed[:len(envelopes)]
        assert len(envelopes) >= follower.until
        follower.reader.assert_revisions_rise()
        assert not follower.reader.resets


def test_the_weight_told_last_is_the_weight_stored(history):
    """Of a switch within one sentinel only the side that gains is told (section 3.20)."""
    pool, _, _, followers, *_ = history
    told = {}
    for envelope in followers[0].reader.envelopes():
        data = envelope["data"]
        if envelope["type"] == "sentinel_weight_updated":
            told[data["sentinel_id"]] = (data["sentinel_version"], data["weight"])
    stored = {(sentinel, version): float(weight) for sentinel, version, weight in query(
        pool.dsn, "SELECT sentinel_id, version, traffic_weight FROM weir_dagmanager.sentinel"
                  " WHERE traffic_weight IS NOT NULL")}
    assert len(told) == TEAMS + 1  # and the one between whose versions traffic moves
    for sentinel, (version, weight) in told.items():
        assert stored[sentinel, version] == weight


def test_what_is_retired_goes_and_each_of_its_queues_is_told_once(history):
    _, _, _, followers, (retiring, _) = history
    assert retiring.calls > 0
    assert retiring.left == set()
    gone = [envelope["data"]["queue"] for envelope in followers[0].reader.envelopes()
            if envelope["type"] == "queue_lifecycle"]
    assert sorted(gone) == sorted(retiring.topics)


def test_every_rollout_ends_with_all_of_the_traffic_on_one_side(history):
    pool, *_, (_, rolling) = history
    assert rolling.ends
    assert set(rolling.ends) == {"done"}
    weights = query(pool.dsn, "SELECT traffic_weight FROM weir_dagmanager.sentinel WHERE"
                              f" sentinel_id = '{rolling.sentinel}' ORDER BY 1")
    assert weights == [["0"], ["1"]]


def test_one_instance_at_a_time_runs_a_loop(history):
    """A lease passes on only once it lapsed or was given back, under a higher fence."""
    pool, *_ = history
    overlaps = query(
        pool.dsn,
        "SELECT * FROM lease_watch WHERE holder <> before_holder AND holder <> ''"
        " AND before_holder <> '' AND before_until > at")
    assert overlaps == []
    two_holders = query(
        pool.dsn,
        "SELECT loop, fence FROM lease_watch WHERE holder <> '' GROUP BY loop, fence"
        " HAVING count(DISTINCT holder) > 1")
    assert two_holders == []
    fallen = query(
        pool.dsn,
        "SELECT * FROM (SELECT loop, fence, lag(fence) OVER (PARTITION BY loop ORDER BY seq) AS"
        " earlier FROM lease_watch) AS changes WHERE fence < earlier")
    assert fallen == []
    [[passed_on]] = query(
        pool.dsn, "SELECT count(*) FROM lease_watch WHERE holder <> before_holder")
    assert int(passed_on) > 0
