# SPDX-License-Identifier: Apache-2.0
"""A `weir up` with the task plane for one test file, and what the checks ask it: its two listeners,
its database, its processes."""

import contextlib
import functools
import http.client
import json
import os
import pathlib
import re
import select
import signal
import socket
import subprocess
import time
import urllib.parse
import uuid

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[3]
EXAMPLES = ROOT / "examples"
OPERATORS = pathlib.Path(__file__).resolve().parent / "operators" / "operators.json"
SECONDS_MAX = 120
FREE = ("--grpc-port", "0", "--http-port", "0", "--tasks-port", "0")
OURS = ("WEIR_TARGET", "WEIR_STATE_DIR", "WEIR_URL", "WEIR_TOKEN_FILE", "WEIR_HTTP")
# What the worker of `weir up` claims: all but `hand` and `hand_source`, whose tasks the tests
# claim.
CHILDREN = "table_ingest,parquet_compact,sequence_source,partition,sleeper"
# Of each `weir up` that is to run, a descriptor that is ready once the process has ended.
UPS = set()


def binary():
    return os.environ.get("WEIR_BINARY") or str(ROOT / "build" / "dev" / "bin" / "weir")


def has_crash_points():
    """Whether the program dies where WEIR_CRASH_AT says (base/crash_point.h)."""
    return b"WEIR_CRASH_AT" in pathlib.Path(binary()).read_bytes()


needs_crash_points = pytest.mark.skipif(
    not has_crash_points(), reason="a build without crash points"
)


def environment(extra=None):
    """The caller's environment without what would turn the program elsewhere."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("QMTL__", "WEIR__")) and name not in OURS
    }
    return {**kept, **(extra or {})}


def run(*words, env=None, stdin=None):
    """Runs `weir WORDS` to its end; gives the finished process with texts."""
    return subprocess.run(
        [binary(), *map(str, words)],
        capture_output=True,
        text=True,
        timeout=SECONDS_MAX,
        env=environment(env),
        cwd=ROOT,
        input=stdin,
        check=False,
    )


def until(holds, seconds=30, every=0.05, told=None):
    """Asks until it holds, and gives what it gave; fails after `seconds`, with what `told` says,
    and as soon as a `weir up` ends between two questions, which are `every` seconds apart."""
    end = time.monotonic() + seconds
    while True:
        got = holds()
        if got:
            return got
        assert time.monotonic() < end, f"not within {seconds} s: {told() if told else holds}"
        ended, _, _ = select.select(UPS, [], [], every)
        assert not ended, "weir up has ended"


class UnixConnection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path, timeout):
        super().__init__("weir", timeout=timeout)
        self._path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class Answer:
    """A response: its status, its headers, its body as JSON where it is such."""

    def __init__(self, response):
        self.status = response.status
        self.headers = dict(response.getheaders())
        self.text = response.read().decode()
        kind = self.headers.get("Content-Type", self.headers.get("content-type", ""))
        self.kind = kind.split(";")[0]
        self.body = json.loads(self.text) if self.kind.endswith("json") else None

    def __repr__(self):
        return f"{self.status} {self.text[:600]}"


class Plane:
    """A `weir up` with the task plane in a folder of its own."""

    def __init__(self, state_dir, *flags, operators=OPERATORS, children=CHILDREN):
        self.state_dir = pathlib.Path(state_dir)
        words = ["up", "--detach", "--state-dir", state_dir, *FREE, *flags, "-o", "json"]
        for root in ("market", "default"):
            words += ["--ingest-root", f"{root}={EXAMPLES / 'market'}"]
        words += ["--operators", operators]
        done = run(*words, env={"WEIR__WORKER__OPERATORS": children})
        assert done.returncode == 0, done.stderr
        self.note = json.loads(done.stdout)
        self.port = urllib.parse.urlsplit(self.note["tasks"]).port
        config = (self.state_dir / "weir.yml").read_text()
        self.dsn = re.search(r"state_dsn: '([^']*)'", config).group(1)
        self.socket = re.search(r"internal_socket: '([^']*)'", config).group(1)
        self.worker_token = (self.state_dir / "keys" / "worker.token").read_text().strip()
        self.extra = []
        self.up = os.pidfd_open(self.note["pid"])
        UPS.add(self.up)

    # Commands -------------------------------------------------------------------------------

    def run(self, *words, **options):
        return run(*words, env={"WEIR_STATE_DIR": str(self.state_dir)}, **options)

    def ok(self, *words, **options):
        done = self.run(*words, **options)
        assert done.returncode == 0, f"{words}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def check(self):
        """Every invariant of the database holds."""
        done = self.run("check")
        assert done.returncode == 0, done.stdout + done.stderr

    def stop(self):
        UPS.remove(self.up)
        os.close(self.up)
        for child in self.extra:
            if child.poll() is None:
                child.send_signal(signal.SIGCONT)
                child.kill()
                child.wait(10)
        done = run("down", "--state-dir", self.state_dir)
        assert done.returncode == 0, done.stderr

    def log(self, role):
        return (self.state_dir / f"{role}.log").read_text()

    # Processes ------------------------------------------------------------------------------

    def start(self, *words, env=None):
        """One more role process, `weir WORDS`, on the configuration of the first."""
        log = open(self.state_dir / f"extra-{len(self.extra)}.log", "wb")  # noqa: SIM115
        command = [binary(), *words]
        child = subprocess.Popen(command, stdout=log, stderr=log, env=environment(env), cwd=ROOT)
        self.extra.append(child)
        return child

    def config(self, name, **changes):
        """The configuration with other values of some keys, as a file of its own."""
        text = (self.state_dir / "weir.yml").read_text()
        for key, value in changes.items():
            text, found = re.subn(rf"(?m)^  {key}: .*$", f"  {key}: {value}", text)
            if not found:
                text = re.sub(r"(?m)^(dispatcher|worker):$", rf"\1:\n  {key}: {value}", text)
        path = self.state_dir / name
        path.write_text(text)
        return path

    def pid_of(self, role):
        """The process of a role that `weir up` keeps."""
        for child in children_of(self.note["pid"]):
            if role in words_of(child)[1:2]:
                return child
        return None

    def postmaster(self):
        return int((self.state_dir / "pg" / "data" / "postmaster.pid").read_text().split()[0])

    # The database ---------------------------------------------------------------------------

    def query(self, sql, superuser=False):
        """The rows of a query of the dispatcher's role, as lists of texts."""
        command = ["psql", "--no-psqlrc", "-qAt", "-F", "\t", "-v", "ON_ERROR_STOP=1"]
        prefix = "SET ROLE weir_dispatcher; SET weir.org = '*'; SET search_path TO state, data; "
        dsn = self.dsn
        if superuser:
            prefix, dsn = "", dsn.replace("//weir@", "//postgres@")
        done = subprocess.run(
            [*command, "--dbname", dsn, "--command", prefix + sql],
            capture_output=True,
            text=True,
            check=False,
            cwd="/",
        )
        assert done.returncode == 0, done.stderr
        return [line.split("\t") for line in done.stdout.splitlines()]

    def number(self, sql):
        [[number]] = self.query(sql)
        return int(number)

    # The listeners --------------------------------------------------------------------------

    def user_token(self):
        return (self.state_dir / "keys" / "user.token").read_text().strip()

    def connect(self, listener, timeout=30):
        if listener == "internal":
            return UnixConnection(self.socket, timeout)
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)

    def ask(self, listener, method, path, body=None, headers=None, timeout=30):
        """One request as it is, over a connection of its own."""
        connection = self.connect(listener, timeout)
        try:
            with contextlib.suppress(BrokenPipeError):  # an answer may come before the body went
                connection.request(method, path, body, headers or {})
            return Answer(connection.getresponse())
        finally:
            connection.close()

    def user(self, method, path, body=None, kind="application/json", **headers):
        """A request of the local user; waits when it was too fast (100 requests a minute)."""
        if isinstance(body, (dict, list)):
            body = json.dumps(body)
        sent = {"Content-Type": kind, **{k.replace("_", "-"): v for k, v in headers.items()}}

        def in_time():
            sent["Authorization"] = f"Bearer {self.user_token()}"
            answer = self.ask("user", method, path, body, sent)
            return answer if answer.status != 429 else None

        return until(in_time, 120, 1)

    def internal(self, route, body=None, method="POST", timeout=30):
        """A request with the worker token; a body is sent as JSON, bytes as they are."""
        sent = body if isinstance(body, (bytes, type(None))) else json.dumps(body).encode()
        headers = {"X-Trace-Worker-Token": self.worker_token, "Content-Type": "application/json"}
        return self.ask("internal", method, f"/internal/{route}", sent, headers, timeout)

    # The wire's words -----------------------------------------------------------------------

    def claim(self, worker="hand", **members):
        """The entries of a claim."""
        answer = self.internal("task-claim", {"worker_id": worker, **members})
        assert answer.status == 200, answer
        return answer.body["results"]

    def claim_one(self, task_id, worker="hand"):
        [entry] = self.claim(worker, task_ids=[task_id])
        return entry

    def batch(self, route, member, items):
        answer = self.internal(route, {member: items})
        assert answer.status == 200, answer
        return answer.body["results"]

    def complete(self, fence, outcome="success", **more):
        [entry] = self.batch(
            "task-complete", "completions", [{**fence, "outcome": outcome, **more}]
        )
        return entry

    def heartbeat(self, fence):
        [entry] = self.batch("heartbeat", "heartbeats", [fence])
        return entry

    def emit(self, fence, events, **more):
        return self.internal("events", {**fence, "events": events, **more})

    # DAGs -----------------------------------------------------------------------------------

    def deploy(self, text, options="", status=201):
        name = re.search(r"(?m)^name: (\S+)$", text).group(1)
        path = f"/v1/dags/{name}/versions{options}"
        answer = self.user("POST", path, text, kind="application/yaml")
        assert answer.status == status, answer
        if status in (200, 201) and "activate=none" not in options:
            until(lambda: self.user("GET", f"/v1/dags/{name}").status == 200)
        return answer.body

    def run_job(self, dag, job="go", key=None, **scope):
        headers = {"Idempotency_Key": key} if key else {}
        answer = self.user("POST", f"/v1/dags/{dag}/jobs/{job}/runs", scope, **headers)
        assert answer.status == 202, answer
        return answer.body

    def tasks(self, dag, job, columns="task_id, state, attempt"):
        """Columns of the job's tasks in the order of their making."""
        return self.query(
            f"SELECT {columns} FROM tasks t JOIN dag_version_builds b USING (build_id)"
            " JOIN dag_versions v ON v.dag_version_id = b.dag_version_id"
            f" WHERE v.dag_name = '{dag}' AND b.job_name = '{job}'"
            " ORDER BY t.created_at, t.task_id"
        )

    def task_of(self, dag, job, event_id):
        """The task that an event became at a job."""
        [[task_id]] = until(
            lambda: self.query(
                "SELECT DISTINCT t.task_id FROM tasks t JOIN dag_version_builds b USING (build_id)"
                f" WHERE b.job_name = '{job}' AND t.trigger_event_id = '{event_id}'"
            )
        )
        return task_id

    def source_by_hand(self, dag):
        """Claims the one run of a DAG's source by hand; gives its fence."""
        [[task_id]] = until(
            lambda: self.query(
                "SELECT task_id FROM tasks t JOIN dag_versions v USING (dag_version_id)"
                f" WHERE v.dag_name = '{dag}' AND t.kind = 'source_run'"
            )
        )
        return fence_of(self.claim_one(task_id))

    def feed(self, dag, count):
        """Tasks of a DAG's jobs, `count` each: so many events of its source, which is by hand."""
        fence = self.source_by_hand(dag)
        for first in range(0, count, 1000):
            events = [{"output": 0, "cursor": n} for n in range(first, min(first + 1000, count))]
            answer = self.emit(fence, events)
            assert answer.status == 200, answer
        return fence

    def due_now(self, task_id):
        """Ends a wait for a retry, which is 15 to 45 s long."""
        self.query(
            "UPDATE tasks SET next_retry_at = clock_timestamp()"
            f" WHERE task_id = '{task_id}' AND state = 'retry_wait'"
        )

    def hurry(self):
        """Ends all waits for a retry."""
        self.query(
            "UPDATE tasks SET next_retry_at = clock_timestamp() WHERE state = 'retry_wait'"
        )

    def settled(self, dag, seconds=60):
        """Waits until no task of a DAG is open."""
        until(
            lambda: (
                self.number(
                    "SELECT count(*) FROM tasks t JOIN dag_versions v USING (dag_version_id)"
                    f" WHERE v.dag_name = '{dag}' AND t.kind <> 'source_run'"
                    " AND t.state IN ('queued', 'running', 'retry_wait')"
                )
                == 0
            ),
            seconds,
        )


def fence_of(entry):
    """What the executor of a claimed task shows: of an entry of a claim."""
    assert "result" in entry, entry
    return {
        "task_id": entry["task_id"],
        "attempt": entry["attempt"],
        "lease_token": entry["result"]["lease_token"],
    }


def code_of(entry):
    return entry["problem"]["code"] if "problem" in entry else "done"


def any_id():
    return str(uuid.uuid4())


def words_of(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")
    except OSError:
        return []


def children_of(pid):
    """The processes that a process started."""
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            parent = (entry / "stat").read_text().rsplit(")", 1)[1].split()[1]
        except OSError:
            continue
        if int(parent) == pid:
            found.append(int(entry.name))
    return found


MANUAL = """\
  - name: {source}
    activation: source
    runtime: dispatcher
    operator: trigger_manual
    outputs: 1
    source: {{ kind: manual }}
"""

# Its one run is claimed, and its events are emitted, by the test.
BY_HAND = """\
  - name: {source}
    activation: source
    runtime: ecs_platform
    operator: hand_source
    outputs: 1
    source: {{ kind: always_on }}
    heartbeat_timeout_seconds: 3600
"""

JOB = """\
  - name: {job}
    activation: reactive
    runtime: {runtime}
    operator: {operator}
    outputs: 1
    inputs: [{{ from: {{ job: {of}, output: 0 }} }}]
    execution_strategy: {strategy}
    update_strategy: {update}
"""


def dag(name, *jobs, defaults=None, publish=None, source=MANUAL):
    """A DAG file of a source `go` and jobs: each a mapping of `job`, and of what is not the default
    of the rest; `extra` are further lines of it."""
    text = f"name: {name}\n"
    if defaults:
        text += "defaults:\n" + "".join(f"  {key}: {value}\n" for key, value in defaults.items())
    text += "jobs:\n" + source.format(source="go")
    for job in jobs:
        usual = {
            "runtime": "ecs_platform",
            "operator": "hand",
            "of": "go",
            "strategy": "PerUpdate",
            "update": "replace",
        }
        text += JOB.format(**{**usual, **job})
        text += "".join(f"    {line}\n" for line in job.get("extra", ()))
    if publish:
        text += "publish:\n" + "".join(
            f"  {dataset}: {{ from: {{ job: {job}, output: 0 }}{more} }}\n"
            for dataset, (job, more) in publish.items()
        )
    return text


@functools.cache
def expected_market():
    return json.loads((EXAMPLES / "market" / "expected.json").read_text())
