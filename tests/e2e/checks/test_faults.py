# SPDX-License-Identifier: Apache-2.0
"""Faults of DAG files at their places, the same from every door: checks B1, B2 and B31 of the
contract."""

import json

import pytest
from fault_cases import CASES, DOCUMENTS, MARK, Case
from harness import run

# What only an installation knows; everything else stands in the file.
OURS = {"E_NOT_AVAILABLE", "E_UNKNOWN_BUNDLE", "E_UNKNOWN_DATASET", "E_DATASET_OWNED",
        "E_NAME_MISMATCH"}
# Of the codes of section 2.1 those that tests below have apart from the table.
APART = {"E_YAML", "E_YAML_FEATURE", "E_TOO_MANY", "E_BUFFERED_APPEND", *OURS}
# What the snapshot holds of which the sound documents speak.
REGISTRY = {"datasets": {}, "bundles": {"b1": "python"}}
ALL = set("""
    E_YAML E_YAML_FEATURE E_DUPLICATE_KEY E_TYPE E_UNKNOWN_FIELD E_MISSING_FIELD E_NOT_APPLICABLE
    E_RESERVED E_VALUE E_RANGE E_PATTERN E_DUPLICATE_JOB E_DUPLICATE_ITEM E_UNKNOWN_OPERATOR
    E_OPERATOR_RUNTIME E_OPERATOR_ACTIVATION E_OPERATOR_OUTPUTS E_STRATEGY_MISMATCH E_CONFIG
    E_UNKNOWN_JOB E_OUTPUT_RANGE E_UNKNOWN_DATASET E_CYCLE E_WHERE_FIELD E_WHERE_TYPE E_SCHEDULE
    E_UDF_REQUIRED E_UDF_FORBIDDEN E_UDF_RUNTIME E_UNKNOWN_BUNDLE E_SECRETS_UDF E_SECRETS_RUNTIME
    E_WRITE_MODE E_STORAGE E_SCHEMA E_BUFFERED_APPEND E_UNIQUE_MISMATCH E_OUTPUT_PUBLISHED_TWICE
    E_DATASET_OWNED E_NAME_MISMATCH E_CHECK E_NOT_AVAILABLE E_LIMIT E_TOO_MANY""".split())


def places(faults):
    return [(fault["code"], fault["line"], fault["column"]) for fault in faults]


class Validator:
    """`weir dag validate` over a text, offline or with a snapshot."""

    def __init__(self, folder):
        self.path, self.registry = folder / "file.yaml", folder / "registry.json"
        self.registry.write_text(json.dumps(REGISTRY))

    def told(self, text, *flags):
        self.path.write_text(text)
        done = run("dag", "validate", self.path, *flags, "-o", "json")
        assert done.returncode in (0, 1), done.stderr
        report = json.loads(done.stdout)
        assert report["valid"] == (done.returncode == 0) == (report["errors"] == [])
        return report

    def offline(self, text):
        return self.told(text)

    def snapshot(self, text):
        return self.told(text, "--registry", self.registry)


@pytest.fixture(name="validator")
def a_validator(tmp_path):
    return Validator(tmp_path)


def deployed(plane, text, path="/v1/dags/validate"):
    """The errors of the deploy route, or of the one that only validates."""
    answer = plane.user("POST", path, text, kind="application/yaml")
    assert answer.status in (200, 422), answer
    return answer.body["errors"] if answer.status == 422 else []


def assert_same_everywhere(plane, validator, text, expected):
    """The expected places offline and with a snapshot; from the route these, and beside them only
    what the installation knows."""
    for report in (validator.offline(text), validator.snapshot(text)):
        told = [*report["errors"], *report.get("warnings", [])]
        assert set(expected) <= set(places(told)), (text, told)
        assert all(error in expected for error in places(report["errors"])), (text, told)
    own = validator.snapshot(text)["errors"]
    from_route = deployed(plane, text)
    assert [error for error in from_route if error["code"] not in OURS] == own, text


def test_b31_the_table_has_every_code():
    codes = {code for case in CASES for code in MARK.findall(case.new) if code.startswith("E_")}
    assert codes | APART == ALL
    assert codes <= ALL


@pytest.mark.parametrize("name", DOCUMENTS)
def test_b31_a_sound_document_is_accepted(plane, validator, name):
    text = DOCUMENTS[name]
    assert validator.offline(text)["errors"] == validator.snapshot(text)["errors"] == []
    assert {error["code"] for error in deployed(plane, text)} <= OURS


ONLY_SNAPSHOT = ("E_UNKNOWN_BUNDLE", "E_UNKNOWN_DATASET")


@pytest.mark.parametrize(
    "case", [case for case in CASES if not MARK.findall(case.new)[0] in ONLY_SNAPSHOT
             and MARK.findall(case.new)[0].startswith("E_")],
    ids=lambda case: MARK.findall(case.new)[0])
def test_b1_b31_a_fault_is_told_at_its_place_by_every_door(plane, validator, case):
    text, expected = case.text()
    assert_same_everywhere(plane, validator, text, expected)


@pytest.mark.parametrize("case", [case for case in CASES
                                  if MARK.findall(case.new)[0] in ONLY_SNAPSHOT],
                         ids=lambda case: MARK.findall(case.new)[0])
def test_b31_what_a_snapshot_does_not_hold_does_not_exist(validator, case):
    text, expected = case.text()
    assert places(validator.snapshot(text)["errors"]) == expected
    assert validator.offline(text)["valid"]


def test_b31_syntax_and_features_of_yaml_are_told_where_they_are(plane, validator):
    for text in ("name: [\n", "a: b: c\n", "name: x\n---\nname: y\n", ""):
        report = validator.offline(text)
        assert [error["code"] for error in report["errors"]] == ["E_YAML"], text
        assert deployed(plane, text) == validator.snapshot(text)["errors"] == report["errors"]
    for old, new in (("max_attempts: 3", "max_attempts: «E_YAML_FEATURE»&a 3"),
                     ("name: demo", "name: «E_YAML_FEATURE»!!str demo")):
        text, expected = Case("cron", old, new).text()
        report = validator.offline(text)
        assert places(report["errors"]) == expected, report
        assert deployed(plane, text) == report["errors"]


def test_b31_of_too_many_faults_the_first_two_hundred_are_told(plane, validator):
    text = DOCUMENTS["cron"] + "".join(f"field{n}: 1\n" for n in range(250))
    report = validator.offline(text)
    assert len(report["errors"]) == 201 and report["errors"][-1]["code"] == "E_TOO_MANY"
    assert {error["code"] for error in report["errors"][:-1]} == {"E_UNKNOWN_FIELD"}
    assert deployed(plane, text) == report["errors"]


def test_b1_ten_faults_are_ten_errors_in_their_order(plane, validator):
    """All changes of one document that do not hide each other, at once."""
    text = DOCUMENTS["cron"]
    for old, new in (
            ("name: demo", "name: «E_PATTERN»demo!"),
            ("defaults:", "«E_RESERVED»version: 1\ndefaults:"),
            ("max_attempts: 3", "max_attempts: «E_RANGE»0"),
            ("schedule: rate(1 day)", "schedule: «E_SCHEDULE»rate(1 days)"),
            ("timeout_seconds: 60", "timeout_seconds: «E_TYPE»soon"),
            ("    outputs: 1\n    inputs", "    outputs: «E_OPERATOR_OUTPUTS»2\n    inputs"),
            ("update_strategy: replace", "update_strategy: «E_VALUE»replaced"),
            ("_strategy: PerUpdate", "_strategy: PerUpdate\n    «E_UNKNOWN_FIELD»a: 1"),
            ("from: {job: tick, output: 0}", "from: {job: «E_UNKNOWN_JOB»tock, output: 0}"),
            ("from: {job: relay, output: 0}", "from: {job: relay, output: «E_OUTPUT_RANGE»7}")):
        assert old in text, old
        text = text.replace(old, new, 1)
    DOCUMENTS["ten"] = text
    try:
        text, expected = Case("ten", "name", "name").text()
    finally:
        del DOCUMENTS["ten"]
    report = validator.offline(text)
    assert places(report["errors"]) == expected and len(expected) == 10
    assert deployed(plane, text) == report["errors"]


def test_b2_append_needs_a_unique_key(plane, validator):
    old = "update_strategy: replace\n"
    case = Case("cron", "  - name: relay\n", "  - «E_MISSING_FIELD»name: relay\n")
    text, expected = case.text()
    text = text.replace(old, "update_strategy: append\n")
    assert_same_everywhere(plane, validator, text, expected)
    buffered = DOCUMENTS["udf"].replace(
        "    update_strategy: append\n    unique_key: [id]\n", "    update_strategy: replace\n")
    report = validator.offline(buffered)
    code = "E_BUFFERED_APPEND"
    assert places(report["errors"]) == [(code, 39, 17), (code, 52, 17)]
    assert [error for error in deployed(plane, buffered) if error["code"] not in OURS] == report[
        "errors"]


def test_b31_what_the_installation_lacks_is_told_at_deploy_only(plane, validator):
    text = DOCUMENTS["udf"]
    assert validator.offline(text)["valid"] and validator.snapshot(text)["valid"]
    told = {error["code"]: error for error in deployed(plane, text, "/v1/dags/user/versions")}
    assert "E_NOT_AVAILABLE" in told
    line = text.splitlines()[told["E_NOT_AVAILABLE"]["line"] - 1]
    assert line[told["E_NOT_AVAILABLE"]["column"] - 1:].startswith(("udf", "buffered", "trigger"))
    [error] = deployed(plane, DOCUMENTS["cron"], "/v1/dags/another/versions")
    assert (error["code"], error["line"], error["column"]) == ("E_NAME_MISMATCH", 1, 7)


def test_b31_a_name_that_another_dag_publishes_is_told_at_its_key(plane, validator):
    """Only an installation knows who publishes what. The owner's own file is sound; a second DAG
    may be prepared, and its cutover is refused."""
    owner = DOCUMENTS["cron"].replace("name: demo", "name: owner").replace("relayed:", "taken:")
    plane.deploy(owner)
    assert deployed(plane, owner) == []
    case = Case("cron", "  relayed:\n", "  mine:\n    from: {job: tick, output: 0}\n"
                "  «E_DATASET_OWNED»taken:\n")
    text, expected = case.text()
    told = deployed(plane, text)
    assert places(told) == expected
    assert told[0]["path"] == "publish.taken" and "taken" in told[0]["detail"]
    assert validator.offline(text)["errors"] == validator.snapshot(text)["errors"] == []
    refused = plane.user("POST", "/v1/dags/demo/versions", text, kind="application/yaml")
    assert (refused.status, refused.body["code"]) == (409, "dataset_owned"), refused
    assert refused.body["datasets"] == ["taken"]
    plane.deploy(text, "?activate=none")
    plane.check()
