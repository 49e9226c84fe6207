# SPDX-License-Identifier: Apache-2.0
"""promote: lint, backtests, a deploy at weight 0, a rollout with the evidence (contract section
3.23); each exit code, what hooks may get wrong, and the same command again."""

import json
import os
import subprocess
import threading
import time

import pytest
from conftest import STRATEGIES, Server, binary, environment, ok, run

BLEND = STRATEGIES / "multi_signal_blend.json"
LIVE = ("--strategy", "blend", "--world", "w1", "--domain", "live")
SENTINEL = "blend-sentinel"
NOBODY = "127.0.0.1:1"
RUNS_MIN = 3
WAIT_MAX = 60

# Leaves a report of $1 runs, and a line a call in the file `calls`.
PASSING = """#!/bin/sh
echo "$WEIR_NODE_SET" >> {folder}/calls
cp "$WEIR_DAG_FILE" {folder}/seen.json
{{
  printf '{{"runs":['
  for year in 2016 2017 2018; do
    [ "$year" = 2016 ] || printf ','
    printf '{{"name":"year %s","passed":true,"detail":"sharpe 1.1"}}' "$year"
  done
  printf ']}}'
}} > "$WEIR_REPORT"
"""


def wait_until(holds):
    deadline = time.monotonic() + WAIT_MAX
    pause = threading.Event()
    while not holds():
        assert time.monotonic() < deadline, "it did not come about"
        pause.wait(0.05)


class Gate:
    """A graph, a hook and the file that names it."""

    def __init__(self, folder, target):
        self.folder, self.target = folder, target
        self.hook(PASSING.format(folder=folder))

    def hook(self, script, timeout=60):
        program = self.folder / "hook"
        program.write_text(script)
        program.chmod(0o755)
        self.config = self.folder / "gate.yml"
        self.config.write_text(f"dagmanager:\n  gate:\n    backtest_command: ['{program}']\n"
                               f"    backtests_min: {RUNS_MIN}\n"
                               f"    backtest_timeout_seconds: {timeout}\n")

    def graph(self, version="v2", edit=None):
        graph = json.loads(BLEND.read_text())
        graph["meta"] = {"version": version}
        if edit:
            edit(graph)
        path = self.folder / f"{version}.json"
        path.write_text(json.dumps(graph))
        return path

    def words(self, path, *flags):
        return ("dagmanager", "promote", "--file", path, "--config", self.config, "-o", "json",
                "--target", self.target, *LIVE, *flags)

    def promote(self, path, *flags, **options):
        return run(*self.words(path, *flags), **options)

    def calls(self):
        file = self.folder / "calls"
        return file.read_text().splitlines() if file.exists() else []

    def is_new(self, path):
        """Whether nothing of the graph is stored."""
        done = run("dagmanager", "diff", "--file", path, "--target", self.target, *LIVE, "-o",
                   "json")
        assert done.returncode == 0, done.stderr
        return {row["decision"] for row in json.loads(done.stdout)["plan"]} == {"new"}

    def canary(self, *words):
        return run("dagmanager", "canary", *words, "--target", self.target, "-o", "json")

    def rollouts(self):
        listed = self.canary("list")
        assert listed.returncode == 0, listed.stderr
        return [json.loads(line) for line in listed.stdout.splitlines()]


@pytest.fixture(name="judging")
def judging_server(tmp_path):
    """A server that judges often, and wants evidence."""
    running = Server(tmp_path, {"canary": "{interval_seconds: 0.2}",
                                "gate": f"{{required: true, backtests_min: {RUNS_MIN}}}"})
    yield running
    assert running.stop() == 0, "".join(running.lines)


@pytest.fixture(name="gate")
def make_gate(tmp_path, judging):
    return Gate(tmp_path, judging.target)


def weights_told(judging):
    """The shares that readers of events were told, in order."""
    done = subprocess.run(
        [binary(), "dagmanager", "events", "--after", "0", "--types", "sentinel_weight_updated",
         "--http", f"http://{judging.http}", "-o", "json"],
        capture_output=True, text=True, timeout=60, env=environment(), check=False)
    assert done.returncode == 0, done.stderr
    told = [json.loads(line)["data"] for line in done.stdout.splitlines()]
    return [(one["sentinel_version"], one["weight"]) for one in told]


def test_versions_go_up_one_after_the_other(gate, judging):
    first = gate.promote(gate.graph("v1"), "--steps", "1", "--wait")
    assert first.returncode == 0, first.stderr
    rollout = json.loads(first.stdout)
    assert (rollout["state"], rollout["version"], rollout["baseline_version"]) == ("done", "v1", "")

    def weighs_all(graph):
        graph["meta"]["weight"] = 1
        graph["nodes"].append({"node_id": SENTINEL, "node_type": "VersionSentinel",
                               "traffic_weight": 0.7})

    second = gate.promote(gate.graph("v2", weighs_all), "--steps", "0.5:0s,1", "--wait")
    assert second.returncode == 0, second.stderr
    rollout = json.loads(second.stdout)
    assert (rollout["state"], rollout["sentinel_id"], rollout["version"]) == (
        "done", SENTINEL, "v2")
    assert rollout["baseline_version"] == "v1"
    wait_until(lambda: len(weights_told(judging)) >= 5)  # a relay is a moment behind
    assert weights_told(judging) == [("v1", 0), ("v1", 1), ("v2", 0), ("v2", 0.5), ("v2", 1)]
    # Standard output holds the rollout alone; all that went on before it is on the other.
    for line in ("lint: ", "backtests: 3 passed", "submitted version v2 of blend-sentinel in world "
                 "w1 at weight 0", " has begun"):
        assert line in second.stderr


def test_the_hook_gets_the_graph_that_is_submitted(gate):
    path = gate.graph("v1")
    assert gate.promote(path, "--steps", "0.1:1h,1").returncode == 0
    seen = json.loads((gate.folder / "seen.json").read_text())
    assert seen["nodes"][:-1] == json.loads(path.read_text())["nodes"]
    assert seen["nodes"][-1] == {"node_id": SENTINEL, "node_type": "VersionSentinel", "weight": 0}
    [node_set] = gate.calls()
    assert len(node_set) == 64


def test_an_error_of_lint_is_3_and_nothing_happens(gate):
    good = gate.graph("v1")

    def wrong_id(graph):
        graph["nodes"][0]["node_id"] = "blake3:00"

    done = gate.promote(gate.graph("v2", wrong_id))
    assert (done.returncode, done.stdout) == (3, "")
    assert "L06" in done.stderr
    assert gate.calls() == []
    assert gate.is_new(good)


REPORTS = {
    "fails": "exit 1",
    "leaves no report": 'rm "$WEIR_REPORT"',
    "leaves half a report": "printf '{\"runs\":[' > \"$WEIR_REPORT\"",
    "has a run that did not pass": "sed -i '0,/true/s//false/' \"$WEIR_REPORT\"",
    "calls two runs alike": "sed -i 's/year 2017/year 2016/' \"$WEIR_REPORT\"",
    "is killed": "kill -9 $$",
}


@pytest.mark.parametrize("ending", REPORTS.values(), ids=REPORTS)
def test_backtests_that_do_not_pass_are_4_and_nothing_happens(gate, ending):
    gate.hook(PASSING.format(folder=gate.folder) + ending + "\n")
    path = gate.graph("v1")
    done = gate.promote(path)
    assert (done.returncode, done.stdout) == (4, ""), done.stderr
    assert len(gate.calls()) == 1
    assert gate.is_new(path)
    assert gate.rollouts() == []


def test_a_hook_that_hangs_is_ended_with_all_it_started(gate):
    fifo = gate.folder / "alive"
    os.mkfifo(fifo)
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    gate.hook(f"#!/bin/sh\ntrap '' TERM\nexec 5>{fifo}\necho up >&5\n"
              "sleep 1000 &\nsleep 1000\n", timeout=1)
    path = gate.graph("v1")
    done = gate.promote(path)
    assert (done.returncode, done.stdout) == (4, "")
    assert "gate.backtest_timeout_seconds" in done.stderr
    seen = b""
    os.set_blocking(reader, True)  # ends when nobody has the other end any more
    while piece := os.read(reader, 100):
        seen += piece
    assert seen == b"up\n"
    os.close(reader)
    assert gate.is_new(path)


def test_no_hook_is_4(gate):
    done = run("dagmanager", "promote", "--file", gate.graph("v1"), "--target", gate.target, *LIVE)
    assert done.returncode == 4
    assert "gate.backtest_command" in done.stderr


def test_a_rollout_that_goes_back_is_5(gate):
    process = subprocess.Popen(
        [binary(), *map(str, gate.words(gate.graph("v1"), "--steps", "0.1:1h,1", "--wait"))],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment())
    wait_until(gate.rollouts)
    [rollout] = gate.rollouts()
    assert gate.canary("abort", rollout["rollout_id"]).returncode == 0
    out, error = process.communicate(timeout=WAIT_MAX)
    assert process.returncode == 5, error
    assert json.loads(out)["state"] == "rolled_back"
    # It may be tried again: that is a rollout of its own.
    again = gate.promote(gate.graph("v1"), "--steps", "0.1:1h,1")
    assert again.returncode == 0, again.stderr
    assert json.loads(again.stdout)["rollout_id"] != rollout["rollout_id"]


def test_the_same_command_again_takes_up_what_it_began(gate):
    path = gate.graph("v1")
    words = (path, "--steps", "0.5:1h,1")
    first = gate.promote(*words)
    assert first.returncode == 0, first.stderr
    number = json.loads(first.stdout)["rollout_id"]
    again = gate.promote(*words)
    assert again.returncode == 0, again.stderr
    assert json.loads(again.stdout)["rollout_id"] == number
    assert len(gate.calls()) == 1, "backtests are not run again"
    assert gate.canary("advance", number).returncode == 0
    done = gate.promote(*words, "--wait")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["state"] == "done"
    # It is done, and stays so.
    last = gate.promote(*words)
    assert (last.returncode, json.loads(last.stdout)["state"]) == (0, "done")
    assert [one["rollout_id"] for one in gate.rollouts()] == [number]


def test_back_by_redo_diff_and_forth_again(gate, judging):
    for version in ("v1", "v2"):
        assert gate.promote(gate.graph(version), "--steps", "1", "--wait").returncode == 0
    back = run("dagmanager", "redo-diff", "--sentinel", SENTINEL, "--rollback", "--target",
               gate.target, "-o", "json")
    assert (back.returncode, json.loads(back.stdout)["version"]) == (0, "v1"), back.stderr
    again = gate.promote(gate.graph("v2"), "--steps", "1", "--wait")
    assert again.returncode == 0, again.stderr
    rollout = json.loads(again.stdout)
    assert (rollout["state"], rollout["version"], rollout["baseline_version"]) == (
        "done", "v2", "v1")
    assert len(gate.rollouts()) == 3
    wait_until(lambda: len(weights_told(judging)) >= 6)
    assert weights_told(judging)[-2:] == [("v1", 1), ("v2", 1)]


def test_traffic_is_never_taken_from_a_version_that_has_it(gate, judging):
    path = gate.graph("v1")
    assert gate.promote(path, "--steps", "1", "--wait").returncode == 0
    wait_until(lambda: len(weights_told(judging)) == 2)

    def another_graph(graph):
        graph["nodes"].pop()

    done = gate.promote(gate.graph("v1", another_graph))
    assert (done.returncode, done.stdout) == (1, "")
    assert "has traffic already" in done.stderr
    assert len(gate.calls()) == 1
    # What is told next comes behind whatever that command would have told.
    ok("dagmanager", "weight", "--sentinel", SENTINEL, "--set", "0.9", "--target", gate.target)
    wait_until(lambda: len(weights_told(judging)) >= 3)
    assert weights_told(judging) == [("v1", 0), ("v1", 1), ("v1", 0.9)]


def test_what_else_goes_wrong_is_1_or_2(gate):
    path = gate.graph("v1")
    assert gate.promote(gate.folder / "none.json").returncode == 1
    away = Gate(gate.folder, NOBODY).promote(path)
    assert away.returncode == 1
    assert f"No DAG manager answers at {NOBODY}" in away.stderr
    safe = run("dagmanager", "promote", "--file", path, "--config", gate.config, "--target",
               gate.target)
    assert safe.returncode == 1
    assert "safe mode" in safe.stderr
    unknown = gate.promote(path, "--baseline", "nobody-sentinel")
    assert unknown.returncode == 1
    assert " unknown_sentinel: " in unknown.stderr
    assert gate.promote(path, "--steps", "a lot").returncode == 2
    gate.config.write_text("dagmanager:\n  gate: {backtests_min: many}\n")
    assert gate.promote(path).returncode == 2


def test_a_rollout_needs_evidence_of_its_very_deploy(gate):
    path = gate.graph("v1")
    ok("dagmanager", "submit", "--file", gate.folder / "v1.json", "--target", gate.target, *LIVE)

    def waits(graph):
        graph["nodes"].append({"node_id": SENTINEL, "node_type": "VersionSentinel", "weight": 0})

    path = gate.graph("v1", waits)
    ok("dagmanager", "submit", "--file", path, "--target", gate.target, *LIVE)
    start = ("start", "--sentinel", SENTINEL, "--steps", "0.1:1h,1")
    refused = gate.canary(*start)
    assert refused.returncode == 1
    assert " gate_not_passed: " in refused.stderr
    # The node set is told to the hook; here a hook that fails is one that only tells it.
    gate.hook(PASSING.format(folder=gate.folder) + "exit 1\n")
    assert gate.promote(path).returncode == 4
    [node_set] = gate.calls()
    proof = {"node_set": node_set, "lint_errors": 0, "lint_warnings": 1,
             "backtests": [{"name": f"year {year}", "passed": True, "report_hash": "blake3:00"}
                           for year in (2016, 2017, 2018)]}
    evidence = gate.folder / "evidence.json"

    def begin(**changes):
        evidence.write_text(json.dumps({**proof, **changes}))
        return gate.canary(*start, "--evidence", evidence)

    failed = [*proof["backtests"], {"name": "x", "passed": False}]
    for changes in ({"node_set": "0" * 64}, {"lint_errors": 1}, {"backtests": failed},
                    {"backtests": proof["backtests"][1:]}):
        done = begin(**changes)
        assert done.returncode == 1
        assert " gate_not_passed: " in done.stderr, changes
    started = begin()
    assert started.returncode == 0, started.stderr
    assert json.loads(started.stdout)["state"] == "running"
    evidence.write_text("[]")
    assert gate.canary(*start, "--evidence", evidence).returncode == 1
