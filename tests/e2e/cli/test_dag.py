# SPDX-License-Identifier: Apache-2.0
"""weir dag validate and weir dag schema: DAG files without a server."""

import json
import re

import jsonschema
import pytest
import yaml
from conftest import ROOT, ok, run

DAGS = sorted((ROOT / "examples" / "dags").glob("*.yaml"))
OPERATORS = ROOT / "examples" / "operators" / "operators.json"
SPECIFICATION = ROOT / "tests" / "data" / "dagfile" / "specification.yaml"
FAULTY = "name: demo\njobs: []\npublsh: {}\n"


@pytest.fixture(name="faulty")
def faulty_file(tmp_path):
    path = tmp_path / "faulty.yaml"
    path.write_text(FAULTY)
    return path


@pytest.mark.parametrize("dag", DAGS, ids=lambda path: path.stem)
def test_examples_are_valid(dag):
    told = ok("dag", "validate", "--operators", OPERATORS, dag)
    assert re.fullmatch(rf"{dag}: valid: [\w.-]+, \d+ jobs?\n", told)


def test_the_specifications_example_has_one_fault():
    done = run("dag", "validate", SPECIFICATION)
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout == (
        f"{SPECIFICATION}:29:22: E_UNKNOWN_JOB jobs[1].inputs[0].from.job: "
        "there is no job `block_range_aggregate`\n"
    )


def test_a_file_of_standard_input(faulty):
    done = run("dag", "validate", "-", stdin=faulty.read_text())
    assert done.returncode == 1
    assert done.stdout.splitlines()[1].startswith("-:3:1: E_UNKNOWN_FIELD publsh: ")
    assert done.stdout.endswith("; did you mean `publish`?\n")


def test_json_is_an_object_for_one_file_and_a_list_for_several(faulty):
    one = run("dag", "validate", "-o", "json", faulty)
    assert one.returncode == 1
    report = json.loads(one.stdout)
    assert list(report) == ["file", "valid", "errors", "warnings"]
    assert (report["file"], report["valid"], report["warnings"]) == (str(faulty), False, [])
    places = [(f["code"], f["path"], f["line"], f["column"]) for f in report["errors"]]
    assert places == [("E_LIMIT", "jobs", 2, 7), ("E_UNKNOWN_FIELD", "publsh", 3, 1)]
    assert report["errors"][1]["hint"] == "publish"
    several = run("dag", "validate", "-o", "json", faulty, DAGS[0])
    assert several.returncode == 1
    assert [entry["valid"] for entry in json.loads(several.stdout)] == [False, True]
    assert json.loads(ok("dag", "validate", "-o", "json", DAGS[0]))["valid"] is True


def test_a_registry_decides_what_exists(tmp_path):
    dag = tmp_path / "dag.yaml"
    dag.write_text(
        "name: d\njobs:\n  - name: r\n    activation: reactive\n    runtime: dispatcher\n"
        "    operator: noop\n    outputs: 1\n    inputs: [{from: {dataset: far}}]\n"
        "    execution_strategy: PerUpdate\n    update_strategy: replace\n"
        "publish: {near: {from: {job: r, output: 0}}}\n"
    )
    registry = tmp_path / "registry.json"
    offline = json.loads(ok("dag", "validate", "-o", "json", dag))
    assert [warning["code"] for warning in offline["warnings"]] == ["W_UNRESOLVED_DATASET"]
    registry.write_text(json.dumps({"datasets": {"far": {"x": "int"}}}))
    known = json.loads(ok("dag", "validate", "-o", "json", dag, "--registry", registry))
    assert known["warnings"] == []
    registry.write_text("{}")
    done = run("dag", "validate", dag, "--registry", registry)
    assert done.returncode == 1
    assert done.stdout.startswith(f"{dag}:8:31: E_UNKNOWN_DATASET ")


def test_what_cannot_be_read_is_usage(tmp_path, faulty):
    missing = tmp_path / "none.yaml"
    done = run("dag", "validate", faulty, missing)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"Failed to read {missing}: No such file or directory\n"
    registry = tmp_path / "registry.json"
    registry.write_text('{"datasets": {"a": 1}, "more": 2}')
    for flag in ("--registry", "--operators"):
        done = run("dag", "validate", faulty, flag, registry)
        assert (done.returncode, done.stdout) == (2, ""), flag
        assert done.stderr.startswith(f"{registry}: "), flag
    assert run("dag", "validate", faulty, "--registry", missing).returncode == 2
    assert run("dag", "validate").returncode == 2


def test_the_schema_is_sound_and_passes_what_is_valid():
    schema = json.loads(ok("dag", "schema", "--operators", OPERATORS))
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    for dag in DAGS:
        assert not list(validator.iter_errors(yaml.safe_load(dag.read_text()))), dag
    example = yaml.safe_load(DAGS[0].read_text())
    for breakage in (
        lambda dag: dag.pop("name"),
        lambda dag: dag.update(version=1),
        lambda dag: dag["jobs"][0].update(runtime="ecs_platform"),
        lambda dag: dag["jobs"][0].update(inputs=[{"from": {"dataset": "x"}}]),
        lambda dag: dag["jobs"][0]["source"].pop("schedule"),
        lambda dag: dag["jobs"][1].pop("update_strategy"),
        lambda dag: dag["jobs"][1].update(config={"a": 1}),
        lambda dag: dag["jobs"][1]["inputs"][0]["from"].pop("output"),
        lambda dag: dag["jobs"][3].pop("unique_key"),
        lambda dag: dag["jobs"][3]["config"].pop("path"),
        lambda dag: dag["publish"]["blocks_parquet"].update(storage="disk"),
    ):
        broken = json.loads(json.dumps(example))
        breakage(broken)
        assert list(validator.iter_errors(broken)), broken


def test_an_operator_file_adds_operators(tmp_path):
    operators = tmp_path / "operators.json"
    operators.write_text(
        json.dumps(
            {
                "operators": [
                    {
                        "name": "greet",
                        "version": "1",
                        "runtimes": ["ecs_platform"],
                        "execution_strategies": ["PerUpdate"],
                        "update_strategies": ["replace"],
                        "command": ["python3", "greet.py"],
                        "config": {"name": {"type": "text", "required": True}},
                    }
                ]
            }
        )
    )
    dag = tmp_path / "dag.yaml"
    dag.write_text(
        "name: d\njobs:\n"
        "  - {name: go, activation: source, runtime: lambda, operator: trigger_manual,\n"
        "     outputs: 1, source: {kind: manual}}\n"
        "  - {name: g, activation: reactive, runtime: ecs_platform, operator: greet, outputs: 1,\n"
        "     inputs: [{from: {job: go, output: 0}}], execution_strategy: PerUpdate,\n"
        "     update_strategy: replace, config: {name: you}}\n"
        "publish: {greeting: {from: {job: g, output: 0}}}\n"
    )
    assert ok("dag", "validate", dag, "--operators", operators) == f"{dag}: valid: d, 2 jobs\n"
    assert "E_UNKNOWN_OPERATOR" in run("dag", "validate", dag).stdout
    assert "greet" in ok("dag", "schema", "--operators", operators)
