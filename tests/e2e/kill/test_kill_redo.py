# SPDX-License-Identifier: Apache-2.0
"""Hotfix and rollback by the real command line (contract section 3.16); kill -9 at the points of
both: whatever the moment, the same command again ends where an undisturbed run ends."""

import json
import subprocess
import threading

import grpc
import pytest

from graphs import layered_graph
from test_kill import KILLED, query, submit
from test_kill_gc import locked
from test_kill_loops import wait_until
from test_kill_weights import set_weight, weights_told
from weir_server import binary

SENTINEL = "killed-sentinel"
NODES = 4

# What is done, in order; a letter is a hotfix with that graph. Each rollback but the second takes
# something back.
STEPS = ("a", "b", "rollback", "rollback", "c", "rollback", "d", "rollback")
VERSIONS = ("v1-hotfix", "v1-hotfix.2", "v1-hotfix", "v1-hotfix", "v1-hotfix.3", "v1-hotfix",
            "v1-hotfix.4", "v1-hotfix")
WEIGHTS = [("v1", 0.5), ("v1-hotfix", 0.5), ("v1-hotfix.2", 0.5), ("v1-hotfix", 0.5),
           ("v1-hotfix.3", 0.5), ("v1-hotfix", 0.5), ("v1-hotfix.4", 0.5), ("v1-hotfix", 0.5)]

# Points that every hotfix passes, and every rollback; how often before the first of STEPS.
HOTFIX_LABELS = (
    ("diff.decided", 1), ("store.after_reserve", 1), ("topics.after_create", 1),
    ("diff.provisioned", 1), ("store.before_commit", 1), ("store.in_commit", 1),
    ("store.after_commit", 1), ("diff.committed", 1))
ROLLBACK_LABELS = (("rollback.before_commit", 0), ("rollback.after_commit", 0))
BOTH_LABELS = (("redo.planned", 0), ("redo.done", 0))


@pytest.fixture(scope="module", name="files")
def made_files(tmp_path_factory):
    """The graph of each letter, and of the first submission."""
    folder = tmp_path_factory.mktemp("graphs")
    first = layered_graph(NODES)
    first.meta["version"] = "v1"
    first.nodes.append({"node_id": SENTINEL, "node_type": "VersionSentinel", "weight": 0.5})
    files = {"first": first}
    for letter in "abcd":
        path = folder / f"{letter}.json"
        path.write_text(layered_graph(NODES).to_json())
        files[letter] = path
    return files


def redo(server, *words):
    return subprocess.run(
        [binary(), "-o", "json", "dagmanager", "redo-diff", "--sentinel", SENTINEL, "--target",
         server.target, *map(str, words)],
        capture_output=True, text=True, timeout=60, check=False)


def take_step(server, files, step):
    words = ["--rollback"] if step == "rollback" else ["--file", files[step]]
    return redo(server, *words)


def submit_first(server, files):
    outcome = submit(server, files["first"])
    assert outcome.code == grpc.StatusCode.OK, outcome.details
    return outcome.queue_map


def answers_of(server, files, steps=STEPS):
    answers = []
    for step in steps:
        done = take_step(server, files, step)
        assert done.returncode == 0, done.stderr
        answers.append(json.loads(done.stdout))
    return answers


@pytest.fixture(scope="module", name="undisturbed")
def undisturbed_answers(start_server, files):
    """What every step is answered where nothing happens, in memory."""
    server = start_server("memory")
    submit_first(server, files)
    answers = answers_of(server, files)
    assert weights_told(server, len(WEIGHTS)) == WEIGHTS
    server.stop()
    return answers


def test_a_hotfix_and_its_rollback(start_server, files, undisturbed):
    assert [answer["version"] for answer in undisturbed] == list(VERSIONS)
    assert {answer["sentinel_id"] for answer in undisturbed} == {SENTINEL}
    assert all(len(answer["queue_map"]) == NODES for answer in undisturbed)
    assert all(topic.endswith("_v1-hotfix") for topic in undisturbed[0]["queue_map"].values())
    for back in (2, 3, 5, 7):
        assert undisturbed[back] == undisturbed[0], "the first hotfix is what they return to"
    server = start_server("postgres")
    assert submit_first(server, files)
    assert answers_of(server, files) == undisturbed
    assert weights_told(server, len(WEIGHTS)) == WEIGHTS
    metrics = server.get("/metrics")[1].decode()
    assert 'dagmanager_active_version_weight{version="v1-hotfix"} 0.5' in metrics
    assert 'dagmanager_active_version_weight{version="v1-hotfix.4"} 0' in metrics
    stored = redo(server)  # neither file nor --rollback
    assert json.loads(stored.stdout) == undisturbed[0]
    server.stop()


@pytest.mark.parametrize("store", ("memory", "postgres"))
def test_each_fault_has_its_word(start_server, files, store):
    server = start_server(store)
    for words in (("--rollback",), ("--file", files["a"]), ()):
        unknown = redo(server, *words)
        assert unknown.returncode == 1
        assert " unknown_sentinel: " in unknown.stderr
    first = submit_first(server, files)
    alone = redo(server, "--rollback")
    assert alone.returncode == 1
    assert " no_predecessor: " in alone.stderr
    assert json.loads(redo(server).stdout)["queue_map"] == first
    elsewhere = redo(server, "--world", "w2")
    assert " unknown_sentinel: " in elsewhere.stderr
    assert json.loads(redo(server, "--world", "w1").stdout)["queue_map"] == first
    assert redo(server, "--rollback", "--file", files["a"]).returncode == 2
    missing = redo(server, "--file", files["a"].parent / "nothing.json")
    assert missing.returncode == 1
    assert missing.stderr.startswith("Failed to read file ")
    broken = files["a"].parent / "broken.json"
    broken.write_text("{")
    assert " dag_not_json: " in redo(server, "--file", broken).stderr
    server.stop()


def test_the_same_hotfix_again_is_the_same_version(start_server, files):
    server = start_server("memory")
    submit_first(server, files)
    first, again = answers_of(server, files, ("a", "a"))
    assert again == first
    assert set_weight(server, 0.25).returncode == 0
    assert answers_of(server, files, ("a",)) == [first]
    assert weights_told(server, 3) == WEIGHTS[:2] + [("v1-hotfix", 0.25)]
    server.stop()


def kill_cases():
    for labels, times in ((HOTFIX_LABELS, 3), (ROLLBACK_LABELS, 3), (BOTH_LABELS, 4)):
        for label, before in labels:
            for time in range(1, times + 1):
                yield label, before + time


@pytest.mark.parametrize(("label", "passing"), kill_cases())
def test_the_same_command_after_a_kill_ends_where_an_undisturbed_run_ends(
        start_server, monkeypatch, files, undisturbed, label, passing):
    monkeypatch.setenv("WEIR_CRASH_AT", f"{label}:{passing}")
    server = start_server("postgres")
    dsn = server.settings["graph_dsn"]
    submit_first(server, files)
    answers = []
    for step in STEPS:
        done = take_step(server, files, step)
        if done.returncode != 0:
            assert server.process.wait(10) == KILLED, done.stderr
            monkeypatch.delenv("WEIR_CRASH_AT")
            server.start()
            done = take_step(server, files, step)
            assert done.returncode == 0, done.stderr
        answers.append(json.loads(done.stdout))
    assert answers == undisturbed
    assert weights_told(server, len(WEIGHTS)) == WEIGHTS
    assert query(dsn, "SELECT version, traffic_weight FROM weir_dagmanager.sentinel"
                      " ORDER BY version COLLATE \"C\"") == [
        ["v1", "0"], ["v1-hotfix", "0.5"], ["v1-hotfix.2", "0"], ["v1-hotfix.3", "0"],
        ["v1-hotfix.4", "0"]]
    assert query(dsn, "SELECT version, taken_back_at IS NOT NULL FROM weir_dagmanager.deploy"
                      " ORDER BY version COLLATE \"C\"") == [
        ["v1", "f"], ["v1-hotfix", "f"], ["v1-hotfix.2", "t"], ["v1-hotfix.3", "t"],
        ["v1-hotfix.4", "t"]]
    assert query(dsn, "SELECT action, count(*) FROM weir_dagmanager.audit GROUP BY 1 ORDER BY 1") \
        == [["diff", "1"], ["hotfix", "8"], ["rollback", "9"]]
    assert query(dsn, "SELECT topic FROM weir_dagmanager.queue WHERE state = 'intent'") == []
    server.stop()


def counted(server, name):
    for line in server.get("/metrics")[1].decode().splitlines():
        if line.startswith(name + " "):
            return float(line.split()[1])
    return 0


def test_a_hotfix_counts_as_a_diff_and_a_rollback_does_not(start_server, files, tmp_path):
    server = start_server("memory")
    submit_first(server, files)
    names = ("diff_requests_total", "diff_duration_ms_count", "diff_failures_total")
    rises = []
    nonsense = tmp_path / "nonsense.json"
    nonsense.write_text("{}")
    for words in (["--file", files["a"]], ["--rollback"], ["--file", nonsense]):
        before = [counted(server, name) for name in names]
        redo(server, *words)
        rises.append([counted(server, name) - old for name, old in zip(names, before)])
    assert rises == [[1, 1, 0], [0, 0, 0], [1, 0, 1]]
    server.stop()


@pytest.mark.parametrize("step, table, version", (
    ("hotfix", "weir_topics.topic_registry", "v1-hotfix"),
    ("rollback", "weir_dagmanager.audit", "v1")))
def test_a_step_under_way_ends_before_the_server_does(start_server, files, step, table, version):
    server = start_server("postgres")
    submit_first(server, files)
    words = ["--file", files["a"]]
    if step == "rollback":
        assert redo(server, *words).returncode == 0
        words = ["--rollback"]
    dsn = server.settings["graph_dsn"]
    waiting = ("SELECT count(*) FROM pg_locks WHERE NOT granted"
               f" AND relation = '{table}'::regclass")
    with locked(dsn, table):
        answers = []
        caller = threading.Thread(target=lambda: answers.append(redo(server, *words)))
        caller.start()
        wait_until(lambda: query(dsn, waiting) != [["0"]], 30)
        server.process.terminate()
        wait_until(lambda: "draining" in server.log.read_text(), 30)
        with pytest.raises(subprocess.TimeoutExpired):  # longer than a call beside the drain has
            server.process.wait(2)
    caller.join()
    assert answers[0].returncode == 0, answers[0].stderr
    assert json.loads(answers[0].stdout)["version"] == version
    assert server.process.wait(60) == 0
