# SPDX-License-Identifier: Apache-2.0
"""Each HTTP route with each of its faults (contract section 1.3): the status, the word, and a body
that one schema describes."""

import contextlib
import http.client
import json
import pathlib
import signal
import threading
import time

import grpc
import jsonschema
import pytest

from expectations import diff_once
from graphs import layered_graph
from private_postgres import PrivatePostgres
from stubs import pb2, pb2_grpc

SCHEMA = json.loads(
    (pathlib.Path(__file__).resolve().parents[2] / "data" / "problem.schema.json").read_text())
WEIGHT = "/admin/sentinel-weight"
GC = "/admin/gc-trigger"
EVENTS = "/v1/events/stream"
ROUTES = {"/status": "GET", "/healthz": "GET", "/readyz": "GET", "/metrics": "GET",
          GC: "POST", WEIGHT: "POST", EVENTS: "GET"}
READERS_MAX = 1024
SECONDS_MAX = 30


def ask(server, method, path, body=None, headers=None):
    """The whole answer: its headers and its body."""
    connection = http.client.HTTPConnection("127.0.0.1", server.http_port, timeout=SECONDS_MAX)
    with contextlib.closing(connection):
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        return answer, answer.read()


def assert_problem(asked, status, code):
    answer, body = asked
    assert answer.status == status, body
    assert answer.getheader("Content-Type") == "application/problem+json"
    problem = json.loads(body)
    jsonschema.Draft202012Validator(SCHEMA).validate(problem)
    assert problem["status"] == status
    assert code is None or problem["code"] == code, problem
    assert problem["type"] == "urn:weir:problem:" + problem["code"]
    # Whoever may come again is told when.
    later = answer.getheader("Retry-After")
    assert (later is not None and int(later) >= 1) == (status in (429, 503))
    return problem


def weight(**body):
    return json.dumps({"sentinel_id": "s-sentinel", **body})


# Of a server where sentinel s-sentinel stands in two worlds, twice under one version label.
FAULTS = [
    ("GET", "/nothing", None, 404, None),
    ("GET", "/status/../../etc/passwd", None, 404, None),
    ("GET", EVENTS + "?after=x", None, 400, "invalid_event_id"),
    ("GET", EVENTS + "?after=-1", None, 400, "invalid_event_id"),
    ("POST", GC, "", 422, "missing_id"),
    ("POST", GC, "nonsense", 422, "missing_id"),
    ("POST", GC, "{}", 422, "missing_id"),
    ("POST", GC, '{"id": 7}', 422, "missing_id"),
    ("POST", GC, '{"id": "v1"}', 409, "ambiguous_sentinel"),
    ("POST", GC, " " * (64 * 1024 + 1), 413, None),
    ("POST", WEIGHT, "", 400, "missing_field"),
    ("POST", WEIGHT, "[]", 400, "missing_field"),
    ("POST", WEIGHT, "{}", 400, "missing_field"),
    ("POST", WEIGHT, weight(), 400, "missing_field"),
    ("POST", WEIGHT, weight(weight="half"), 400, "missing_field"),
    ("POST", WEIGHT, '{"weight": 0.5}', 400, "missing_field"),
    ("POST", WEIGHT, weight(weight=1.5), 400, "weight_out_of_range"),
    ("POST", WEIGHT, weight(weight=-0.5), 400, "weight_out_of_range"),
    ("POST", WEIGHT, weight(weight=0.5), 400, "world_required"),
    ("POST", WEIGHT, weight(sentinel_id="nobody", weight=0.5), 404, "unknown_sentinel"),
    ("POST", WEIGHT, weight(weight=0.5, world_id="w1", version="v9"), 404, "unknown_sentinel"),
    ("POST", WEIGHT, weight(weight=0.5, world_id="w1", expect_weight=0.1), 409, "weight_changed"),
    ("POST", WEIGHT, " " * (64 * 1024 + 1), 413, None),
] + [
    (method, path, None, 405, "method_not_allowed")
    for path, right in ROUTES.items() for method in ("GET", "POST", "PUT", "DELETE")
    if method != right
]


def deploy(server, world):
    graph = layered_graph(2)
    graph.meta["version"] = "v1"
    graph.nodes.append({"node_id": "s-sentinel", "node_type": "VersionSentinel", "weight": 1})
    outcome = diff_once(server, strategy_id="s", dag_json=graph.to_json(), world_id=world)
    assert outcome.code == grpc.StatusCode.OK, outcome.details


@pytest.fixture(scope="module")
def two_worlds(start_server):
    server = start_server("memory")
    for world in ("w1", "w2"):
        deploy(server, world)
    yield server
    server.stop()


@pytest.mark.parametrize("method,path,body,status,code", FAULTS)
def test_a_fault_is_a_problem(two_worlds, method, path, body, status, code):
    assert_problem(ask(two_worlds, method, path, body), status, code)


@pytest.mark.parametrize("path", ROUTES)
def test_a_header_without_end_is_a_problem(two_worlds, path):
    long = {"X-Long": "x" * 20_000}
    assert_problem(ask(two_worlds, ROUTES[path], path, headers=long), 431, "headers_too_large")


def test_a_weight_that_is_not_free_to_rise_is_a_problem(start_server):
    server = start_server("memory", cross_context_policy="block", enable_topic_namespace=False)
    graph = layered_graph(2)
    graph.meta["version"] = "v1"
    graph.nodes.append({"node_id": "s-sentinel", "node_type": "VersionSentinel", "weight": 0.5})
    for world, code in (("w1", grpc.StatusCode.OK), ("w2", grpc.StatusCode.FAILED_PRECONDITION)):
        assert diff_once(server, strategy_id="s", dag_json=graph.to_json(),
                         world_id=world).code == code
    assert_problem(ask(server, "POST", WEIGHT, weight(weight=0.6)), 409, "cross_context_hit_open")
    server.stop()


def test_a_weight_that_a_rollout_moves_is_a_problem(start_server):
    server = start_server("memory")
    deploy(server, "w1")
    graph = layered_graph(2)
    graph.meta["version"] = "v2"
    graph.nodes.append({"node_id": "s-sentinel", "node_type": "VersionSentinel", "weight": 0})
    assert diff_once(server, strategy_id="s", dag_json=graph.to_json(),
                     world_id="w1").code == grpc.StatusCode.OK
    with grpc.insecure_channel(server.target) as channel:
        pb2_grpc.AdminServiceStub(channel).StartRollout(
            pb2.StartRolloutRequest(sentinel_id="s-sentinel"), timeout=SECONDS_MAX)
    assert_problem(ask(server, "POST", WEIGHT, weight(weight=0.3)), 409, "rollout_running")
    server.stop()


def wait_until(condition):
    deadline = time.monotonic() + SECONDS_MAX
    pause = threading.Event()
    while not condition():
        assert time.monotonic() < deadline, "it did not come about"
        pause.wait(0.02)


ASKS_OF_THE_STORE = [
    ("GET", "/readyz", None, "not_serving"),
    ("POST", WEIGHT, weight(weight=0.5), None),
    ("POST", GC, '{"id": "s"}', None),
]


def test_a_server_that_drains_says_so_and_to_come_again(start_server):
    server = start_server("memory", ack_timeout_seconds=60)
    with grpc.insecure_channel(server.target) as channel:
        stream = pb2_grpc.DiffServiceStub(channel).Diff(pb2.DiffRequest(
            strategy_id="s", dag_json=layered_graph(3000).to_json(), world_id="w1"),
            timeout=2 * SECONDS_MAX)
        next(stream)  # the rest waits for an acknowledgement
        server.process.send_signal(signal.SIGTERM)
        wait_until(lambda: "draining" in server.log.read_text())
        for method, path, body, code in ASKS_OF_THE_STORE:
            assert_problem(ask(server, method, path, body), 503, code or "draining")
        assert_problem(ask(server, "GET", EVENTS), 503, "draining")
        assert server.get("/healthz")[0] == 200
        stream.cancel()
    assert server.process.wait(SECONDS_MAX) == 0


def test_a_server_without_its_store_says_so_and_to_come_again(start_server):
    cluster = PrivatePostgres()
    if cluster._dsn:
        pytest.skip("WEIR_TEST_DSN names a server that is not ours to kill")
    cluster.start()
    try:
        dsn = cluster.new_database()
        server = start_server(graph_dsn=dsn, topics_dsn=dsn)
        cluster.crash()
        wait_until(lambda: server.get("/readyz")[0] == 503)
        for method, path, body, code in ASKS_OF_THE_STORE:
            problem = assert_problem(ask(server, method, path, body), 503, code)
            assert problem["code"] in ("not_serving", "graph_unavailable", "breaker_open")
        server.stop()
    finally:
        cluster.stop()


def test_more_readers_of_events_than_there_is_room_for_are_told_to_come_again(start_server):
    server = start_server("memory")
    with contextlib.ExitStack() as stack:
        def read():
            connection = stack.enter_context(contextlib.closing(
                http.client.HTTPConnection("127.0.0.1", server.http_port, timeout=SECONDS_MAX)))
            connection.request("GET", EVENTS)
            return connection

        readers = [read() for _ in range(READERS_MAX)]
        assert {reader.getresponse().status for reader in readers} == {200}
        assert_problem(ask(server, "GET", EVENTS), 503, "too_many_subscribers")
    # Those who left made room.
    wait_until(lambda: b"\nevent_subscribers 0\n" in server.get("/metrics")[1])
    connection = http.client.HTTPConnection("127.0.0.1", server.http_port, timeout=SECONDS_MAX)
    with contextlib.closing(connection):
        connection.request("GET", EVENTS)
        assert connection.getresponse().status == 200
    server.stop()
