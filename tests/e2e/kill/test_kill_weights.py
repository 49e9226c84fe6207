# SPDX-License-Identifier: Apache-2.0
"""Weights by call, command and admin route; kill -9 at the points of a change (contract section
3.20): before its commit nothing, after it the event comes, and a repeat is harmless."""

import json
import subprocess

import grpc
import pytest

from event_reader import EventReader
from graphs import layered_graph
from test_kill import KILLED, query, submit
from weir_server import binary

SENTINEL = "killed-sentinel"


def weight(server, *words):
    return subprocess.run(
        [binary(), "-o", "json", "dagmanager", "weight", "--target", server.target, *words],
        capture_output=True, text=True, timeout=60, check=False)


def set_weight(server, value, *words):
    return weight(server, "--sentinel", SENTINEL, "--set", str(value), *words)


def post(server, **body):
    status, answer = server.get("/admin/sentinel-weight", "POST", json.dumps(body).encode())
    return status, json.loads(answer)


def graph_of_version(version):
    graph = layered_graph(5)
    graph.meta["version"] = version
    graph.nodes.append({"node_id": SENTINEL, "node_type": "VersionSentinel"})
    return graph


def submit_version(server, version):
    outcome = submit(server, graph_of_version(version))
    assert outcome.code == grpc.StatusCode.OK, outcome.details


def weights_told(server, count):
    reader = EventReader(server)
    told = []

    def enough(self):
        told[:] = [envelope["data"] for envelope in self.envelopes()
                   if envelope["type"] == "sentinel_weight_updated"]
        return len(told) >= count

    reader.read(enough)
    return [(data["sentinel_version"], data["weight"]) for data in told]


@pytest.mark.parametrize("store", ("memory", "postgres"))
def test_a_weight_is_set_by_command_and_by_the_admin_route(start_server, store):
    server = start_server(store)
    submit_version(server, "v1")
    submit_version(server, "v2")
    done = set_weight(server, 0.25)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "sentinel_id": SENTINEL, "version": "v2", "weight": 0.25, "world_id": "w1",
        "previous_weight": 0}
    assert post(server, sentinel_id=SENTINEL, weight=0.5, version="v1", world_id="w1",
                expect_weight=0) == (202, {
                    "sentinel_id": SENTINEL, "version": "v1", "weight": 0.5, "world_id": "w1",
                    "previous_weight": 0})
    assert set_weight(server, 0.25).returncode == 0  # again: nothing is told
    assert set_weight(server, 1).returncode == 0
    assert weights_told(server, 3) == [("v2", 0.25), ("v1", 0.5), ("v2", 1)]
    metrics = server.get("/metrics")[1].decode()
    assert 'dagmanager_active_version_weight{version="v2"} 1' in metrics
    assert 'dagmanager_active_version_weight{version="v1"} 0.5' in metrics
    server.stop()


def test_every_instance_shows_the_weights_that_are_stored(start_server):
    server = start_server("postgres")
    dsn = server.settings["graph_dsn"]
    other = start_server(**{key: server.settings[key] for key in ("graph_dsn", "topics_dsn")})
    submit_version(server, "v1")
    assert set_weight(server, 0.25).returncode == 0
    gauge = 'dagmanager_active_version_weight{version="v1"}'
    assert f"{gauge} 0.25" in other.get("/metrics")[1].decode()
    assert set_weight(other, 0.5).returncode == 0
    assert f"{gauge} 0.5" in server.get("/metrics")[1].decode()
    server.stop()
    server.start()
    assert f"{gauge} 0.5" in server.get("/metrics")[1].decode()
    query(dsn, "DELETE FROM weir_dagmanager.sentinel")
    for instance in (server, other):
        assert gauge not in instance.get("/metrics")[1].decode()
        instance.stop()


def test_each_fault_has_its_word_on_both_doors(start_server):
    server = start_server("memory")
    submit_version(server, "v1")
    faults = (
        ({"weight": 2}, 400, "weight_out_of_range"),
        ({"weight": -0.1}, 400, "weight_out_of_range"),
        ({"weight": 0.5, "sentinel_id": "nobody"}, 404, "unknown_sentinel"),
        ({"weight": 0.5, "version": "v9"}, 404, "unknown_sentinel"),
        ({"weight": 0.5, "world_id": "elsewhere"}, 404, "unknown_sentinel"),
        ({"weight": 0.5, "expect_weight": 0.1}, 409, "weight_changed"),
        ({"weight": "half"}, 400, "missing_field"),
        ({}, 400, "missing_field"),
    )
    flags = {"weight": "--set", "sentinel_id": "--sentinel", "version": "--version",
             "world_id": "--world", "expect_weight": "--expect"}
    for body, status, code in faults:
        asked = {"sentinel_id": SENTINEL, **body}
        got, problem = post(server, **asked)
        assert (got, problem["code"]) == (status, code), problem
        if code == "missing_field":
            continue
        words = [f"{flags[name]}={value}" for name, value in asked.items()]
        done = weight(server, *words)
        assert done.returncode == 1
        assert f" {code}: " in done.stderr, done.stderr
    assert server.get("/admin/sentinel-weight")[0] == 405
    server.stop()


def command(server, *words):
    return subprocess.run(
        [binary(), "-o", "json", "dagmanager", *map(str, words), "--target", server.target],
        capture_output=True, text=True, timeout=60, check=False)


def test_an_empty_world_names_the_sentinel_that_stands_in_none(start_server, tmp_path):
    server = start_server("memory")
    graph = tmp_path / "graph.json"
    graph.write_text(graph_of_version("v1").to_json())
    done = command(server, "submit", "--file", graph, "--strategy", "killed", "--domain", "live")
    assert done.returncode == 0, done.stderr
    assert json.loads(set_weight(server, 0.125, "--world", "").stdout)["world_id"] == ""
    submit_version(server, "v1")
    refused = set_weight(server, 0.5)
    assert " world_required: " in refused.stderr and "an empty one" in refused.stderr
    assert post(server, sentinel_id=SENTINEL, weight=0.5)[0] == 400
    assert post(server, sentinel_id=SENTINEL, weight=0.5, world_id=None)[0] == 400
    assert json.loads(set_weight(server, 0.25, "--world", "w1").stdout)["previous_weight"] == 0
    told = json.loads(set_weight(server, 0.5, "--world", "").stdout)
    assert (told["world_id"], told["previous_weight"]) == ("", 0.125)
    assert post(server, sentinel_id=SENTINEL, weight=0.75, world_id="")[1]["previous_weight"] == 0.5
    for words in (["redo-diff"], ["canary", "start", "--steps", "0.5:1h,1"]):
        words = [*words, "--sentinel", SENTINEL]
        assert " world_required: " in command(server, *words).stderr
        done = command(server, *words, "--world", "")
        assert done.returncode == 0, done.stderr
        answer = json.loads(done.stdout)
        assert answer.get("world_id", "") == ""
        for topic in answer.get("queue_map", {}).values():
            assert not topic.startswith("w1."), "of the deploy in no world"
    server.stop()


@pytest.mark.parametrize("passing", (1, 2, 3))
@pytest.mark.parametrize("label", ("weight.before_commit", "weight.after_commit"))
def test_a_kill_leaves_a_weight_set_and_told_or_neither(start_server, monkeypatch, label, passing):
    monkeypatch.setenv("WEIR_CRASH_AT", f"{label}:{passing}")
    server = start_server("postgres")
    dsn = server.settings["graph_dsn"]
    submit_version(server, "v1")
    steps = (0.1, 0.5, 1)
    for step in steps[:passing]:
        set_weight(server, step)
    assert server.process.wait(10) == KILLED
    monkeypatch.delenv("WEIR_CRASH_AT")
    committed = passing if label == "weight.after_commit" else passing - 1
    set_by_hand = "FROM weir_dagmanager.audit WHERE action = 'set_weight'"
    assert query(dsn, f"SELECT count(*) {set_by_hand}") == [[str(committed)]]
    server.start()
    for step in steps[passing - 1:]:  # the last one is repeated
        assert set_weight(server, step).returncode == 0
    assert weights_told(server, 3) == [("v1", step) for step in steps]
    assert query(dsn, f"SELECT from_weight, to_weight {set_by_hand} ORDER BY seq") == [
        ["", "0.1"], ["0.1", "0.5"], ["0.5", "1"]]
    server.stop()
