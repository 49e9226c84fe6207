# SPDX-License-Identifier: Apache-2.0
"""What the tests of the task plane share: one `weir up`, and ways to ask it."""

import json
import os
import pathlib
import subprocess
import tempfile

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[3]
EXAMPLES = ROOT / "examples"
SECONDS_MAX = 120
FREE = ("--grpc-port", "0", "--http-port", "0", "--tasks-port", "0")
OURS = ("WEIR_TARGET", "WEIR_STATE_DIR", "WEIR_URL", "WEIR_TOKEN_FILE", "WEIR_HTTP")


def binary():
    return os.environ.get("WEIR_BINARY") or str(ROOT / "build" / "dev" / "bin" / "weir")


def environment(extra=None):
    """The caller's environment without what would turn the program elsewhere."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("QMTL__", "WEIR__")) and name not in OURS
    }
    return {**kept, **(extra or {})}


def run(*words, env=None, cwd=None, stdin=None):
    """Runs `weir WORDS` to its end; gives the finished process with texts."""
    return subprocess.run(
        [binary(), *map(str, words)],
        capture_output=True,
        text=True,
        timeout=SECONDS_MAX,
        env=environment(env),
        cwd=cwd,
        input=stdin,
        check=False,
    )


class Plane:
    """A `weir up` with the task plane, its folder made for it alone."""

    def __init__(self, state_dir, *flags):
        self.state_dir = pathlib.Path(state_dir)
        words = ("up", "--detach", "--state-dir", state_dir, *FREE, *flags, "-o", "json")
        done = run(*words, cwd=ROOT)
        assert done.returncode == 0, done.stderr
        self.note = json.loads(done.stdout)
        self.url = self.note["tasks"]
        self.token_file = self.state_dir / "keys" / "user.token"

    def run(self, *words, **options):
        env = {"WEIR_STATE_DIR": str(self.state_dir), **options.pop("env", {})}
        return run(*words, env=env, **options)

    def ok(self, *words, **options):
        done = self.run(*words, **options)
        assert done.returncode == 0, f"{words}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def json(self, *words, **options):
        """The one JSON document of a run that must succeed."""
        return json.loads(self.ok(*words, "-o", "json", **options))

    def stop(self):
        done = run("down", "--state-dir", self.state_dir)
        assert done.returncode == 0, done.stderr

    def log(self, role):
        return (self.state_dir / f"{role}.log").read_text()


@pytest.fixture(scope="module")
def plane():
    """One for all tests of a file; PostgreSQL's own user must reach its folder. At the end every
    invariant of the database holds."""
    with tempfile.TemporaryDirectory(prefix="weir-tasks-") as folder:
        os.chmod(folder, 0o755)
        running = Plane(
            pathlib.Path(folder) / "state",
            "--ingest-root",
            f"market={EXAMPLES / 'market'}",
            "--operators",
            EXAMPLES / "operators" / "operators.json",
        )
        try:
            yield running
            checked = running.run("check")
            assert checked.returncode == 0, checked.stdout + checked.stderr
        finally:
            running.stop()


SMALL = """\
name: {name}
jobs:
  - name: go
    activation: source
    runtime: dispatcher
    operator: trigger_manual
    outputs: 1
    source: {{ kind: manual }}
  - name: step
    activation: reactive
    runtime: dispatcher
    operator: noop
    outputs: 1
    inputs:
      - from: {{ job: go, output: 0 }}
    execution_strategy: PerUpdate
    update_strategy: replace
publish:
  {name}_steps:
    from: {{ job: step, output: 0 }}
"""


@pytest.fixture
def small(tmp_path):
    """Writes a DAG of two jobs under a name."""

    def write(name):
        path = tmp_path / f"{name}.yaml"
        path.write_text(SMALL.format(name=name))
        return path

    return write
