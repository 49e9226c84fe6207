# SPDX-License-Identifier: Apache-2.0
"""A rollout by the real command line and a live metric (contract section 3.22), and kill -9 at each
point of a canary step: whatever the moment, it goes on where it stood; its weights are a pair."""

import http.server
import json
import subprocess
import threading
import urllib.parse

import grpc
import pytest

from graphs import layered_graph
from test_kill import KILLED, query, submit
from test_kill_loops import wait_until
from test_kill_redo import redo
from test_kill_weights import SENTINEL, set_weight, weights_told
from weir_server import binary

STEPS = "0.1:1s,0.5:1s,1"


class Figures(http.server.BaseHTTPRequestHandler):
    """Speaks the query interface of a Prometheus; what it answers is scripted."""

    def do_GET(self):  # noqa: N802, the name is the base class's
        asked = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query)["query"][0]
        self.server.asked.append(asked)
        value = self.server.answer(asked)
        result = [] if value is None else [{"metric": {}, "value": [0, str(value)]}]
        body = json.dumps({"status": "success",
                           "data": {"resultType": "vector", "result": result}}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_words):
        pass


@pytest.fixture(name="figures")
def serve_figures():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Figures)
    server.asked = []
    server.errors = 0.0
    # The gateway follows at once: its share is always the one that is asked for.
    server.ratio = lambda: None

    def answer(asked):
        if "sentinel_skew_seconds" in asked:
            return 0.1
        if "gateway_sentinel_traffic_ratio" in asked:
            return server.ratio()
        return server.errors

    server.answer = answer
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    server.url = f"http://127.0.0.1:{server.server_port}"
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def canary(server, *words):
    return subprocess.run(
        [binary(), "-o", "json", "dagmanager", "canary", *map(str, words), "--target",
         server.target], capture_output=True, text=True, timeout=60, check=False)


def rollouts(server):
    listed = canary(server, "list")
    assert listed.returncode == 0, listed.stderr
    return [json.loads(line) for line in listed.stdout.splitlines()]


def one(server):
    [rollout] = rollouts(server)
    return rollout


def deploy_both(server):
    for version, weight in (("v1", 1), ("v2", 0)):
        graph = layered_graph(4)
        graph.meta["version"] = version
        graph.nodes.append({"node_id": SENTINEL, "node_type": "VersionSentinel", "weight": weight})
        outcome = submit(server, graph)
        assert outcome.code == grpc.StatusCode.OK, outcome.details


def weights_of(dsn):
    """Of v1 and v2."""
    return [float(row[0]) for row in query(
        dsn, "SELECT traffic_weight FROM weir_dagmanager.sentinel ORDER BY version")]


def canary_settings(figures, **more):
    checks = {"errors": {"query": 'errors{version="$version"}', "max": 0.01}}
    return {"interval_seconds": 0.2, "failure_limit": 3, "prometheus_url": figures.url,
            "checks": checks, **more}


def follow_weights(figures, server):
    """The gateway's share is the weight of the step that is set, as it would be."""

    def ratio():
        gauge = 'dagmanager_active_version_weight{version="v2"} '
        for line in server.get("/metrics")[1].decode().splitlines():
            if line.startswith(gauge):
                return float(line.removeprefix(gauge))
        return None

    figures.ratio = ratio


@pytest.mark.parametrize("store", ("memory", "postgres"))
def test_a_rollout_goes_up_on_a_live_metric(start_server, figures, store):
    server = start_server(store, canary=canary_settings(figures))
    deploy_both(server)
    follow_weights(figures, server)
    started = canary(server, "start", "--sentinel", SENTINEL, "--steps", STEPS)
    assert started.returncode == 0, started.stderr
    rollout = json.loads(started.stdout)
    assert (rollout["state"], rollout["version"], rollout["baseline_version"]) == (
        "running", "v2", "v1")
    assert rollout["steps"] == [{"weight": 0.1, "hold_seconds": 1},
                                {"weight": 0.5, "hold_seconds": 1},
                                {"weight": 1, "hold_seconds": 0}]
    wait_until(lambda: one(server)["state"] == "done", 60)
    assert weights_told(server, 5) == [
        ("v1", 1), ("v2", 0), ("v2", 0.1), ("v2", 0.5), ("v2", 1)]
    assert 'errors{version="v2"}' in figures.asked
    metrics = server.get("/metrics")[1].decode()
    assert 'rollout_verdicts_total{verdict="pass"}' in metrics
    assert "\nrollouts_active 0" in metrics
    assert 'dagmanager_active_version_weight{version="v1"} 0' in metrics
    server.stop()


def test_a_rollout_whose_metric_fails_goes_back_by_itself(start_server, figures):
    server = start_server("postgres", canary=canary_settings(figures))
    deploy_both(server)
    follow_weights(figures, server)
    assert canary(server, "start", "--sentinel", SENTINEL, "--steps", "0.1:1h,1").returncode == 0
    wait_until(lambda: one(server)["verdict"] == "pass", 30)
    figures.errors = 0.5
    wait_until(lambda: one(server)["state"] == "rolled_back", 30)
    assert one(server)["reason"] == "errors: 0.5, at most 0.01"
    assert weights_of(server.settings["graph_dsn"]) == [1, 0]
    assert weights_told(server, 4)[-1] == ("v1", 1)
    metrics = server.get("/metrics")[1].decode()
    assert 'rollout_alerts_total{alert="RolloutRolledBack"} 1' in metrics
    assert 'rollout_verdicts_total{verdict="fail"}' in metrics
    assert "RolloutRolledBack" in server.log.read_text()
    server.stop()


def test_silence_stands_and_operators_steer(start_server, figures):
    server = start_server("postgres", canary=canary_settings(figures))
    deploy_both(server)  # the gateway tells nothing of its share
    started = json.loads(canary(server, "start", "--sentinel", SENTINEL, "--steps",
                                "0.1,0.5:1h,1").stdout)
    number = started["rollout_id"]
    wait_until(lambda: one(server)["verdict"] == "unknown", 30)
    assert one(server)["step"] == 0
    refused = set_weight(server, 0.3)
    assert refused.returncode == 1
    assert " rollout_running: " in refused.stderr
    again = canary(server, "start", "--sentinel", SENTINEL)
    assert " rollout_running: " in again.stderr
    assert json.loads(canary(server, "pause", number).stdout)["state"] == "paused"
    assert " state_changed: " in canary(server, "advance", number).stderr
    assert json.loads(canary(server, "resume", number, "--expect", "paused").stdout)["state"] == \
        "running"
    assert json.loads(canary(server, "advance", number).stdout)["step"] == 1
    assert weights_of(server.settings["graph_dsn"]) == [0.5, 0.5]
    shown = json.loads(canary(server, "show", number).stdout)
    assert (shown["rollout_id"], shown["step"]) == (number, 1)
    assert json.loads(canary(server, "abort", number).stdout)["state"] == "rolled_back"
    assert weights_of(server.settings["graph_dsn"]) == [1, 0]
    assert " unknown_rollout: " in canary(server, "show", "nothing").stderr
    assert canary(server, "start", "--sentinel", SENTINEL, "--steps", "a lot").returncode == 2
    assert " steps_invalid: " in canary(server, "start", "--sentinel", SENTINEL, "--steps",
                                        "0.5,0.1,1").stderr
    assert " unknown_sentinel: " in canary(server, "start", "--sentinel", "nobody").stderr
    server.stop()


def test_a_rollback_of_the_candidate_ends_its_rollout(start_server, figures):
    server = start_server("postgres", canary=canary_settings(figures))
    deploy_both(server)
    assert canary(server, "start", "--sentinel", SENTINEL, "--steps", "0.1:1h,1").returncode == 0
    back = redo(server, "--rollback")
    assert back.returncode == 0, back.stderr
    assert json.loads(back.stdout)["version"] == "v1"
    assert one(server)["state"] == "rolled_back"
    assert weights_of(server.settings["graph_dsn"]) == [1, 0]
    server.stop()


LABELS = ("canary.checked", "canary.before_commit", "canary.after_commit")


@pytest.mark.parametrize(("label", "passing"),
                         [(label, passing) for label in LABELS for passing in (1, 4, 8)])
def test_a_rollout_goes_on_after_a_kill(start_server, monkeypatch, figures, label, passing):
    monkeypatch.setenv("WEIR_CRASH_AT", f"{label}:{passing}")
    server = start_server("postgres", canary={"interval_seconds": 0.2})
    dsn = server.settings["graph_dsn"]
    deploy_both(server)
    assert canary(server, "start", "--sentinel", SENTINEL, "--steps", STEPS).returncode == 0
    assert server.process.wait(30) == KILLED
    assert sum(weights_of(dsn)) == 1
    monkeypatch.delenv("WEIR_CRASH_AT")
    server.start()
    wait_until(lambda: one(server)["state"] == "done", 60)
    assert weights_of(dsn) == [0, 1]
    assert weights_told(server, 5) == [
        ("v1", 1), ("v2", 0), ("v2", 0.1), ("v2", 0.5), ("v2", 1)]
    assert query(dsn, "SELECT note, count(*) FROM weir_dagmanager.audit WHERE action = 'rollout'"
                      " GROUP BY 1 ORDER BY 1") == [
        ["done", "1"], ["started, step 1 of 3", "3"], ["step 2 of 3", "3"], ["step 3 of 3", "3"]]
    server.stop()


@pytest.mark.parametrize("label", ("rollout.before_commit", "rollout.after_commit"))
def test_a_start_that_is_killed_is_whole_or_nothing(start_server, monkeypatch, figures, label):
    server = start_server("postgres")
    dsn = server.settings["graph_dsn"]
    deploy_both(server)
    words = ("start", "--sentinel", SENTINEL, "--steps", "0.1:1h,1")
    for _ in range(3):
        server.stop()
        monkeypatch.setenv("WEIR_CRASH_AT", f"{label}:1")
        server.start()
        assert canary(server, *words).returncode == 1
        assert server.process.wait(30) == KILLED
        monkeypatch.delenv("WEIR_CRASH_AT")
        server.start()
        again = canary(server, *words)
        if label == "rollout.before_commit":
            assert again.returncode == 0, again.stderr
        else:
            assert " rollout_running: " in again.stderr
        newest = rollouts(server)[0]
        assert newest["state"] == "running"
        assert weights_of(dsn) == [0.9, 0.1]
        assert canary(server, "abort", newest["rollout_id"]).returncode == 0
        assert weights_of(dsn) == [1, 0]
    assert [rollout["state"] for rollout in rollouts(server)] == ["rolled_back"] * 3
    server.stop()
