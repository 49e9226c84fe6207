# SPDX-License-Identifier: Apache-2.0
"""What StartRollout, RedoDiff, and SetTrafficWeight cannot do now, and why, over the wire (contract
section 1.1, "Faults"): the code, the word in the metadata, the same word before the message."""

import json
import subprocess

import grpc
import pytest

from expectations import assert_refused, diff_once
from graphs import layered_graph
from stubs import pb2, pb2_grpc
from wire import reason_of

SENTINEL = "s-sentinel"
SECONDS_MAX = 30
# Topics go as soon as nobody needs them; the loop itself comes by only once an hour.
GONE_AT_ONCE = {
    "gc_interval_seconds": 3600,
    "gc_policies": {tag: {"ttl_days": 0, "grace_days": 0, "action": "delete"}
                    for tag in ("raw", "indicator", "trade_exec")},
}


def version_of_graph(version, weight):
    graph = layered_graph(2)
    graph.meta["version"] = version
    graph.nodes.append({"node_id": SENTINEL, "node_type": "VersionSentinel", "weight": weight})
    return graph.to_json()


def deploy(server, version, world="w1", weight=0):
    outcome = diff_once(server, strategy_id="s", dag_json=version_of_graph(version, weight),
                        world_id=world)
    assert outcome.code == grpc.StatusCode.OK, outcome.details


def start_rollout(**fields):
    return "StartRollout", pb2.StartRolloutRequest(sentinel_id=SENTINEL, **fields)


def redo(**fields):
    return "RedoDiff", pb2.RedoDiffRequest(sentinel_id=SENTINEL, **fields)


def set_weight(value=0.5, **fields):
    return "SetTrafficWeight", pb2.SetTrafficWeightRequest(
        sentinel_id=SENTINEL, weight=value, **fields)


def call(server, method, request):
    """Code, word, and message of an AdminService call."""
    with grpc.insecure_channel(server.target) as channel:
        try:
            getattr(pb2_grpc.AdminServiceStub(channel), method)(request, timeout=SECONDS_MAX)
        except grpc.RpcError as fault:
            return fault.code(), reason_of(fault), fault.details()
    return grpc.StatusCode.OK, "", ""


def assert_word(server, asked, code, reason):
    told = call(server, *asked)
    assert told[:2] == (grpc.StatusCode[code], reason), told
    assert told[2].startswith(reason + ": "), told


@pytest.fixture(scope="module")
def two_worlds(start_server):
    server = start_server("memory")
    for world in ("w1", "w2"):
        deploy(server, "v1", world, 1)
        deploy(server, "v2", world)
    yield server
    server.stop()


@pytest.mark.parametrize("asked", [
    start_rollout(), redo(rollback=True), redo(dag_json=version_of_graph("v3", 1)), redo(),
    set_weight(),
], ids=["StartRollout", "rollback", "hotfix", "stored answer", "SetTrafficWeight"])
def test_a_sentinel_of_two_worlds_needs_its_world(two_worlds, asked):
    assert_word(two_worlds, asked, "INVALID_ARGUMENT", "world_required")


def step(weight, hold_seconds=0):
    return pb2.RolloutStep(weight=weight, hold_seconds=hold_seconds)


@pytest.mark.parametrize("steps", [
    [step(0.5)], [step(0.5), step(0.1), step(1)], [step(0), step(1)], [step(0.5), step(2)],
    [step(0.5, -1), step(1)], [step(float("nan")), step(1)],
    [step(number / 40) for number in range(1, 21)] + [step(1)],
], ids=["not to all", "falling", "nothing", "more than all", "less than no time", "no number",
        "too many"])
def test_steps_that_cannot_be_walked_are_refused(two_worlds, steps):
    assert_word(two_worlds, start_rollout(world_id="w1", steps=steps), "INVALID_ARGUMENT",
                "steps_invalid")


@pytest.mark.parametrize("evidence", [
    None,
    pb2.GateEvidence(node_set="another", lint_errors=0),
], ids=["none", "of other nodes"])
def test_a_gate_that_is_not_passed_starts_no_rollout(start_server, evidence):
    server = start_server("memory", gate={"required": True})
    deploy(server, "v1", weight=1)
    deploy(server, "v2")
    assert_word(server, start_rollout(evidence=evidence), "FAILED_PRECONDITION",
                "gate_not_passed")
    server.stop()


def test_what_was_collected_gets_no_traffic(start_server):
    server = start_server("memory", **GONE_AT_ONCE)
    deploy(server, "v1")
    deploy(server, "v2")
    status, body = server.get("/admin/gc-trigger", "POST", json.dumps({"id": "s"}).encode())
    assert (status, len(json.loads(body)["processed"])) == (202, 4), body
    for asked in (set_weight(), set_weight(version="v1"), start_rollout(), redo(rollback=True)):
        assert_word(server, asked, "FAILED_PRECONDITION", "queues_collected")
    server.stop()


def test_a_graph_that_always_moves_ends_as_contended(start_server):
    server = start_server("postgres")
    deploy(server, "v1", weight=1)
    # As if somebody else took every name between the decision and the commit.
    subprocess.run(["psql", "--no-psqlrc", "-q", "--dbname", server.settings["graph_dsn"],
                    "--set", "ON_ERROR_STOP=1", "--command",
                    "CREATE FUNCTION public.take() RETURNS trigger LANGUAGE plpgsql AS"
                    " 'BEGIN RETURN NULL; END';"
                    "CREATE TRIGGER take BEFORE UPDATE ON weir_dagmanager.queue FOR EACH ROW"
                    " WHEN (OLD.state = 'intent' AND NEW.state = 'active')"
                    " EXECUTE FUNCTION public.take()"], check=True, cwd="/", timeout=SECONDS_MAX)
    graph = version_of_graph("v2", 0)
    assert_refused(diff_once(server, strategy_id="s", dag_json=graph, world_id="w1"),
                   "UNAVAILABLE", "graph_contended")
    assert_word(server, redo(dag_json=graph), "UNAVAILABLE", "graph_contended")
    server.stop()
