# SPDX-License-Identifier: Apache-2.0
"""Files to datasets, whatever their format, their place, and the moment of a crash: checks A15 and
B29 of the contract."""

import datetime
import decimal
import json
import os
import pathlib
import signal
import socket
import tempfile

import pytest
from harness import (EXAMPLES, Plane, children_of, dag, expected_market, needs_crash_points,
                     until)
from kill_rig import operators

DAY = "minute/BTC-USD/2018-04-04.csv"
BARS = ("  columns: { time: timestamptz, open: numeric, high: numeric, low: numeric,"
        " close: numeric, volume: numeric }")
KILLED = 137  # what a crash point ends with
QUICK = {"heartbeat_timeout_seconds": 5, "max_attempts": 20}


@pytest.fixture(scope="module")
def running():
    """Its own worker leaves `table_ingest` to those that the tests start; `odd` is a root that
    they fill."""
    with tempfile.TemporaryDirectory(prefix="weir-checks-") as folder:
        os.chmod(folder, 0o755)
        odd = pathlib.Path(folder) / "odd"
        odd.mkdir(mode=0o755)
        plane = Plane(pathlib.Path(folder) / "state", "--ingest-root", f"odd={odd}",
                      children="sleeper,rows_reader,rows_copier")
        plane.odd = odd
        try:
            yield plane
        finally:
            plane.stop()


def ingest(path, form="csv", root="market", *more):
    return ("config:", f"  root: {root}", f"  path: {path}", f"  format: {form}", BARS,
            *(f"  {line}" for line in more))


def both(name, path, form="csv", root="market", *more):
    """A DAG that reads files into an object store and into a table, and the table again."""
    config = ingest(path, form, root, *more)
    return dag(name, {"job": "files", "operator": "table_ingest", "extra": config},
               {"job": "rows", "operator": "table_ingest", "update": "append",
                "extra": (*config, "unique_key: [time]")},
               {"job": "again", "of": "rows", "operator": "rows_reader"},
               defaults=QUICK, publish={
                   f"{name}_files": ("files", ", storage: s3"),
                   f"{name}_rows": ("rows", ", storage: postgres, write_mode: direct")})


def worker(plane, **environment):
    """A worker that runs `table_ingest`, and dies where its environment says."""
    return plane.start("worker", "--config", plane.state_dir / "weir.yml",
                       env={"WEIR__WORKER__OPERATORS": "table_ingest", **environment})


def end(child):
    """kill -9, as of a machine that is lost."""
    child.kill()
    child.wait(10)


@pytest.fixture(name="calm")
def calm_worker(plane):
    """A worker that nothing happens to."""
    child = worker(plane)
    yield child
    end(child)


def head(plane, dataset):
    """The rows of a dataset, sorted, as texts by column."""
    told = json.loads(plane.ok("dataset", "head", dataset, "-n", "10000", "-o", "json"))
    names = [column["name"] for column in told["columns"]]
    wanted = ("time", "open", "high", "low", "close", "volume")
    return sorted([datetime.datetime.fromisoformat(row[names.index("time")])] + [
        decimal.Decimal(str(row[names.index(name)])) for name in wanted[1:]]
        for row in told["rows"])


def assert_published_rows(plane, name):
    """Rows and sums of the day as they were published with the sample, in both."""
    files, rows = (head(plane, f"{name}_{of}") for of in ("files", "rows"))
    expected = expected_market()[DAY]
    assert len(files) == expected["rows"]
    assert sum(row[5] for row in files) == decimal.Decimal(expected["volume"])
    assert files[-1][4] == decimal.Decimal(expected["close_last"])
    assert rows == files
    return files


def settled(plane, name, seconds=90):
    """Waits until no task of a DAG is open, and for no retry."""

    def is_open():
        plane.hurry()
        return plane.query(
            "SELECT b.job_name, t.state, t.attempt, t.last_error FROM tasks t"
            f" JOIN builds b USING (build_id) WHERE b.dag_name LIKE '{name}'"
            " AND t.state IN ('queued', 'running', 'retry_wait')")

    until(lambda: is_open() == [], seconds, 0.2, is_open)


def jsonl_of(text):
    """The lines of a CSV file with a header as JSON Lines, numbers digit by digit."""
    names, *lines = text.splitlines()
    out = []
    for line in lines:
        time, *numbers = line.split(",")
        pairs = zip(names.split(",")[1:], numbers, strict=True)
        out.append(f'{{"time":"{time}",' + ",".join(f'"{n}":{v}' for n, v in pairs) + "}")
    return "\n".join(out) + "\n"


def test_b29_each_format_gives_the_same_rows_in_files_and_in_a_table(plane, calm):
    text = (EXAMPLES / "market" / DAY).read_text()
    (plane.odd / "day.jsonl").write_text(jsonl_of(text))
    seen = []
    for form, path in (("csv", DAY), ("jsonl", "day.jsonl"), ("parquet", "day.parquet")):
        name = f"b29_{form}"
        plane.deploy(both(name, path, form, "market" if form == "csv" else "odd").replace(
            f"name: {name}", f"name: {name.replace('_', '-')}"))
        for cursor in (1, 2):  # the second time nothing is doubled
            plane.run_job(name.replace("_", "-"), cursor=cursor)
            settled(plane, name.replace("_", "-"))
        seen.append(assert_published_rows(plane, name))
        if form == "csv":  # its own file is the one that is read as parquet
            [[location]] = plane.query(
                "SELECT p.location FROM partition_versions p JOIN dataset_versions v"
                " USING (dataset_version) JOIN builds b USING (build_id)"
                " WHERE b.dag_name = 'b29-csv' AND b.job_name = 'files' AND superseded_at IS NULL")
            [part] = pathlib.Path(location.removeprefix("file://")).glob("*.parquet")
            (plane.odd / "day.parquet").write_bytes(part.read_bytes())
    assert seen[0] == seen[1] == seen[2]


def test_b29_columns_are_shown_and_read_in_the_order_of_the_file(plane, calm):
    """Of a file without a header their order is all that its fields have; another order is another
    document and another build."""
    (plane.odd / "bare.csv").write_text("b,3,x\n", encoding="utf-8")

    def text(*columns):
        config = ("config:", "  root: odd", "  path: bare.csv", "  format: csv",
                  "  header: false", f"  columns: {{ {', '.join(columns)} }}")
        return dag("bare", {"job": "files", "operator": "table_ingest", "extra": config},
                   {"job": "rows", "operator": "table_ingest", "update": "append",
                    "extra": (*config, "unique_key: [zone]")},
                   publish={"bare_files": ("files", ", storage: s3"),
                            "bare_rows": ("rows", ", storage: postgres, write_mode: direct")})

    made = plane.deploy(text("zone: text", "number: bigint", "flag: text"))
    plane.run_job("bare", cursor=1)
    settled(plane, "bare")
    for dataset in ("bare_files", "bare_rows"):
        told = json.loads(plane.ok("dataset", "head", dataset, "-o", "json"))
        assert [column["name"] for column in told["columns"]] == ["zone", "number", "flag"]
        assert told["rows"] == [["b", 3, "x"]]
    again = plane.deploy(text("zone: text", "number: bigint", "flag: text"), status=200)
    assert again["dag_version_id"] == made["dag_version_id"]
    other = plane.deploy(text("flag: text", "number: bigint", "zone: text"), "?activate=none")
    assert other["created"] and other["yaml_hash"] != made["yaml_hash"]


def test_b29_the_rows_of_a_grant_are_read_back_and_no_others(plane, calm):
    plane.deploy(both("b29again", DAY))
    plane.run_job("b29again", cursor=1)
    settled(plane, "b29again")
    [[told]] = plane.tasks("b29again", "again", "t.result")
    told = json.loads(told)
    assert (told["status"], told["rows"]) == (200, expected_market()[DAY]["rows"])
    assert told["first"]["time"].startswith("2018-04-04")
    assert set(told["foreign"].values()) <= {400, 403, 404}, told
    assert set(told["objects"]) <= {400, 403, 404}, told


def test_b29_rows_of_a_table_come_and_go_as_parquet_too(plane, calm):
    config = ingest(DAY)
    plane.deploy(dag(
        "b29copy",
        {"job": "rows", "operator": "table_ingest", "update": "append",
         "extra": (*config, "unique_key: [time]")},
        {"job": "copy", "of": "rows", "operator": "rows_copier", "update": "append",
         "extra": ("config:", BARS, "unique_key: [time]")},
        defaults=QUICK, publish={
            f"b29copy_{of}": (job, ", storage: postgres, write_mode: direct")
            for of, job in (("rows", "rows"), ("files", "copy"))}))
    plane.run_job("b29copy", cursor=1)
    settled(plane, "b29copy")
    [[told]] = plane.tasks("b29copy", "copy", "t.result")
    count = expected_market()[DAY]["rows"]
    assert json.loads(told) == {
        "get": [200, "application/vnd.apache.parquet", "PAR1"], "lines": count,
        "refused": [422, "rows_invalid"], "put": [200, {"rows": count, "applied": True}],
        "again": [200, {"rows": count, "applied": False}]}
    assert_published_rows(plane, "b29copy")


def odd_entries(folder):
    """Entries that are no plain files below plain folders, by what must be refused."""
    plain = folder / "plain"
    plain.mkdir()
    (plain / "real.csv").write_text((EXAMPLES / "market" / DAY).read_text())
    (folder / "link.csv").symlink_to(plain / "real.csv")
    (folder / "linked").symlink_to(plain)
    (plain / "up").symlink_to("..")
    (folder / "folder.csv").mkdir()
    os.mkfifo(folder / "pipe.csv")
    with socket.socket(socket.AF_UNIX) as door:
        door.bind(str(folder / "door.csv"))
    (folder / "many").mkdir()
    (folder / "many" / "a.csv").write_text((plain / "real.csv").read_text())
    (folder / "many" / "b.csv").symlink_to("/etc/passwd")
    os.mknod(folder / "null.csv", 0o600 | 0o020000, os.makedev(1, 3))
    return ("odd/link.csv", "odd/linked/real.csv", "odd/plain/up/plain/real.csv", "odd/folder.csv",
            "odd/pipe.csv", "odd/door.csv", "odd/null.csv", "odd/many/*.csv",
            "odd/plain/real.csv/x.csv")


def test_b29_what_is_no_plain_file_below_plain_folders_is_refused(plane, calm):
    if os.geteuid() != 0:
        pytest.skip("only root makes devices")
    (plane.odd / "odd").mkdir()
    paths = odd_entries(plane.odd / "odd")
    jobs = [{"job": f"job{n}", "operator": "table_ingest", "extra": ingest(f'"{path}"', root="odd")}
            for n, path in enumerate((*paths, "odd/plain/real.csv"))]
    plane.deploy(dag("b29odd", *jobs, defaults=QUICK))
    plane.run_job("b29odd", cursor=1)
    settled(plane, "b29odd")
    for number, path in enumerate(paths):
        told = plane.tasks("b29odd", f"job{number}", "state, attempt, last_error->>'code'")
        assert told == [["failed", "1", "path_invalid"]], path
    assert plane.tasks("b29odd", f"job{len(paths)}", "state") == [["completed"]]
    assert plane.number("SELECT count(*) FROM events e JOIN tasks t ON t.task_id ="
                        " e.producer_task_id JOIN builds b USING (build_id)"
                        " WHERE b.dag_name = 'b29odd' AND t.kind = 'reactive'") == 1


# Who is killed, and at which labelled point; with a number: at which passing of it.
STEPS = (
    ("wrapper", "worker.rows.locked"), ("wrapper", "worker.rows.before_commit"),
    ("wrapper", "worker.rows.after_commit"), ("operator", "ingest.read"),
    ("operator", "ingest.written"), ("operator", "ingest.emitted"),
    ("operator", "object_half_written"), ("operator", "object_written"),
    ("operator", "object_named"), ("operator", "object_named:2"), ("operator", "object_named:3"),
)


def killed_once(plane, victim, label, name):
    """Runs a DAG until its crash; the wrapper dies in every case, the operator before it."""
    if victim == "wrapper":
        child = worker(plane, WEIR_CRASH_AT=label)
        assert child.wait(60) == KILLED, label
        return
    child = worker(plane, WEIR_CHILD_CRASH_AT=label)
    until(lambda: plane.number(
        "SELECT count(*) FROM attempts a JOIN tasks t USING (task_id)"
        f" JOIN builds b USING (build_id) WHERE b.dag_name = '{name}'"
        " AND a.outcome = 'retryable_error'"
        f" AND a.error->>'code' = 'exit_{KILLED}'"), told=lambda: label)
    end(child)


@needs_crash_points
def test_a15_b29_killed_at_every_step_leaves_the_same_rows(plane):
    """And check A15 of one task that runs twice: one revision of its partition."""
    for number, (victim, label) in enumerate(STEPS):
        plane.deploy(both(f"b29k{number}", DAY))
        plane.run_job(f"b29k{number}", cursor=1)
        killed_once(plane, victim, label, f"b29k{number}")
    child = worker(plane)
    settled(plane, "b29k%")
    end(child)
    for number, step in enumerate(STEPS):
        name = f"b29k{number}"
        assert_published_rows(plane, name)
        for job in ("files", "rows", "again"):
            assert plane.tasks(name, job, "state") == [["completed"]], step
        attempts = plane.tasks(name, "rows" if step[0] == "wrapper" else "files", "attempt")
        assert attempts != [["1"]] or step[1].startswith("ingest."), step
        assert plane.query(
            "SELECT b.job_name, p.partition_key, p.revision FROM partition_versions p"
            " JOIN dataset_versions v USING (dataset_version) JOIN builds b USING (build_id)"
            f" WHERE b.dag_name = '{name}'") == [["files", "all", "1"]], step


def test_b29_a_paused_wrapper_that_wakes_up_late_writes_nothing(plane):
    """Stopped while its operator reads, continued when another attempt has written."""
    plane.deploy(both("b29late", DAY))
    first = worker(plane)
    plane.run_job("b29late", cursor=1)
    until(lambda: [pid for pid in children_of(first.pid) if "table_ingest" in
                   pathlib.Path(f"/proc/{pid}/cmdline").read_text().split("\0")], every=0.001)
    os.kill(first.pid, signal.SIGSTOP)
    second = worker(plane)
    settled(plane, "b29late")
    rows = plane.query("SELECT b.job_name, 'data.d_' || replace(v.dataset_version::text, '-', '')"
                       " FROM dataset_versions v JOIN builds b USING (build_id)"
                       " WHERE b.dag_name = 'b29late' AND b.job_name = 'rows'")
    look = f"RESET ROLE; SELECT xmin, * FROM {rows[0][1]} ORDER BY time"
    before = plane.query(look)
    facts = "SELECT * FROM events UNION ALL SELECT * FROM events LIMIT 0"
    events = plane.query(facts)
    os.kill(first.pid, signal.SIGCONT)
    until(lambda: "another may run" in plane.log("extra-" + str(plane.extra.index(first))))
    assert plane.query(look) == before and len(before) == expected_market()[DAY]["rows"]
    assert plane.query(facts) == events
    end(first)
    end(second)
    assert operators(plane) == []
