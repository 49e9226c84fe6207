# SPDX-License-Identifier: Apache-2.0
"""kill -9 of `promote` at each step (contract section 3.23): it leaves nothing, or a deploy at
weight 0, or a rollout that goes on; the same command again does what is left."""

import json
import os
import signal
import subprocess

import pytest

from graphs import layered_graph
from test_kill import KILLED, query
from test_kill_loops import wait_until
from weir_server import binary

HOOK = """#!/bin/sh
echo ran >> {folder}/calls
printf '{{"runs":[{{"name":"a","passed":true}},{{"name":"b","passed":true}}]}}' > "$WEIR_REPORT"
"""
GATE = {"required": True, "backtests_min": 2}


class Gate:
    def __init__(self, server, folder, hook=HOOK):
        self.server, self.folder = server, folder
        self.dsn = server.settings["graph_dsn"]
        program = folder / "hook"
        program.write_text(hook.format(folder=folder))
        program.chmod(0o755)
        config = folder / "gate.yml"
        config.write_text(f"dagmanager:\n  gate: {{backtest_command: ['{program}'], "
                          "backtests_min: 2}\n")
        graph = layered_graph(4)
        graph.meta["version"] = "v1"
        path = folder / "graph.json"
        path.write_text(graph.to_json())
        self.command = [binary(), "-o", "json", "dagmanager", "promote", "--file", str(path),
                        "--config", str(config), "--strategy", "s", "--world", "w1", "--domain",
                        "live", "--steps", "0.1:1h,1", "--target", server.target]

    def promote(self, crash_at=None):
        extra = {"WEIR_CRASH_AT": crash_at} if crash_at else {}
        return subprocess.run(self.command, capture_output=True, text=True, timeout=120,
                              env={**os.environ, **extra}, check=False)

    def calls(self):
        file = self.folder / "calls"
        return len(file.read_text().splitlines()) if file.exists() else 0

    def stored(self):
        """Deploys, weights of sentinels, and rollouts."""
        return (query(self.dsn, "SELECT count(*) FROM weir_dagmanager.deploy")[0][0],
                [row[0] for row in query(
                    self.dsn, "SELECT traffic_weight FROM weir_dagmanager.sentinel")],
                [row[0] for row in query(self.dsn, "SELECT state FROM weir_dagmanager.rollout")])


LEFT = {
    "promote.linted": ("0", [], []),
    "promote.tested": ("0", [], []),
    "promote.submitted": ("1", ["0"], []),
    "promote.started": ("1", ["0.1"], ["running"]),
}


@pytest.mark.parametrize("times", (1, 3))
@pytest.mark.parametrize("label", LEFT)
def test_a_promotion_that_is_killed_is_taken_up_again(start_server, tmp_path, label, times):
    server = start_server("postgres", gate=GATE)
    gate = Gate(server, tmp_path)
    for attempt in range(times):
        killed = gate.promote(f"{label}:1")
        # Once the rollout has begun, none is left to begin, nor to be killed behind.
        ends = 0 if label == "promote.started" and attempt > 0 else KILLED
        assert killed.returncode == ends, killed.stderr
        assert gate.stored() == LEFT[label]
    calls = gate.calls()
    again = gate.promote()
    assert again.returncode == 0, again.stderr
    assert json.loads(again.stdout)["state"] == "running"
    assert gate.stored() == LEFT["promote.started"]
    assert gate.calls() == calls + (label != "promote.started")
    [[evidence]] = query(gate.dsn, "SELECT evidence FROM weir_dagmanager.rollout")
    kept = json.loads(evidence)
    assert kept["lint_errors"] == 0
    assert [run["name"] for run in kept["backtests"]] == ["a", "b"]
    assert kept["node_set"] == query(gate.dsn, "SELECT node_set FROM weir_dagmanager.deploy")[0][0]
    assert query(gate.dsn, "SELECT note, actor <> '' FROM weir_dagmanager.audit"
                           " WHERE action = 'rollout' AND to_weight = 0.1") == [
                               ["started, step 1 of 2", "t"]]
    server.stop()


@pytest.mark.parametrize("label", ("rollout.before_commit", "rollout.after_commit"))
def test_a_server_that_is_killed_as_it_begins_the_rollout(start_server, tmp_path, monkeypatch,
                                                          label):
    monkeypatch.setenv("WEIR_CRASH_AT", f"{label}:1")
    server = start_server("postgres", gate=GATE)
    gate = Gate(server, tmp_path)
    monkeypatch.delenv("WEIR_CRASH_AT")
    assert gate.promote().returncode == 1
    assert server.process.wait(30) == KILLED
    server.start()
    gate.command[-1] = server.target
    again = gate.promote()
    assert again.returncode == 0, again.stderr
    assert gate.stored() == LEFT["promote.started"]
    server.stop()


def test_a_server_that_is_away_is_waited_for(start_server, tmp_path):
    server = start_server("postgres", gate=GATE, canary={"interval_seconds": 0.2})
    gate = Gate(server, tmp_path)
    gate.command[gate.command.index("0.1:1h,1")] = "0.1:2s,1"
    process = subprocess.Popen([*gate.command, "--wait"], stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, text=True)
    wait_until(lambda: gate.stored()[2] == ["running"], 60)
    server.kill()
    server.start()
    out, error = process.communicate(timeout=120)
    assert process.returncode == 0, error
    assert json.loads(out)["state"] == "done"
    assert gate.stored() == ("1", ["1"], ["done"])
    server.stop()


def test_the_hook_ends_with_a_command_that_is_killed(start_server, tmp_path):
    server = start_server("postgres", gate=GATE)
    gate = Gate(server, tmp_path, hook="#!/bin/sh\nexec 5>{folder}/alive\necho up >&5\n"
                                       "exec sleep 1000\n")
    fifo = tmp_path / "alive"
    os.mkfifo(fifo)
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    process = subprocess.Popen(gate.command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    seen = bytearray()

    def is_up():
        try:
            seen.extend(os.read(reader, 100))
        except BlockingIOError:
            pass
        return seen == b"up\n"

    wait_until(is_up, 60)
    process.send_signal(signal.SIGKILL)
    process.wait(30)
    os.set_blocking(reader, True)
    assert os.read(reader, 100) == b"", "nobody has the other end any more"
    os.close(reader)
    assert gate.stored() == ("0", [], [])
    server.stop()
