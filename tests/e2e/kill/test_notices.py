# SPDX-License-Identifier: Apache-2.0
"""Notices of rollouts and of a silent client, at their receivers (contract sections 1.6, 3.14)."""

import asyncio

import grpc

from graphs import layered_graph
from test_engines_away import receiver  # noqa: F401
from test_kill import query
from test_kill_canary import (SENTINEL, canary, canary_settings, deploy_both, follow_weights, one,
                              serve_figures)  # noqa: F401
from test_kill_loops import wait_until
from wire import Wire

TOLD_SECONDS_MAX = 60
RUNBOOKS = "docs/operations/runbooks/"


def texts(receiver):  # noqa: F811
    return [body["text"] for body in receiver.bodies]


def told(receiver, words):  # noqa: F811
    """The notices that begin so, once there is one."""
    wait_until(lambda: any(words in text for text in texts(receiver)), TOLD_SECONDS_MAX)
    return [text for text in texts(receiver) if words in text]


def test_the_chat_hears_of_a_rollout_that_went_back(start_server, figures, receiver):  # noqa: F811
    server = start_server("postgres", canary=canary_settings(figures),
                          alerts={"slack": {"url": receiver.url}})
    deploy_both(server)
    follow_weights(figures, server)
    assert canary(server, "start", "--sentinel", SENTINEL, "--steps", "0.1:1h,1").returncode == 0
    wait_until(lambda: one(server)["verdict"] == "pass", TOLD_SECONDS_MAX)
    assert receiver.bodies == []
    figures.errors = 0.5
    [text] = told(receiver, "Rollout rolled back")
    assert f"{SENTINEL}@v2" in text
    assert "errors: 0.5, at most 0.01" in text
    assert f"{RUNBOOKS}RolloutRolledBack.md" in text
    assert one(server)["state"] == "rolled_back"
    server.stop()


def test_the_chat_hears_of_a_rollout_that_nobody_can_judge(
    start_server, figures, receiver  # noqa: F811
):
    server = start_server("postgres", canary=canary_settings(figures),
                          alerts={"slack": {"url": receiver.url}})
    dsn = server.settings["graph_dsn"]
    deploy_both(server)  # the gateway tells nothing of its share
    assert canary(server, "start", "--sentinel", SENTINEL, "--steps", "0.1:1h,1").returncode == 0
    wait_until(lambda: one(server)["verdict"] == "unknown", TOLD_SECONDS_MAX)
    assert receiver.bodies == []

    def undecided_for_an_hour():
        # Anew each time: a look that had read the row before may write it back after.
        query(dsn, "UPDATE weir_dagmanager.rollout SET unknown_since = now() - interval '1 h'"
                   " WHERE unknown_since > now() - interval '30 min'")
        return any("Rollout undecided" in text for text in texts(receiver))

    wait_until(undecided_for_an_hour, TOLD_SECONDS_MAX)
    [text] = told(receiver, "Rollout undecided")
    assert f"{SENTINEL}@v2" in text
    assert f"{RUNBOOKS}RolloutUndecided.md" in text
    assert one(server)["state"] == "running"
    server.stop()


def test_opsgenie_hears_of_a_client_that_went_silent(start_server, receiver):  # noqa: F811
    server = start_server("postgres", ack_timeout_seconds=1,
                          alerts={"opsgenie": {"url": receiver.url}})

    async def fall_silent():
        async with Wire(server.target) as wire:
            return await wire.diff(acknowledge=False, strategy_id="s", world_id="w1",
                                   dag_json=layered_graph(3000).to_json(),
                                   execution_domain="live")

    outcome = asyncio.run(fall_silent())
    assert outcome.code == grpc.StatusCode.DEADLINE_EXCEEDED, outcome.details
    wait_until(lambda: receiver.bodies, TOLD_SECONDS_MAX)
    body = receiver.bodies[0]
    assert "Diff stream stalled" in body["message"]
    assert body["alias"].startswith("weir:DiffStreamStalled:")
    assert f"{RUNBOOKS}DiffStreamStalled.md" in str(body)
    server.stop()
