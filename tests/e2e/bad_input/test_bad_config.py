# SPDX-License-Identifier: Apache-2.0
"""A bad configuration stops the start with exit 2 and says where and what (section 4)."""

import re

import pytest

from suite_support import run_weir

# name → (the file, what standard error must say; `@` stands for the file's name)
FILES = {
    "unknown_key": ("dagmanager:\n  grpc_prot: 1\n", ["@:2:3", "grpc_prot", "grpc_port"]),
    "two_unknown_keys": (
        "dagmanager:\n  colour: red\n  grpc_port: 20001\n  taste: sweet\n",
        ["@:2:3", "colour", "@:4:3", "taste"],
    ),
    "wrong_kind": ("dagmanager:\n  grpc_port: high\n", ["@:2:14", "grpc_port"]),
    "port_out_of_range": ("dagmanager:\n  http_port: 70000\n", ["@:2:14", "http_port"]),
    "value_not_allowed": (
        "dagmanager:\n  cross_context_policy: share\n",
        ["@:2:25", "cross_context_policy", "isolate", "block"],
    ),
    "key_twice": ("dagmanager:\n  grpc_port: 1\n  grpc_port: 2\n", ["@:3:3", "grpc_port"]),
    "two_names_of_one_key": (
        "dagmanager:\n  graph_dsn: postgresql:///a\n  neo4j_dsn: postgresql:///b\n",
        ["graph_dsn", "neo4j_dsn", "@:3:3"],
    ),
    "not_yaml": ("dagmanager:\n  grpc_port: [1, 2\n", ["@:"]),
    "tab_as_indentation": ("dagmanager:\n\tgrpc_port: 1\n", ["@:2:1"]),
    "empty_file": ("", ["@:1:1", "dagmanager"]),
    "section_of_somebody_else": ("gateway:\n  port: 1\n", ["@:1:1", "gateway"]),
    "section_is_a_list": ("dagmanager:\n  - grpc_port\n", ["@:2:3"]),
    "unknown_profile": ("profile: test\ndagmanager: {}\n", ["@:1:10", "profile", "dev", "prod"]),
    "graph_engine_not_built": (
        "dagmanager:\n  graph_dsn: bolt://localhost:7687\n",
        ["@:2:", "graph_dsn", "not_available_yet"],
    ),
    "setting_of_no_broker": (
        "dagmanager:\n  kafka_properties: {a: b}\n",
        ["@:2:", "kafka_properties", "topics_dsn"],
    ),
    "setting_that_librdkafka_has_not": (
        "dagmanager:\n  topics_dsn: localhost:9092\n  kafka_properties: {no.such: b}\n",
        ["topics_dsn", "no.such"],
    ),
    "bus_of_nobody": (
        "dagmanager:\n  controlbus_dsn: postgresql://localhost\n",
        ["@:2:", "controlbus_dsn", "value_not_allowed"],
    ),
    "dsn_of_nobody": ("dagmanager:\n  graph_dsn: carrier-pigeon://x\n", ["@:2:", "graph_dsn"]),
    "prod_without_engines": (
        "profile: prod\ndagmanager: {}\n",
        ["graph_dsn", "topics_dsn", "controlbus_dsn"],
    ),
    "secret_file_missing": (
        "dagmanager:\n  neo4j_password_file: nowhere/secret\n",
        ["@:2:", "neo4j_password"],
    ),
}


def start(tmp_path, text):
    path = tmp_path / "weir.yml"
    path.write_text(text)
    return run_weir("dagmanager", "server", "--config", path, cwd=tmp_path)


@pytest.mark.parametrize("name", FILES)
def test_bad_file_stops_the_start_with_exit_2(tmp_path, name):
    text, words = FILES[name]
    done = start(tmp_path, text)
    assert done.returncode == 2, done.stderr
    for word in words:
        assert word.replace("@", "weir.yml") in done.stderr, done.stderr
    assert not re.search(r"terminate called|Traceback|Assertion", done.stderr)
    assert done.stdout == ""


def test_missing_file_stops_the_start_with_exit_2(tmp_path):
    done = run_weir("dagmanager", "server", "--config", tmp_path / "none.yml")
    assert done.returncode == 2
    assert "none.yml" in done.stderr


def test_bad_environment_stops_the_start_with_exit_2(tmp_path):
    name = "QMTL__DAGMANAGER__GRPC_PORT"
    done = run_weir("dagmanager", "server", cwd=tmp_path, env={name: "high"})
    assert done.returncode == 2
    assert name in done.stderr


def test_secret_of_a_bad_file_is_not_repeated(tmp_path):
    done = start(tmp_path, "dagmanager:\n  neo4j_password: [hunter2]\n")
    assert done.returncode == 2
    assert "neo4j_password" in done.stderr
    assert "hunter2" not in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ["dagmanager", "server", "--colour", "red"],
        ["dagmanager", "nothing"],
        ["nothing"],
        ["dagmanager", "diff"],
        ["dagmanager", "diff", "--file"],
    ],
    ids=lambda arguments: "_".join(arguments).replace("--", ""),
)
def test_usage_error_exits_2(arguments):
    done = run_weir(*arguments)
    assert done.returncode == 2, done.stderr
    assert done.stderr


def test_unreadable_graph_exits_1_and_says_which(tmp_path):
    done = run_weir("dagmanager", "diff", "--offline", "--file", tmp_path / "none.json")
    assert done.returncode == 1
    assert "Failed to read file" in done.stderr
    assert "none.json" in done.stderr


def test_bad_graph_offline_exits_1_and_names_every_fault(tmp_path):
    path = tmp_path / "graph.json"
    path.write_text('{"nodes": [{"node_id": "a"}, {"node_id": "b", "inputs": 1}]}')
    done = run_weir("dagmanager", "diff", "--offline", "--file", path)
    assert done.returncode == 1
    for pointer in ("/nodes/0/code_hash", "/nodes/0/schema_hash", "/nodes/1/inputs"):
        assert pointer in done.stderr


def test_diff_without_a_server_exits_1_with_a_grpc_error(tmp_path):
    path = tmp_path / "graph.json"
    path.write_text('{"nodes": []}')
    done = run_weir("dagmanager", "diff", "--file", path, "--target", "127.0.0.1:1")
    assert done.returncode == 1
    assert "gRPC error: " in done.stderr
