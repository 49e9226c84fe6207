# SPDX-License-Identifier: Apache-2.0
"""Killed around the commits of an alert (contract section 3.14): it is told at least once, always
under the same key, and there is one of it."""

import pytest

from test_engines_away import Receiver, key_file, receiver  # noqa: F401
from test_kill import query
from test_kill_loops import TAKEOVER_SECONDS_MAX, start_to_die, wait_until

KILLS = 3
TOLD_SECONDS_MAX = 60


@pytest.mark.parametrize(
    ("label", "passing"),
    [("alert.before_commit", 1), ("alert.after_commit", 1), ("alert.written", 1),
     ("alert.before_commit", 2), ("alert.after_commit", 2), ("alert.written", 2)],
)
def test_a_killed_holder_leaves_an_alert_that_is_told(
    start_server, monkeypatch, receiver, key_file, label, passing  # noqa: F811
):
    server = start_server(
        "postgres", alerts={"pagerduty": {"url": receiver.url, "token_file": str(key_file)}}
    )
    dsn = server.settings["graph_dsn"]
    server.stop()
    query(dsn, "INSERT INTO weir_dagmanager.alert_condition VALUES"
               " ('TopicRecreated', 'raw.eod', 'it was gone', 'raw.eod', '', now(),"
               " now() + interval '1 hour')")
    monkeypatch.setenv("WEIR_CRASH_AT", f"{label}:{passing}")
    # The second write of a holder is that the notice was sent; it comes once.
    for _ in range(KILLS if passing == 1 else 1):
        # As if the one before were long gone.
        query(dsn, "UPDATE weir_dagmanager.loop_lease SET until = now()")
        start_to_die(server)
        if label == "alert.after_commit":
            # The next holder's first write is another one.
            break
    monkeypatch.delenv("WEIR_CRASH_AT")
    query(dsn, "UPDATE weir_dagmanager.loop_lease SET until = now()")
    server.start()
    wait_until(
        lambda: query(dsn, "SELECT kind, state FROM weir_dagmanager.alert_notice")
        == [["trigger", "sent"]],
        TOLD_SECONDS_MAX,
    )
    assert query(dsn, "SELECT count(*) FROM weir_dagmanager.alert") == [["1"]]
    assert 1 <= len(receiver.bodies) <= KILLS + 1
    assert {(one["event_action"], one["dedup_key"]) for one in receiver.bodies} == {
        ("trigger", "weir:TopicRecreated:raw.eod")
    }
    # The fault is over, and the notice was a while ago.
    query(dsn, "UPDATE weir_dagmanager.alert_notice SET done_at = done_at - interval '5 min'")
    query(dsn, "UPDATE weir_dagmanager.alert_condition SET until = now()")
    wait_until(lambda: receiver.bodies[-1]["event_action"] == "resolve", TAKEOVER_SECONDS_MAX)
    assert receiver.bodies[-1]["dedup_key"] == "weir:TopicRecreated:raw.eod"
    wait_until(
        lambda: query(dsn, "SELECT count(*) FROM weir_dagmanager.alert_notice"
                           " WHERE state = 'sent'") == [["2"]],
        TAKEOVER_SECONDS_MAX,
    )
    assert query(dsn, "SELECT count(*) FROM weir_dagmanager.alert_condition") == [["0"]]
    server.stop()
