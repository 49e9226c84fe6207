# SPDX-License-Identifier: Apache-2.0
"""Files to datasets: checks A15, A17, B20 and B29 of the contract."""

import decimal
import json
import pathlib
import random

import pytest
from harness import BY_HAND, code_of, dag, expected_market, fence_of, until

BARS = ("  columns: { time: timestamptz, open: numeric, high: numeric, low: numeric,"
        " close: numeric, volume: numeric }")
DAY = "minute/BTC-USD/2018-04-04.csv"


def ingest(path, *more, columns=BARS):
    return ("config:", "  root: market", f"  path: {path}", "  format: csv", columns,
            *(f"  {line}" for line in more))


def committed(plane, name, job):
    """The partition versions of a job's output."""
    return plane.query(
        "SELECT p.partition_key, p.revision, p.location, p.row_count, p.superseded_at IS NULL"
        " FROM partition_versions p JOIN tasks t ON t.task_id = p.producer_task_id"
        " JOIN dag_version_builds b USING (build_id) JOIN dag_versions v"
        " ON v.dag_version_id = b.dag_version_id"
        f" WHERE v.dag_name = '{name}' AND b.job_name = '{job}' ORDER BY 1, 2")


def test_a15_two_tasks_of_one_partition_make_two_revisions_of_one_version(plane):
    plane.deploy(dag("a15", {"job": "load", "operator": "table_ingest", "strategy": "PerPartition",
                             "extra": ingest("minute/BTC-USD/{partition_key}.csv")}))
    for _ in range(2):
        plane.run_job("a15", partition_key="2018-04-04")
        plane.settled("a15")
    first, second = committed(plane, "a15", "load")
    assert (first[:2], first[4]) == (["2018-04-04", "1"], "f")
    assert (second[:2], second[4]) == (["2018-04-04", "2"], "t")
    for location in (first[2], second[2]):
        folder = pathlib.Path(location.removeprefix("file://"))
        files = json.loads((folder / "_manifest.json").read_text())["objects"]
        assert files and all((folder / item["key"]).stat().st_size == item["size"] > 0
                             for item in files)
        assert sum(item["rows"] for item in files) == expected_market()[DAY]["rows"]
    assert plane.number(
        "SELECT count(DISTINCT dataset_version) FROM dataset_versions v JOIN builds b"
        " USING (build_id) WHERE b.dag_name = 'a15' AND b.job_name = 'load'") == 1


def test_a17_ranges_are_split_scheduled_and_completed_once(plane):
    plane_text = dag(
        "a17", {"job": "split", "operator": "range_splitter", "runtime": "dispatcher",
                "strategy": "PerPartition", "extra": ("config: { chunk_size: 1000 }",)},
        *({"job": job, "operator": "table_ingest", "of": "split", "strategy": "PerPartition",
           "extra": ingest(f"none/{job}/{{start}}-{{end}}.csv", "missing: empty")}
          for job in ("one", "two")))
    deployed = plane.deploy(plane_text)
    plane.run_job("a17", partition_key="0-2999", start=0, end=2999)
    until(lambda: len(plane.tasks("a17", "two")) == 3)
    plane.settled("a17")
    for job in ("one", "two"):
        ranges = plane.tasks("a17", job, "t.scope->>'start', t.scope->>'end', state, attempt")
        assert sorted(ranges, key=lambda r: int(r[0])) == [
            ["0", "999", "completed", "1"], ["1000", "1999", "completed", "1"],
            ["2000", "2999", "completed", "1"]]
        [[task_id], *_] = plane.tasks("a17", job, "task_id")
        payload = plane.internal(f"task-fetch?task_id={task_id}", method="GET").body["task"]
        assert payload["config"]["path"] == f"none/{job}/{{start}}-{{end}}.csv"
    before = plane.number("SELECT count(*) FROM tasks")
    again = plane.deploy(plane_text, status=200)
    assert again["dag_version_id"] == deployed["dag_version_id"]
    assert plane.number("SELECT count(*) FROM tasks") == before


def test_b20_aggregates_are_the_same_whatever_the_delivery(plane):
    """The same events in three DAGs: in one call, in shuffled repeated calls, and with attempts
    that are given up in between."""
    cursors = list(range(0, 95_000, 2_500))
    manifests = {}
    for name in ("b20plain", "b20torn"):
        plane.deploy(dag(
            name, {"job": "sum", "operator": "range_aggregator", "runtime": "dispatcher",
                   "extra": ("config: { cursor_column: n, range_size: 10000 }",)}, source=BY_HAND))
        fence = plane.source_by_hand(name)
        if name == "b20plain":
            calls = [cursors]
        else:
            calls = [cursors[at:at + 7] for at in range(0, len(cursors), 7)]
        dice = random.Random(20)
        for at, call in enumerate(calls):
            events = [{"output": 0, "cursor": cursor} for cursor in call]
            assert plane.emit(fence, events).status == 200
            for _ in range(2 if name == "b20torn" else 0):
                old = calls[dice.randrange(at + 1)]
                repeat = [{"output": 0, "cursor": cursor} for cursor in dice.sample(old, len(old))]
                answer = plane.emit(fence, repeat)
                assert all(entry["duplicate"] for entry in answer.body["results"])
        plane.settled(name)
        manifests[name] = plane.query(
            "SELECT m.batch_no, m.manifest - 'source' FROM batch_manifests m JOIN builds b"
            f" USING (build_id) WHERE b.dag_name = '{name}' ORDER BY 1")
    assert len(manifests["b20plain"]) == 9
    assert manifests["b20plain"] == manifests["b20torn"]
    first = json.loads(manifests["b20plain"][0][1])
    assert (first["start"], first["end"], first["count"]) == (0, 9999, 4)


def test_b29_rows_and_sums_are_those_that_were_published(plane):
    plane.deploy(dag(
        "b29", {"job": "files", "operator": "table_ingest", "extra": ingest(DAY)},
        {"job": "rows", "operator": "table_ingest", "update": "append",
         "extra": (*ingest(DAY), "unique_key: [time]")},
        publish={"b29_files": ("files", ", storage: s3"),
                 "b29_rows": ("rows", ", storage: postgres, write_mode: direct")}))
    for cursor in (1, 2):  # the second time nothing is doubled
        plane.run_job("b29", cursor=cursor)
        plane.settled("b29")
    expected = expected_market()[DAY]
    for dataset in ("b29_files", "b29_rows"):
        text = plane.ok("dataset", "head", dataset, "-n", "10000", "-o", "json")
        head = json.loads(text)
        names = [column["name"] for column in head["columns"]]
        volume = sum(decimal.Decimal(str(row[names.index("volume")])) for row in head["rows"])
        assert len(head["rows"]) == expected["rows"], dataset
        assert volume == decimal.Decimal(expected["volume"]), dataset


TRICKS = ("../secret.csv", "/etc/passwd", "a/../../b.csv", "./a.csv", "a//b.csv", "a\\\\b.csv")


@pytest.mark.parametrize("path", TRICKS)
def test_b29_a_path_that_leaves_its_root_is_refused_at_deploy(plane, path):
    text = dag("trick", {"job": "load", "operator": "table_ingest", "extra": ingest(f'"{path}"')})
    answer = plane.user("POST", "/v1/dags/trick/versions", text, kind="application/yaml")
    assert answer.status == 422 and [e["code"] for e in answer.body["errors"]] == ["E_CONFIG"]


@pytest.mark.parametrize("key", ("..", ".", "a/b", "%2e%2e", "../../etc/passwd", "a\\b", "a b"))
def test_b29_a_scope_that_leaves_its_root_fails_its_task(plane, key):
    if plane.user("GET", "/v1/dags/scopes").status == 404:
        plane.deploy(dag("scopes", {"job": "load", "operator": "table_ingest",
                                    "strategy": "PerPartition",
                                    "extra": ingest('"{partition_key}.csv"')}))
    event = plane.run_job("scopes", partition_key=key)["event_id"]
    task_id = plane.task_of("scopes", "load", event)
    plane.settled("scopes")
    assert plane.query("SELECT state, last_error->>'code' FROM tasks"
                       f" WHERE task_id = '{task_id}'") == [["failed", "path_invalid"]]


def test_b29_a_paused_old_attempt_writes_nothing(plane):
    plane.deploy(dag("b29old", {"job": "step"}, defaults={"heartbeat_timeout_seconds": 5}))
    event = plane.run_job("b29old", cursor=1)["event_id"]
    task_id = plane.task_of("b29old", "step", event)
    old = fence_of(plane.claim_one(task_id))
    until(lambda: plane.tasks("b29old", "step", "state") == [["retry_wait"]], 15)
    plane.due_now(task_id)
    until(lambda: plane.tasks("b29old", "step", "state") == [["queued"]], 15)
    new = plane.claim_one(task_id)
    assert new["result"]["fence_no"] > 0 and fence_of(new)["attempt"] == 2
    assert plane.emit(old, [{"output": 0, "cursor": 1}]).body["code"] == "stale_attempt"
    assert code_of(plane.complete(old)) == "stale_attempt"
    assert plane.number(f"SELECT count(*) FROM events WHERE producer_task_id = '{task_id}'") == 0
