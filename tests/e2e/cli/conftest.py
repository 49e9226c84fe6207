# SPDX-License-Identifier: Apache-2.0
"""What the tests of the command line share: the built binary, and servers to talk to."""

import json
import os
import pathlib
import signal
import subprocess
import tempfile
import threading

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[3]
STRATEGIES = ROOT / "examples" / "strategies"
SECONDS_MAX = 120


def binary():
    return os.environ.get("WEIR_BINARY") or str(ROOT / "build" / "dev" / "bin" / "weir")


def environment(extra=None):
    """The caller's environment without what would turn the program elsewhere."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("QMTL__") and name not in ("WEIR_TARGET", "WEIR_STATE_DIR")
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


def ok(*words, **options):
    """The standard output of a run that must succeed."""
    done = run(*words, **options)
    assert done.returncode == 0, f"{words}: {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def ok_json(*words, **options):
    """The one JSON line of a run that must succeed."""
    lines = ok(*words, "-o", "json", **options).splitlines()
    assert len(lines) == 1, lines
    return json.loads(lines[0])


def serving_line(process, lines=None):
    """What a server logs once it serves. Its loops start beside its doors, so that lines of theirs
    may stand before it; all that were read are appended to `lines`."""
    read = [] if lines is None else lines
    for line in process.stderr:
        read.append(line)
        event = json.loads(line)
        if event["msg"] == "serving":
            return event
    raise AssertionError("ended before it served:\n" + "".join(read))


class Server:
    """`weir dagmanager server` on free ports, its store in memory."""

    def __init__(self, folder, settings=None):
        config = folder / "server.yml"
        keys = {"grpc_port": 0, "http_port": 0, **(settings or {})}
        config.write_text("dagmanager:\n" + "".join(f"  {k}: {v}\n" for k, v in keys.items()))
        self.process = subprocess.Popen(
            [binary(), "dagmanager", "server", "--config", str(config)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            env=environment(),
        )
        self.lines = []
        serving = serving_line(self.process, self.lines)
        self.target, self.http = serving["grpc"], serving["http"]
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        for line in self.process.stderr:
            self.lines.append(line)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(SECONDS_MAX)
        self._reader.join(SECONDS_MAX)
        return code


@pytest.fixture
def server(tmp_path):
    running = Server(tmp_path)
    yield running
    assert running.stop() == 0, "".join(running.lines)


@pytest.fixture(scope="module")
def state_dir():
    """A folder that PostgreSQL's own user can reach, which pytest's are not. One for all tests,
    each of which ends its `weir up`: making a database is most of a first start."""
    with tempfile.TemporaryDirectory(prefix="weir-up-") as folder:
        os.chmod(folder, 0o755)
        yield pathlib.Path(folder) / "state"
