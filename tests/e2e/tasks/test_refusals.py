# SPDX-License-Identifier: Apache-2.0
"""What the commands refuse, and with which exit code: 1 what the server or the world says no to,
2 what cannot be understood."""

import json

import pytest
from conftest import run

NOBODY = "00000000-0000-7000-8000-000000000000"


@pytest.mark.parametrize(
    "words",
    [
        ("dag", "deploy"),
        ("dag", "plan", "a", "b"),
        ("dag", "deploy", "f", "--activate", "soon"),
        ("dag", "deploy", "f", "--expect-generation", "-1"),
        ("dag", "list", "--limit", "0"),
        ("dag", "list", "--limit", "501"),
        ("dag", "show"),
        ("run", "dag"),
        ("run", "dag", "job", "--cursor", "1", "--partition", "p"),
        ("run", "dag", "job", "--partition", "p", "--start", "1"),
        ("run", "dag", "job", "--payload", "[1]"),
        ("task",),
        ("task", "show", "not-an-id"),
        ("task", "list", "--state", "asleep"),
        ("dataset", "head", "d", "-n", "0"),
        ("dataset", "head", "d", "-n", "10001"),
        ("worker", "--slots", "0"),
        ("up", "--worker-slots", "0"),
        ("up", "--ingest-root", "nowhere"),
        ("dag", "plan", "/nowhere/file.yaml"),
        ("dag", "deploy", "/nowhere/file.yaml"),
    ],
    ids=" ".join,
)
def test_usage_is_exit_code_two(words, tmp_path):
    done = run(*words, cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    assert done.stderr


@pytest.mark.parametrize(
    "words",
    [
        ("dag", "show", "nothing"),
        ("dag", "versions", "nothing"),
        ("dag", "graph", "nothing"),
        ("run", "nothing", "job"),
        ("task", "show", NOBODY),
        ("task", "retry", NOBODY),
        ("task", "cancel", NOBODY),
        ("dataset", "show", "nothing"),
        ("dataset", "versions", "nothing"),
        ("dataset", "partitions", "nothing"),
        ("dataset", "head", "nothing"),
        ("dag", "list", "--world", "mars"),
    ],
    ids=" ".join,
)
def test_what_is_not_there_is_exit_code_one_with_its_code(plane, words):
    done = plane.run(*words)
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith(("not_found: ", "task_not_found: ")), done.stderr


def test_the_json_form_of_a_refusal_is_the_problem(plane):
    done = plane.run("dag", "show", "nothing", "-o", "json")
    assert done.returncode == 1
    problem = json.loads(done.stdout)
    assert (problem["code"], problem["status"]) == ("not_found", 404)
    assert done.stderr.startswith("not_found: ")


def test_an_invalid_file_is_told_fault_by_fault(plane, tmp_path):
    path = tmp_path / "faulty.yaml"
    path.write_text("name: faulty\njobs: []\npublsh: {}\n")
    for command in ("plan", "deploy"):
        done = plane.run("dag", command, path)
        assert done.returncode == 1
        assert done.stdout == ""
        assert f"{path}:2:7: E_LIMIT jobs: " in done.stderr
        assert f"{path}:3:1: E_UNKNOWN_FIELD publsh: " in done.stderr
        assert done.stderr.splitlines()[-1].startswith("dag_invalid: ")
    done = plane.run("dag", "plan", path, "-o", "json")
    codes = [fault["code"] for fault in json.loads(done.stdout)["errors"]]
    assert codes == ["E_LIMIT", "E_UNKNOWN_FIELD"]


def test_another_file_for_an_active_dag_is_not_switched_to_yet(plane, small):
    file = small("changed")
    plane.ok("dag", "deploy", file, "--wait")
    file.write_text(file.read_text().replace("name: step", "name: other").replace(
        "job: step", "job: other"))
    done = plane.run("dag", "deploy", file)
    assert done.returncode == 1
    assert done.stderr.startswith("switch_not_available: ")
    plane.ok("dag", "deploy", file, "--activate", "none")


def test_a_plan_that_was_altered_is_refused(plane, small, tmp_path):
    out = tmp_path / "plan.json"
    file = small("altered")
    plane.ok("dag", "plan", file, "--out", out)
    plan = json.loads(out.read_text())
    plan["jobs"][0]["action"] = "reuse"
    out.write_text(json.dumps(plan))
    done = plane.run("dag", "deploy", file, "--plan", out)
    assert done.returncode == 1
    assert "plan_invalid: " in done.stderr


def test_a_reactive_job_is_not_run_by_hand(plane, small):
    plane.ok("dag", "deploy", small("byhand"), "--wait")
    done = plane.run("run", "byhand", "step")
    assert done.returncode == 1
    assert done.stderr.startswith("not_supported: ")


def test_a_finished_task_is_not_canceled(plane, small):
    plane.ok("dag", "deploy", small("finished"), "--wait")
    task = plane.json("run", "finished", "go", "--wait")["task_id"]
    done = plane.run("task", "cancel", task)
    assert done.returncode == 1
    assert done.stderr.startswith("task_finished: ")


def test_without_a_server_it_says_how_to_get_one(tmp_path):
    done = run("dag", "list", cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith("no_server: ")
    assert "weir up" in done.stderr


def test_an_unreachable_server_is_tried_five_times(tmp_path):
    done = run("dag", "list", "--url", "http://127.0.0.1:1", cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith("unreachable: ")
    assert "5 tries" in done.stderr


def test_a_stranger_is_refused(plane, tmp_path):
    done = run("dag", "list", "--url", plane.url, cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith("unauthenticated: ")


def test_roles_do_not_start_on_a_configuration_that_lacks_something(tmp_path):
    for role in ("dispatcher", "worker"):
        done = run(role, cwd=tmp_path)
        assert done.returncode == 2
        assert "internal_socket" in done.stderr and "object_root" in done.stderr
