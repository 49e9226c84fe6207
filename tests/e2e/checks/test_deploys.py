# SPDX-License-Identifier: Apache-2.0
"""DAG files and deploys: checks B1, B2, B3, B4, B5, B6, B8, B21 and B31 of the contract."""

import json
import os
import re
import signal

import pytest
from harness import EXAMPLES, MANUAL, dag, fence_of, run, until

# Each file with the faults it has: code, line, column.
FAULTY = {
    "missing and unknown": (
        "name: faulty\njobs:\n  - name: a\n    activation: source\n    runtime: dispatcher\n"
        "    operator: trigger_manual\n    source: { kind: manual }\n"
        "  - name: b\n    activation: reactive\n    runtime: dispatcher\n    operator: noop\n"
        "    outputs: 1\n    inputs:\n      - from: { job: nowhere, output: 0 }\n"
        "      - from: { job: a, output: 3 }\n    execution_strategy: PerUpdate\n"
        "    update_strategy: replace\n    colour: red\n"
        "publish:\n  x_events:\n    from: { job: c, output: 0 }\n",
        [
            ("E_MISSING_FIELD", 3, 5),
            ("E_UNKNOWN_JOB", 14, 22),
            ("E_UNKNOWN_FIELD", 18, 5),
            ("E_UNKNOWN_JOB", 21, 18),
        ],
    ),
    "append without a key": (
        dag(
            "nokey", {"job": "b", "operator": "noop", "runtime": "dispatcher", "update": "append"}
        ),
        [("E_MISSING_FIELD", 9, 5)],
    ),
    "syntax": ("name: [\n", None),
    "a repeated key": ("name: twice\nname: twice\njobs: []\n", None),
    "an alias": ("name: alias\njobs: *a\n", None),
    "a loop": (
        "name: loop\njobs:\n"
        + MANUAL.format(source="go")
        + "".join(
            f"  - name: {job}\n    activation: reactive\n    runtime: dispatcher\n"
            f"    operator: noop\n    outputs: 1\n    inputs: [{{ from: {{ job: {of},"
            " output: 0 } }]\n    execution_strategy: PerUpdate\n"
            "    update_strategy: replace\n"
            for job, of in (("x", "y"), ("y", "x"))
        ),
        [("E_CYCLE", 14, 29)],
    ),
}


def places(faults):
    return [(fault["code"], fault.get("line"), fault.get("column")) for fault in faults]


def offline(tmp_path, text, *flags):
    path = tmp_path / "file.yaml"
    path.write_text(text)
    done = run("dag", "validate", path, *flags, "-o", "json")
    return done.returncode, json.loads(done.stdout)


@pytest.mark.parametrize("case", FAULTY)
def test_b1_b2_b31_faults_have_the_same_places_offline_and_at_deploy(plane, tmp_path, case):
    text, expected = FAULTY[case]
    name = re.match(r"name: (\w+)", text)
    code, report = offline(tmp_path, text)
    assert (code, report["valid"]) == (1, False)
    if expected is not None:
        assert places(report["errors"]) == expected
    routes = [f"/v1/dags/{name.group(1) if name else 'syntax'}/versions", "/v1/dags/validate"]
    for route in routes:
        answer = plane.user("POST", route, text, kind="application/yaml")
        assert (answer.status, answer.body["code"]) == (422, "dag_invalid"), answer
        assert answer.body["errors"] == report["errors"], route
    registry = tmp_path / "registry.json"
    registry.write_text('{"datasets": {}, "bundles": {}}')
    code, again = offline(tmp_path, text, "--registry", registry)
    assert code == 1 and again["errors"] == report["errors"]
    if name:
        assert plane.user("GET", f"/v1/dags/{name.group(1)}").status == 404


def test_b31_several_files_are_an_array_and_have_one_exit_code(tmp_path):
    good, bad = tmp_path / "good.yaml", tmp_path / "bad.yaml"
    good.write_text("name: good\njobs:\n" + MANUAL.format(source="go"))
    bad.write_text("name: bad\n")
    done = run("dag", "validate", good, bad, "-o", "json")
    reports = json.loads(done.stdout)
    assert done.returncode == 1
    assert [report["valid"] for report in reports] == [True, False]
    assert run("dag", "validate", good).returncode == 0
    assert run("dag", "validate", tmp_path / "none.yaml").returncode == 2
    assert run("dag", "validate").returncode == 2
    table = run("dag", "validate", bad).stdout
    assert re.match(rf"{re.escape(str(bad))}:1:1: E_MISSING_FIELD ", table), table


def test_b21_the_example_that_dangles_is_rejected_and_the_completed_one_accepted(plane, tmp_path):
    text = (EXAMPLES / "dags" / "cross-chain-analytics.yaml").read_text()
    code, report = offline(tmp_path, text)
    assert code == 0 and report["valid"], report
    start = text.index("  - name: block_range_aggregate\n")
    cut = text[:start] + text[text.index("  - name: compact_blocks\n") :]
    code, report = offline(tmp_path, cut)
    line = cut[: cut.index("job: block_range_aggregate")].count("\n") + 1
    column = cut.splitlines()[line - 1].index("block_range_aggregate") + 1
    assert code == 1 and places(report["errors"]) == [("E_UNKNOWN_JOB", line, column)]
    answer = plane.user(
        "POST",
        "/v1/dags/cross-chain-analytics/versions?activate=none",
        cut,
        kind="application/yaml",
    )
    assert answer.status == 422 and answer.body["errors"] == report["errors"]


def row_counts(plane):
    tables = plane.query(
        "SELECT tablename FROM pg_tables WHERE schemaname = 'state' AND tablename"
        " NOT IN ('audit_log', 'idempotency_keys') AND tablename NOT LIKE 'task_history_%'"
        " ORDER BY 1"
    )
    return {name: plane.number(f"SELECT count(*) FROM {name}") for [name] in tables}


def test_b4_unchanged_yaml_is_the_same_version_however_it_is_written(plane):
    text = dag(
        "b4",
        {"job": "step"},
        defaults={"priority": "low", "max_attempts": 2},
        publish={"b4_steps": ("step", "")},
    )
    first = plane.deploy(text)
    plane.settled("b4")
    before = row_counts(plane)
    lines = text.splitlines()
    jobs = lines.index("jobs:")
    others = [
        text,
        "# a remark\n" + text.replace("\n    runtime", "\n\n    # another\n    runtime"),
        text.replace(
            "  priority: low\n  max_attempts: 2\n", "  max_attempts: 2\n  priority: 'low'\n"
        ),
        "\n".join([lines[0], *lines[jobs:], *lines[1:jobs]]) + "\n",
        text.replace("{ kind: manual }", "\n      kind: manual"),
    ]
    for other in others:
        answer = plane.deploy(other, status=200)
        assert answer["dag_version_id"] == first["dag_version_id"]
        assert (answer["created"], answer["yaml_hash"]) == (False, first["yaml_hash"])
    assert row_counts(plane) == before


def test_b5_a_deploy_makes_a_new_immutable_version_and_the_active_one_alone_runs(plane):
    text = dag("b5", {"job": "step"})
    first = plane.deploy(text)
    second = plane.deploy(text.replace("name: step", "name: other"), "?activate=none")
    assert (second["created"], second["version_no"]) == (True, 2)
    versions = plane.user("GET", "/v1/dags/b5/versions").body["items"]
    assert {item["version_no"]: item["state"] for item in versions} == {1: "active", 2: "stored"}
    event = plane.run_job("b5", cursor=1)["event_id"]
    plane.task_of("b5", "step", event)
    assert plane.tasks("b5", "other") == []
    one = plane.user("GET", f"/v1/dags/b5/versions/{first['dag_version_id']}").body
    assert one["yaml"] == text
    for table in ("dag_versions", "jobs", "edges"):
        for change in (f"DELETE FROM state.{table}", f"UPDATE state.{table} SET dag_version_id ="
                       " dag_version_id"):
            with pytest.raises(AssertionError, match="immutable|never change|not allowed|ERROR"):
                plane.query(change, superuser=True)
    switched = plane.user(
        "PUT", "/v1/dags/b5/active", {"dag_version_id": second["dag_version_id"]}
    )
    assert (switched.status, switched.body["code"]) == (409, "switch_not_available")
    assert (
        plane.user(
            "PUT", "/v1/dags/b5/active", {"dag_version_id": first["dag_version_id"]}
        ).status
        == 200
    )


def test_b6_defaults_apply_and_jobs_override_them(plane):
    plane.deploy(
        dag(
            "b6",
            {"job": "plain"},
            {
                "job": "own",
                "extra": (
                    "priority: high",
                    "max_attempts: 7",
                    "timeout_seconds: 33",
                    "heartbeat_timeout_seconds: 6",
                    "backpressure_mode: none",
                    "max_queue_depth: 5",
                    "max_queue_age: 2h",
                ),
            },
            defaults={
                "priority": "low",
                "max_attempts": 2,
                "timeout_seconds": 44,
                "heartbeat_timeout_seconds": 12,
                "backpressure_mode": "pause",
                "max_queue_depth": 9,
                "max_queue_age": "1m",
            },
        )
    )
    event = plane.run_job("b6", cursor=1)["event_id"]
    for job, queue, attempts, seconds, lease in (
        ("plain", "low", 2, 44, 12),
        ("own", "high", 7, 33, 6),
    ):
        task_id = plane.task_of("b6", job, event)
        entry = plane.claim_one(task_id)
        fence_of(entry)
        assert entry["result"]["task"]["max_attempts"] == attempts
        assert entry["result"]["heartbeat_interval_seconds"] == lease // 3
        assert plane.query(
            "SELECT t.queue, extract(epoch FROM t.deadline_at - a.started_at)::int,"
            " extract(epoch FROM l.expires_at - a.started_at)::int FROM tasks t"
            " JOIN attempts a USING (task_id) JOIN leases l USING (task_id)"
            f" WHERE task_id = '{task_id}'"
        ) == [[f"tasks.ecs_platform.{queue}", str(seconds), str(lease)]]
    tuned = dict(
        plane.query(
            "SELECT job_name, (definition->'tuning'->>'max_queue_depth') || ' '"
            " || (definition->'tuning'->>'max_queue_age_ms') || ' '"
            " || (definition->'tuning'->>'backpressure_mode') FROM builds WHERE dag_name = 'b6'"
            " AND job_name <> 'go'"
        )
    )
    assert tuned == {"plain": "9 60000 pause", "own": "5 7200000 none"}


def test_b3_a_dataset_is_seen_after_its_cutover_and_not_before(plane):
    text = dag("b3", {"job": "step"}, publish={"b3_steps": ("step", "")})
    stored = plane.deploy(text, "?activate=none")
    assert plane.user("GET", "/v1/datasets/b3_steps").status == 404
    assert plane.user(
        "PUT", "/v1/dags/b3/active", {"dag_version_id": stored["dag_version_id"]}
    ).status in (200, 202)
    until(lambda: plane.user("GET", "/v1/datasets/b3_steps").status == 200)
    seen = plane.user("GET", "/v1/datasets/b3_steps").body
    assert seen["current"]["dag_version_id"] == stored["dag_version_id"]
    assert seen["owner"] == {"dag": "b3", "job": "step", "output": 0}
    listed = plane.user("GET", "/v1/datasets").body["items"]
    assert "b3_steps" in [item["dataset_id"] for item in listed]


def test_b8_every_queue_message_is_exactly_a_task_id(plane):
    """The worker stands still meanwhile, so that messages stay where they are."""
    plane.deploy(
        dag(
            "b8",
            *(
                {"job": level, "operator": "sleeper", "extra": (f"priority: {level}",)}
                for level in ("low", "normal", "high")
            ),
            {"job": "by_hand"},
        )
    )
    worker = plane.pid_of("worker")
    os.kill(worker, signal.SIGSTOP)
    try:
        for cursor in range(20):
            plane.run_job("b8", cursor=cursor)
        mine = (
            "SELECT m.queue_name, m.payload - 'task_id' = '{}', t.queue = m.queue_name"
            " FROM queue_messages m LEFT JOIN tasks t ON t.task_id::text ="
            " m.payload->>'task_id'"
        )
        until(lambda: len(plane.query(mine)) >= 70)
        messages = plane.query(mine)
        assert {tuple(rest) for _, *rest in messages} == {("t", "t")}
        assert {queue.rsplit(".", 1)[1] for queue, *_ in messages} == {"low", "normal", "high"}
        heard = plane.internal(
            "wakeups",
            {
                "worker_id": "w",
                "queues": ["tasks.ecs_platform.high"],
                "max": 256,
                "wait_seconds": 0,
                "ack": [],
            },
        ).body["messages"]
        assert heard and all(set(message["payload"]) == {"task_id"} for message in heard)
    finally:
        os.kill(worker, signal.SIGCONT)
    for job in ("low", "normal", "high"):
        for [task_id] in plane.tasks("b8", job, "task_id"):
            assert plane.user("POST", f"/v1/tasks/{task_id}/cancel").status == 200
