# SPDX-License-Identifier: Apache-2.0
"""Every route of both listeners against wrong credentials and bad bodies: checks B36 and I34."""

import base64
import json

import pytest
from harness import any_id, dag, fence_of

# Section 3.7 of the contract: every code there is, and its status.
CODES = {
    400: "invalid_request unknown_field cursor_type_mismatch scope_required duplicate_scope"
         " duplicate_item buffered_output lifecycle_only sql_rejected invalid_event_id",
    401: "unauthenticated worker_token_invalid capability_invalid signature_invalid",
    403: "forbidden not_a_member capability_mismatch output_not_owned prefix_denied"
         " dataset_not_granted effects_forbidden udf_forbidden",
    404: "not_found task_not_found",
    405: "method_not_allowed",
    408: "query_timeout",
    409: "not_claimed stale_attempt lease_mismatch lease_expired task_finished task_canceled"
         " task_archived event_missing version_mismatch revision_conflict manifest_conflict"
         " publish_conflict idempotency_conflict not_supported dataset_owned webhook_path_owned"
         " generation_mismatch no_previous version_purged version_in_use not_ready deploy_finished"
         " plan_stale switch_not_available world_limit world_reserved upload_missing",
    413: "too_large result_too_large",
    422: "dag_invalid plan_invalid keep_not_allowed commit_incomplete manifest_invalid rows_invalid"
         " bundle_invalid ambiguous_grant",
    429: "rate_limited backpressure",
    500: "internal",
    503: "unavailable busy pin_lost too_many_subscribers",
}
INTERNAL = (
    ("POST", "/internal/task-claim"), ("GET", f"/internal/task-fetch?task_id={any_id()}"),
    ("POST", "/internal/heartbeat"), ("POST", "/internal/events"),
    ("POST", "/internal/task-complete"), ("POST", "/internal/operator-state"),
    ("POST", "/internal/wakeups"), ("GET", "/internal/jwks/task"), ("GET", "/metrics"),
)
USER = (
    ("POST", "/v1/dags/validate"), ("POST", "/v1/dags/doors/versions"), ("GET", "/v1/dags"),
    ("GET", "/v1/dags/doors"), ("GET", "/v1/dags/doors/versions"),
    ("GET", f"/v1/dags/doors/versions/{any_id()}"), ("PUT", "/v1/dags/doors/active"),
    ("GET", "/v1/dags/doors/deploys"), ("GET", f"/v1/dags/doors/deploys/{any_id()}"),
    ("GET", "/v1/dags/doors/graph"), ("POST", "/v1/dags/doors/jobs/go/runs"), ("GET", "/v1/tasks"),
    ("GET", f"/v1/tasks/{any_id()}"), ("POST", f"/v1/tasks/{any_id()}/cancel"),
    ("POST", f"/v1/tasks/{any_id()}/retry"), ("GET", "/v1/datasets"), ("GET", "/v1/datasets/none"),
    ("GET", "/v1/datasets/none/versions"), ("GET", "/v1/datasets/none/partitions"),
    ("GET", "/v1/audit"),
)
BODIES = (
    b"", b"{", b"null", b"[]", b"7", b'"text"', b"\x00", b"\xff\xfe", b"{}", b'{"no_such":1}',
    b'{"a":1,"a":2}', b"[" * 200, b'{"worker_id":""}', b'{"worker_id":"w","max":0}',
    b'{"worker_id":"w","max":1}', b'{"worker_id":"w","task_ids":"x"}',
    b'{"worker_id":"w","task_ids":["x"]}', b'{"heartbeats":[]}', b'{"heartbeats":[{}]}',
    b'{"heartbeats":{}}', b'{"completions":[{"events":[]}]}', b'{"completions":[7]}',
    b'{"task_id":"x","attempt":1,"lease_token":"y","events":[]}',
    b'{"task_id":7,"attempt":"1","lease_token":null,"events":[{}]}',
    b'{"worker_id":"w","queues":[],"max":1,"wait_seconds":0,"ack":[]}',
    b'{"worker_id":"w","queues":["nope"],"max":1,"wait_seconds":99,"ack":[]}',
    b'{"cursor":1e400}', b'{"cursor":{}}', b'{"cursor":1,"partition_key":"a"}',
    b'{"dag_version_id":"x"}', b"name: [", b"name: doors\njobs: []\n",
)


def assert_problem(answer, *statuses):
    """A problem whose code and status stand in the contract, and that tells nothing it must not."""
    assert answer.kind == "application/problem+json", answer
    problem = answer.body
    assert problem["status"] == answer.status, answer
    assert problem["code"] in CODES.get(answer.status, "").split(), answer
    assert problem["type"] == f"urn:weir:problem:{problem['code']}" and problem["title"], answer
    assert problem["instance"].startswith("urn:uuid:") and problem["detail"], answer
    for secret in ("SELECT", "/tmp/", "postgres", "eyJ"):
        assert secret not in answer.text, answer
    if statuses:
        assert answer.status in statuses, answer


@pytest.fixture(name="credentials", scope="module")
def all_credentials(running):
    """Headers that carry each kind of credential: right ones, and broken ones of each."""
    running.deploy(dag("doors", {"job": "step"}))
    event = running.run_job("doors", cursor=1)["event_id"]
    entry = running.claim_one(running.task_of("doors", "step", event))
    capability = entry["result"]["capability_token"]
    user = running.user_token()
    head, body, signature = user.split(".")
    none = base64.urlsafe_b64encode(b'{"alg":"none"}').decode().rstrip("=")
    return {
        "fence": fence_of(entry),
        "none": {},
        "worker": {"X-Trace-Worker-Token": running.worker_token},
        "capability": {"X-Trace-Task-Capability": capability},
        "user": {"Authorization": f"Bearer {user}"},
        "bad worker": {"X-Trace-Worker-Token": running.worker_token[:-2] + "xx"},
        "empty worker": {"X-Trace-Worker-Token": ""},
        "worker as user": {"Authorization": f"Bearer {running.worker_token}"},
        "capability as user": {"Authorization": f"Bearer {capability}"},
        "capability as worker": {"X-Trace-Worker-Token": capability},
        "user as worker": {"X-Trace-Worker-Token": user},
        "unsigned user": {"Authorization": f"Bearer {none}.{body}."},
        "cut user": {"Authorization": f"Bearer {head}.{body}.{signature[:-4]}AAAA"},
        "basic": {"Authorization": "Basic dXNlcjpwYXNz"},
        "long": {"Authorization": "Bearer " + "x" * 6000},
    }


def test_i34_no_wrong_credential_opens_an_internal_route(plane, credentials):
    for method, path in INTERNAL:
        for name, headers in credentials.items():
            if name in ("worker", "fence"):
                continue
            for body in (None, b"{}", json.dumps(credentials["fence"]).encode()):
                body = body if method == "POST" else None
                answer = plane.ask("internal", method, path, body, headers)
                assert_problem(answer, 401)
                assert answer.body["code"] == "worker_token_invalid", (name, answer)


def test_i34_a_capability_beside_a_wrong_worker_token_opens_nothing(plane, credentials):
    headers = {**credentials["capability"], **credentials["bad worker"], **credentials["user"]}
    for method, path in INTERNAL:
        body = b"{}" if method == "POST" else None
        assert_problem(plane.ask("internal", method, path, body, headers), 401)


def test_i34_no_wrong_credential_opens_a_user_route(plane, credentials):
    for method, path in USER:
        for name, headers in credentials.items():
            if name in ("user", "fence"):
                continue
            answer = plane.ask("user", method, path, b"{}" if method != "GET" else None, headers)
            assert_problem(answer, 401)
            assert answer.body["code"] == "unauthenticated", (name, answer)


def test_i34_a_listener_has_no_path_of_another(plane, credentials):
    every = {**credentials["worker"], **credentials["user"], **credentials["capability"]}
    tasks = [("POST", f"/v1/task/{name}") for name in
             ("heartbeat", "events", "complete", "operator-state", "buffer-publish", "credentials")]
    for listener, paths in (("internal", [*USER, *tasks]), ("user", [*INTERNAL, *tasks])):
        for method, path in paths:
            answer = plane.ask(listener, method, path, b"{}" if method != "GET" else None, every)
            assert_problem(answer, 404)
            assert answer.body["code"] == "not_found"


def test_b36_every_bad_body_of_an_internal_route_is_a_problem(plane):
    before = plane.query("SELECT count(*), sum(attempt) FROM tasks")
    for method, path in INTERNAL:
        if method != "POST":
            continue
        for body in BODIES:
            answer = plane.internal(path.removeprefix("/internal/"), body)
            if answer.status != 200:
                assert_problem(answer, 400, 404)
        assert_problem(plane.internal(path.removeprefix("/internal/"), b" " * (33 << 20)), 413)
        assert_problem(plane.internal(path.removeprefix("/internal/"), None, "PATCH"), 405)
    assert plane.query("SELECT count(*), sum(attempt) FROM tasks") == before


def test_b36_every_bad_body_of_a_user_route_is_a_problem(plane, credentials):
    """Within the 100 requests a minute of a user: bodies that no route takes, on each route."""
    for method, path in USER:
        bodies = BODIES[1:3] if method != "GET" else (None,)
        for body in bodies:
            headers = {**credentials["user"], "Content-Type": "application/json"}
            answer = plane.ask("user", method, path, body, headers)
            if answer.status != 200:
                assert_problem(answer, 400, 404, 409, 422, 429)
    assert_problem(plane.user("POST", "/v1/dags/doors/versions", b" " * (3 << 20)), 413)
    assert_problem(plane.user("PATCH", "/v1/dags"), 405)
    assert_problem(plane.user("GET", "/v1/nothing"), 404)
    assert_problem(plane.user("GET", "/v1/tasks?no_such=1"), 400)
    assert_problem(plane.user("GET", "/v1/tasks?limit=501"), 400)
    assert_problem(plane.user("GET", "/v1/tasks?cursor=rubbish"), 400)
    assert_problem(plane.user("GET", "/v1/dags/doors?world=elsewhere"), 404)


def test_b36_what_is_not_http_is_answered_with_a_problem_or_cut(plane):
    for listener in ("internal", "user"):
        for sent in (b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n",
                     b"POST /v1/dags HTTP/1.1\r\nHost: w\r\nContent-Length: -1\r\n\r\n",
                     b"GET /" + b"x" * 100_000 + b" HTTP/1.1\r\n\r\n"):
            connection = plane.connect(listener, 10)
            connection.connect()
            connection.sock.sendall(sent)
            try:
                got = connection.sock.recv(65536).decode()
            except ConnectionResetError:
                got = ""
            connection.close()
            assert got == "" or "application/problem+json" in got, got
