# SPDX-License-Identifier: Apache-2.0
"""lint: findings a line, exit codes, and the question to the server about inputs from elsewhere."""

import json

import pytest
from conftest import STRATEGIES, ok, run

LAG = STRATEGIES / "cross_market_lag.json"
PIPELINE = STRATEGIES / "order_pipeline.json"
NOBODY = "127.0.0.1:1"


def lint(path, *flags):
    return run("dagmanager", "lint", "--file", path, "-o", "json", *flags)


def rules(done):
    return [json.loads(line)["rule"] for line in done.stdout.splitlines()]


def test_warnings_count_only_when_strict():
    done = lint(LAG, "--offline")
    assert done.returncode == 0, done.stderr
    assert "L02" in rules(done)
    for line in done.stdout.splitlines():
        assert list(json.loads(line)) == ["rule", "severity", "path", "node_id", "message", "mend"]
    assert lint(LAG, "--offline", "--strict").returncode == 3


def test_a_graph_is_looked_at_in_the_context_of_the_flags(tmp_path):
    graph = json.loads(LAG.read_text())
    bare = tmp_path / "bare.json"
    bare.write_text(json.dumps({**graph, "meta": {}}))
    assert "L14" in rules(lint(bare, "--offline"))
    assert "L14" in rules(lint(bare, "--offline", "--domain", "backtest"))
    for flags in (["--domain", "live"], ["--domain", "backtest", "--as-of", "2026-01-01"]):
        assert "L14" not in rules(lint(bare, "--offline", *flags))
    assert "L12" in rules(lint(bare, "--offline", "--world", "wélt"))


def test_an_error_counts_always(tmp_path):
    graph = json.loads(LAG.read_text())
    graph["nodes"][0]["node_id"] = "blake3:00"
    bad = tmp_path / "bad.json"
    bad.write_text(json.dumps(graph))
    done = lint(bad, "--offline")
    assert done.returncode == 3
    assert "L06" in rules(done)
    assert run("dagmanager", "lint", "--file", bad, "--offline").stdout.endswith(
        f"{bad}: 1 error, 4 warnings\n"
    )


def test_a_file_that_is_no_graph_is_unreadable(tmp_path):
    done = lint(tmp_path / "none.json", "--offline")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("Failed to read file ")
    bad = tmp_path / "bad.json"
    for text, reason in (("{", "dag_not_json"), ('{"nodes":5}', "dag_shape")):
        bad.write_text(text)
        done = lint(bad, "--offline")
        assert (done.returncode, done.stdout) == (1, "")
        assert reason in done.stderr


def test_the_server_is_asked_only_for_inputs_from_elsewhere(server):
    assert lint(LAG, "--target", NOBODY).returncode == 0
    done = lint(PIPELINE, "--target", NOBODY)
    assert (done.returncode, done.stdout) == (1, "")
    assert "gRPC error: " in done.stderr and "--offline" in done.stderr
    assert "L03" in rules(lint(PIPELINE, "--target", server.target))


@pytest.mark.parametrize("stored", [False, True])
def test_an_input_that_is_stored_is_defined(server, tmp_path, stored):
    graph = json.loads((STRATEGIES / "multi_indicator.json").read_text())
    source, reader = graph["nodes"][:2]
    assert source["node_id"] in reader["inputs"]
    if stored:
        first = tmp_path / "first.json"
        first.write_text(json.dumps({**graph, "nodes": [source]}))
        ok("dagmanager", "submit", "--file", first, "--target", server.target)
    second = tmp_path / "second.json"
    second.write_text(json.dumps({**graph, "nodes": [reader]}))
    done = lint(second, "--target", server.target)
    assert ("L03" in rules(done)) != stored
