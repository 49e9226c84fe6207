# SPDX-License-Identifier: Apache-2.0
"""Reads the control bus with a client that is not ours, and sees to it that all events are there,
in the order of their keys."""

import json
import subprocess

from test_kill import query
from test_kill_events import committed_events
from test_kill_loops import wait_until

ARRIVED_SECONDS_MAX = 60


def read_all(brokers, topic):
    """Keys and values of a topic, in the order of each partition."""
    done = subprocess.run(
        ["kcat", "-b", brokers, "-C", "-t", topic, "-o", "beginning", "-e", "-q", "-f", "%k\t%s\n"],
        capture_output=True, text=True, check=True, timeout=60,
    )
    return [tuple(line.split("\t", 1)) for line in done.stdout.splitlines()]


def unsent(dsn, until=None):
    """How many events wait; of those with a number up to `until`."""
    bound = "" if until is None else f" AND number <= {until}"
    [[count]] = query(
        dsn, f"SELECT count(*) FROM weir_dagmanager.outbox WHERE acknowledged_at IS NULL{bound}")
    return int(count)


def first_told(brokers, topic):
    """By key: the events by id, in the order in which each was there first."""
    first = {}
    for key, value in read_all(brokers, topic):
        seen = first.setdefault(key, {})
        envelope = json.loads(value)
        assert seen.setdefault(envelope["id"], value) == value, "the same bytes under the same id"
    return first


def assert_all_arrived(brokers, topic, dsn):
    """Each at least once, and seen first in the order of its key."""
    wait_until(lambda: unsent(dsn) == 0, ARRIVED_SECONDS_MAX)
    first = first_told(brokers, topic)
    for seen in first.values():
        revisions = [int(json.loads(value)["data"]["etag"].rsplit(":", 1)[1])
                     for value in seen.values()]
        assert revisions == list(range(1, len(revisions) + 1))
    assert {identity for seen in first.values() for identity in seen} == set(committed_events(dsn))
