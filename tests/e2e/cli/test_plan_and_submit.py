# SPDX-License-Identifier: Apache-2.0
"""diff, submit, explain and queue-stats against a running server."""

import base64
import json

import pytest
from conftest import STRATEGIES, Server, ok, ok_json, run

FACTOR = STRATEGIES / "factor-1000.json"
ONE_EDIT = STRATEGIES / "factor-1000-one-edit.json"
SMALL = STRATEGIES / "multi_indicator.json"
LIVE = ("--world", "w1", "--domain", "live")
SPELLINGS = (("dagmanager",), ("service", "dagmanager"))


def decisions(answer):
    return [row["decision"] for row in answer["plan"]]


@pytest.mark.parametrize("spelling", SPELLINGS, ids=" ".join)
def test_diff_changes_nothing_and_submit_commits(server, spelling):
    flags = ("--file", SMALL, "--target", server.target, *LIVE)
    planned = ok_json(*spelling, "diff", *flags)
    assert list(planned) == ["queue_map", "sentinel_id", "version", "plan", "warnings"]
    assert set(decisions(planned)) == {"new"}
    assert ok_json(*spelling, "diff", *flags, "--dry-run") == planned
    submitted = ok_json(*spelling, "submit", *flags)
    assert submitted["queue_map"] == planned["queue_map"]
    assert submitted["sentinel_id"] == "cli-sentinel"
    assert submitted["plan"] == planned["plan"]
    again = ok_json(*spelling, "submit", *flags)
    assert set(decisions(again)) == {"reuse"}
    assert again["queue_map"] == submitted["queue_map"]


def test_one_edit_is_ten_new_nodes(server):
    flags = ("--target", server.target, *LIVE)
    first = ok("dagmanager", "submit", "--file", FACTOR, *flags)
    assert first.endswith("\nSubmitted: 1000 new, 0 reused, 0 buffered.\n")
    plan = ok("dagmanager", "diff", "--file", ONE_EDIT, *flags)
    assert plan.endswith("\nPlan: 10 new, 990 reused, 0 buffered.\n")
    assert "SYM07_z_mom" in plan
    assert "= reused   990 nodes" in plan
    assert "\x1b" not in plan
    verbose = ok("dagmanager", "diff", "--file", ONE_EDIT, "--verbose", *flags)
    assert verbose.count("\n  = reused ") == 990


def test_detailed_exitcode_tells_whether_anything_would_change(server):
    flags = ("--file", SMALL, "--target", server.target, "--detailed-exitcode")
    assert run("dagmanager", "diff", *flags).returncode == 3
    assert run("dagmanager", "submit", *flags).returncode == 3
    assert run("dagmanager", "diff", *flags).returncode == 0
    assert run("dagmanager", "submit", *flags).returncode == 0


def test_offline_plan_is_the_one_of_an_empty_server(server):
    online = ok_json("dagmanager", "diff", "--file", FACTOR, "--target", server.target, *LIVE)
    offline = ok_json("dagmanager", "diff", "--file", FACTOR, "--offline", *LIVE)
    assert offline == online


def test_a_graph_is_taken_from_standard_input_and_as_base64(server):
    target = ("--target", server.target)
    plain = ok_json("dagmanager", "diff", "--file", SMALL, *target)
    text = SMALL.read_text()
    assert ok_json("dagmanager", "diff", "--file", "-", *target, stdin=text) == plain
    coded = base64.b64encode(text.encode()).decode()
    assert ok_json("dagmanager", "diff", "--file", "-", *target, stdin=coded) == plain


def test_the_target_may_come_from_the_environment(server):
    env = {"WEIR_TARGET": server.target}
    assert ok_json("dagmanager", "diff", "--file", SMALL, env=env)["sentinel_id"] == "cli-sentinel"


def test_context_flags_reach_the_server(server):
    flags = ("--file", SMALL, "--target", server.target, "--world", "w1", "--strategy", "s7")
    topics = ok_json("dagmanager", "diff", *flags, "--domain", "live")["queue_map"]
    assert all(topic.startswith("w1.live.") for topic in topics.values())
    base = ok_json("dagmanager", "diff", *flags, "--domain", "backtest", "--as-of", "2026-01-01")
    assert base["sentinel_id"] == "s7-sentinel"
    keys = set(base["queue_map"])
    for flag in (("--as-of", "2026-01-02"), ("--partition", "p1", "--as-of", "2026-01-01")):
        other = ok_json("dagmanager", "diff", *flags, "--domain", "backtest", *flag)
        assert keys.isdisjoint(other["queue_map"]), flag


def test_faults_of_a_graph_name_reason_pointer_and_file(server, tmp_path):
    graph = json.loads(SMALL.read_text())
    del graph["nodes"][1]["code_hash"]
    del graph["nodes"][2]["schema_hash"]
    bad = tmp_path / "bad.json"
    bad.write_text(json.dumps(graph))
    for command in ("diff", "submit"):
        done = run("dagmanager", command, "--file", bad, "--target", server.target)
        assert done.returncode == 1
        assert done.stdout == ""
        assert done.stderr.startswith("gRPC error: INVALID_ARGUMENT missing_field: ")
        assert "missing_field /nodes/1/code_hash: " in done.stderr
        assert "missing_field /nodes/2/schema_hash: " in done.stderr
        assert str(bad) in done.stderr
    offline = run("dagmanager", "diff", "--file", bad, "--offline")
    assert offline.returncode == 1
    assert offline.stderr.startswith(f"{bad}: missing_field: ")
    assert "/nodes/2/schema_hash" in offline.stderr


def test_a_file_that_is_not_there_is_named(server):
    done = run("dagmanager", "submit", "--file", "/nowhere.json", "--target", server.target)
    assert done.returncode == 1
    assert done.stderr == "Failed to read file /nowhere.json: No such file or directory\n"


def test_a_refused_reuse_is_shown_in_the_plan_and_refused_by_submit(tmp_path):
    blocking = Server(
        tmp_path, {"cross_context_policy": "block", "enable_topic_namespace": "false"}
    )
    flags = ("--file", SMALL, "--target", blocking.target, "--domain", "live")
    ok("dagmanager", "submit", *flags, "--world", "w1")
    plan = ok("dagmanager", "diff", *flags, "--world", "w2")
    assert "! refused" in plan
    assert plan.endswith("0 buffered, 4 refused.\n")
    done = run("dagmanager", "submit", *flags, "--world", "w2")
    assert done.returncode == 1
    assert done.stderr.startswith("gRPC error: FAILED_PRECONDITION cross_context: ")
    assert blocking.stop() == 0


def explained(*flags):
    lines = ok("dagmanager", "explain", *flags, "-o", "json").split("\n")
    return [json.loads(line) for line in lines[:-1]]


def test_explain_gives_the_same_result_against_file_and_store(server):
    ok("dagmanager", "submit", "--file", FACTOR, "--target", server.target, *LIVE)
    by_file = explained("--file", ONE_EDIT, "--against", FACTOR)
    by_store = explained("--file", ONE_EDIT, "--target", server.target, *LIVE)
    assert len(by_file) == len(by_store) == 1000
    for left, right in zip(by_file, by_store):
        assert right["state"] == ("bound" if right["verdict"] == "same" else "planned")
        assert right["topic"].startswith("w1.live.")
        assert right["compute_key"].startswith("blake3:")
        told = ("compute_key", "topic", "state")
        assert all(left[name] is None for name in told)
        for name in told:
            right[name] = None
        assert left == right
    differing = [line for line in by_file if line["verdict"] == "differs"]
    assert len(differing) == 10
    roots = [change for line in differing for change in line["changes"] if not line["because"]]
    assert roots == [
        {"part": "params", "path": "/nodes/183/params/clip", "old": "3.0", "new": "2.5"}
    ]


def test_explain_of_one_node(server):
    ok("dagmanager", "submit", "--file", FACTOR, "--target", server.target, *LIVE)
    flags = ("--file", ONE_EDIT, "--target", server.target, *LIVE)
    new_id = json.loads(ONE_EDIT.read_text())["nodes"][183]["node_id"]
    old_id = json.loads(FACTOR.read_text())["nodes"][183]["node_id"]
    (by_file,) = explained(*flags, "--node", new_id)
    assert by_file["index"] == 183
    assert by_file["other"] == {"node_id": old_id, "by": "name"}
    (by_store,) = explained(*flags, "--node", old_id)
    assert by_store == by_file
    gone = run("dagmanager", "explain", *flags, "--node", "blake3:" + "0" * 64)
    assert gone.returncode == 1
    assert gone.stderr.startswith("no_counterpart: ")


def test_explain_of_a_strategy_that_was_never_submitted_adds_everything(server):
    lines = explained("--file", SMALL, "--target", server.target)
    assert {line["verdict"] for line in lines} == {"added"}
    assert all(line["other"] is None for line in lines)
    done = run("dagmanager", "explain", "--file", SMALL, "--target", server.target)
    assert done.returncode == 0
    assert done.stdout.endswith("Explained: 0 same, 0 differ, 4 added, 0 removed.\n")
    assert "the newest deploy of strategy cli has no nodes" in done.stderr


def test_explain_names_the_unreadable_file(tmp_path):
    bad = tmp_path / "bad.json"
    bad.write_text("{")
    for flags in (("--file", bad, "--against", SMALL), ("--file", SMALL, "--against", bad)):
        done = run("dagmanager", "explain", *flags)
        assert done.returncode == 1
        assert done.stderr.startswith(f"{bad}: dag_not_json: ")
    done = run("dagmanager", "explain", "--file", SMALL, "--against", tmp_path / "none")
    assert done.returncode == 1
    assert done.stderr.startswith("Failed to read file ")


def test_queue_stats_lists_topics_by_tag_and_interval(server):
    ok("dagmanager", "submit", "--file", FACTOR, "--target", server.target, *LIVE)
    target = ("--target", server.target)
    by_tag = ok_json("dagmanager", "queue-stats", "--tag", "ema", "--interval", "60s", *target)
    assert len(by_tag) > 10
    assert set(by_tag.values()) == {0}
    minute = ok_json("dagmanager", "queue-stats", "--tag", "ema", "--interval", "1m", *target)
    assert minute == by_tag
    every = ok_json("dagmanager", "queue-stats", "--interval", "0", *target)
    assert len(every) == 1000
    assert ok_json("dagmanager", "queue-stats", "--tag", "none", *target) == {}
    table = ok("dagmanager", "queue-stats", "--tag", "ema", "--interval", "60", *target)
    assert table.endswith(f"\n{len(by_tag)} topics.\n")


def test_commands_say_that_nobody_answers():
    target = ("--target", "127.0.0.1:1")
    for words in (
        ("diff", "--file", SMALL),
        ("submit", "--file", SMALL),
        ("explain", "--file", SMALL),
        ("queue-stats",),
    ):
        done = run("dagmanager", *words, *target)
        assert done.returncode == 1, words
        assert done.stderr.startswith("gRPC error: UNAVAILABLE: "), words
        assert "start one with `weir up`" in done.stderr, words
