# SPDX-License-Identifier: Apache-2.0
"""Every command of the task plane: its table, its JSON, and that both are the same story."""

import json
import os
import re

import pytest
from conftest import run

UUID = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"


@pytest.fixture(name="deployed", scope="module")
def deployed_dag(plane, tmp_path_factory):
    """A DAG that ran once; gives the first task's id."""
    from conftest import SMALL

    path = tmp_path_factory.mktemp("dags") / "first.yaml"
    path.write_text(SMALL.format(name="first"))
    plane.ok("dag", "deploy", path, "--wait")
    started = plane.json("run", "first", "go", "--cursor", "7", "--wait")
    return started["task_id"]


def test_plan_shows_what_is_new_and_writes_it_down(plane, small, tmp_path):
    out = tmp_path / "plan.json"
    text = plane.ok("dag", "plan", small("planned"), "--out", out)
    assert re.search(r"^go +build +new$", text, re.MULTILINE), text
    assert text.endswith("Plan of planned, its first activation: 2 to build.\n")
    body = plane.json("dag", "plan", small("planned"))
    assert body["valid"] is True
    assert json.loads(out.read_text()) == body["plan"]
    assert [job["job"] for job in body["plan"]["jobs"]] == ["go", "step"]
    listed = plane.json("dag", "list")
    assert "planned" not in [dag["dag"] for dag in listed["items"]]


def test_a_saved_plan_is_carried_out(plane, small, tmp_path):
    out = tmp_path / "plan.json"
    file = small("saved")
    plane.ok("dag", "plan", file, "--out", out)
    body = plane.json("dag", "deploy", file, "--plan", out, "--wait")
    assert body["created"] is True
    assert plane.json("dag", "show", "saved")["version_no"] == 1


def test_deploy_tells_whether_the_version_is_new(plane, small):
    file = small("twice")
    first = plane.ok("dag", "deploy", file, "--wait")
    assert "Deployed twice version 1 (new)" in first
    assert re.search(r"^JOB +QUEUED +RUNNING +RETRY +DONE +FAILED +ROWS OUT$", first, re.MULTILINE)
    second = plane.ok("dag", "deploy", file, "--wait")
    assert "Deployed twice version 1 (known already)" in second
    assert "2 to reuse" in second


def test_deploy_can_only_store(plane, small):
    body = plane.json("dag", "deploy", small("stored"), "--activate", "none")
    assert body.get("deploy") is None
    versions = plane.json("dag", "versions", "stored")
    assert [version["state"] for version in versions["items"]] == ["stored"]


def test_a_file_of_standard_input_is_deployed(plane, small):
    text = small("stdin").read_text()
    assert plane.json("dag", "deploy", "-", stdin=text)["created"] is True


def test_dags_are_listed_and_shown(plane, deployed):
    listed = plane.json("dag", "list")
    row = next(dag for dag in listed["items"] if dag["dag"] == "first")
    assert row["tasks"]["failed"] == 0
    assert re.search(r"^first +1 +\d+ ", plane.ok("dag", "list"), re.MULTILINE)
    shown = plane.json("dag", "show", "first")
    assert [job["job"] for job in shown["jobs"]] == ["go", "step"]
    text = plane.ok("dag", "show", "first")
    assert "publishes first_steps" in text and "trigger_manual@1" in text


def test_versions_and_graph(plane, deployed):
    assert re.search(rf"^ +1  active +\S+  {UUID}  blake3:", plane.ok("dag", "versions", "first"),
                     re.MULTILINE)
    graph = plane.json("dag", "graph", "first")
    done = {node["job"]: node["counts"]["completed"] for node in graph["nodes"]}
    assert done == {"go": 1, "step": 1}
    assert re.search(r"^step +noop +go +events first_steps ", plane.ok("dag", "graph", "first"),
                     re.MULTILINE)


def test_run_waits_until_all_it_caused_is_over(plane, deployed):
    text = plane.ok("run", "first", "go", "--cursor", "8", "--wait")
    assert re.match(rf"Started task {UUID}\.\n", text)
    assert re.search(r"^go +0 +0 +0 +1 +0 ", text, re.MULTILINE), text
    assert re.search(r"^step +0 +0 +0 +1 +0 ", text, re.MULTILINE), text


def test_the_same_key_starts_nothing_new(plane, deployed):
    first = plane.json("run", "first", "go", "--key", "k1")
    again = plane.json("run", "first", "go", "--key", "k1")
    assert again["task_id"] == first["task_id"]


def test_tasks_are_listed_shown_and_told_apart(plane, deployed):
    listed = plane.json("task", "list", "--dag", "first", "--state", "completed")
    assert deployed in [task["task_id"] for task in listed["items"]]
    assert {task["state"] for task in listed["items"]} == {"completed"}
    only = plane.json("task", "list", "--dag", "first", "--job", "step")
    assert {task["job"] for task in only["items"]} == {"step"}
    assert plane.ok("task", "list", "--dag", "nothing") == "No task.\n"
    shown = plane.json("task", "show", deployed)
    assert shown["state"] == "completed" and shown["dag"] == "first"
    text = plane.ok("task", "show", deployed)
    assert f"task      {deployed}\n" in text and "state     completed\n" in text


def test_a_page_names_the_next(plane, deployed):
    done = plane.run("task", "list", "--limit", "1")
    assert done.returncode == 0
    cursor = re.fullmatch(r"more: --cursor (\S+)\n", done.stderr).group(1)
    first = plane.json("task", "list", "--limit", "1")["items"]
    second = plane.json("task", "list", "--limit", "1", "--cursor", cursor)["items"]
    assert len(first) == len(second) == 1
    assert first[0]["task_id"] != second[0]["task_id"]


def test_datasets_are_listed_and_shown(plane, deployed):
    listed = plane.json("dataset", "list")
    assert "first_steps" in [dataset["dataset_id"] for dataset in listed["items"]]
    assert re.search(r"^first_steps +events +first/step ", plane.ok("dataset", "list"),
                     re.MULTILINE)
    shown = plane.json("dataset", "show", "first_steps")
    assert shown["owner"] == {"dag": "first", "job": "step", "output": 0}
    assert "owner       first/step output 0\n" in plane.ok("dataset", "show", "first_steps")
    versions = plane.json("dataset", "versions", "first_steps")["items"]
    assert [version["dataset_version"] for version in versions] == [
        shown["current"]["dataset_version"]
    ]
    assert "current" in plane.ok("dataset", "versions", "first_steps")
    assert plane.json("dataset", "partitions", "first_steps")["items"] == []
    assert plane.ok("dataset", "partitions", "first_steps") == "No partition is committed.\n"


def test_check_and_doctor(plane):
    lines = plane.ok("check").splitlines()
    assert lines[-1] == "Everything holds."
    assert all(line.startswith("ok    I") for line in lines[:-1])
    body = plane.json("check")
    assert body["violations"] == 0 and len(body["invariants"]) == len(lines) - 1
    doctor = plane.json("doctor")["findings"]
    assert {finding["state"] for finding in doctor} <= {"ok", "warn"}
    text = plane.ok("doctor")
    for subject in ("database state", "clock", "queue", "object root", "worker token", "sandbox"):
        assert re.search(rf"^(ok|warn) +{subject}: ", text, re.MULTILINE), text


def test_doctor_names_a_secret_that_others_may_read(plane):
    mode = plane.token_file.stat().st_mode
    os.chmod(plane.token_file, 0o644)
    try:
        done = plane.run("doctor")
        assert done.returncode == 1
        assert re.search(r"^fail +user token: .*chmod 600", done.stdout, re.MULTILINE)
        listed = plane.run("dag", "list")
        assert listed.returncode == 1 and "file_exposed" in listed.stderr
    finally:
        os.chmod(plane.token_file, mode)


def test_the_server_is_found_by_folder_url_or_environment(plane):
    by_url = run("dag", "list", "--url", plane.url, "--token-file", plane.token_file)
    assert by_url.returncode == 0, by_url.stderr
    env = {"WEIR_URL": plane.url, "WEIR_TOKEN_FILE": str(plane.token_file)}
    assert run("dag", "list", env=env, cwd="/").returncode == 0
    assert run("dag", "list", "--state-dir", plane.state_dir).returncode == 0
