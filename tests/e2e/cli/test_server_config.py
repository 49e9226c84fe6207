# SPDX-License-Identifier: Apache-2.0
"""init, config show, and a server that refuses to start."""

import json
import re
import socket
import subprocess
import urllib.error
import urllib.request

import pytest
from conftest import Server, binary, environment, ok, run, serving_line


def refused(tmp_path, yaml, env=None):
    """Standard error of a server that does not start on this configuration."""
    config = tmp_path / "weir.yml"
    config.write_text(yaml)
    done = run("dagmanager", "server", "--config", config, env=env)
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    return done.stderr


@pytest.mark.parametrize(
    "key, value",
    [
        ("graph_dsn", "bolt://db:7687"),
        ("neo4j_dsn", "neo4j://db:7687"),
        ("gc_archive_bucket", "s3://bucket/prefix"),
        ("legacy_topics", "true"),
    ],
)
def test_what_is_not_built_yet_stops_the_start_by_name(tmp_path, key, value):
    names = {"neo4j_dsn": "graph_dsn"}
    error = refused(tmp_path, f"dagmanager:\n  {key}: {value}\n")
    assert f"not_available_yet: {names.get(key, key)}: " in error
    assert re.search(r"weir\.yml:2:\d+: ", error)


def test_unknown_keys_are_all_named_with_their_places(tmp_path):
    error = refused(tmp_path, "dagmanager:\n  grcp_port: 1\n  http_port: 2\n  nonsense: 3\n")
    assert re.search(r"weir\.yml:2:3: unknown_key: .*grcp_port.*grpc_port", error)
    assert re.search(r"weir\.yml:4:3: unknown_key: .*nonsense", error)


@pytest.mark.parametrize("yaml", ["", "gateway:\n  port: 1\n", "dagmanager: [1]\n", "a: b: c\n"])
def test_a_file_that_is_no_configuration_stops_the_start(tmp_path, yaml):
    assert refused(tmp_path, yaml)


def test_a_file_that_is_not_there_stops_the_start(tmp_path):
    done = run("dagmanager", "server", "--config", tmp_path / "none.yml")
    assert done.returncode == 2
    assert "none.yml" in done.stderr


def test_profile_prod_tells_each_gap(tmp_path):
    error = refused(tmp_path, "profile: prod\ndagmanager:\n  grpc_port: 0\n")
    for key in ("graph_dsn", "topics_dsn", "controlbus_dsn"):
        assert f"{key}: prod_needs: " in error


def test_a_bad_value_in_the_environment_is_named(tmp_path):
    error = refused(
        tmp_path, "dagmanager:\n  grpc_port: 0\n", {"QMTL__DAGMANAGER__DIFF_QUEUE": "many"}
    )
    assert "QMTL__DAGMANAGER__DIFF_QUEUE" in error


def test_a_taken_port_is_an_error_that_says_so(tmp_path, server):
    port = server.target.rsplit(":", 1)[1]
    config = tmp_path / "second.yml"
    config.write_text(f"dagmanager:\n  grpc_port: {port}\n  http_port: 0\n")
    done = run("dagmanager", "server", "--config", config)
    assert done.returncode == 1
    assert port in done.stderr


def test_init_writes_a_file_that_starts(tmp_path):
    folder = tmp_path / "new" / "folder"
    assert str(folder / "weir.yml") in ok("init", folder)
    text = (folder / "weir.yml").read_text()
    assert "graph_dsn" in text and "postgresql://" in text
    again = run("init", folder)
    assert again.returncode == 1
    assert "--force" in again.stderr
    (folder / "weir.yml").write_text("changed")
    ok("init", folder, "--force")
    assert (folder / "weir.yml").read_text() == text
    env = {"QMTL__DAGMANAGER__GRPC_PORT": "0", "QMTL__DAGMANAGER__HTTP_PORT": "0"}
    process = subprocess.Popen(
        [binary(), "dagmanager", "server", "--config", folder / "weir.yml"],
        stderr=subprocess.PIPE,
        text=True,
        env=environment(env),
    )
    serving = serving_line(process)
    assert serving["graph"] == serving["topics"] == "memory"
    process.terminate()
    process.communicate(timeout=60)
    assert process.returncode == 0


def test_config_show_tells_values_and_origins(tmp_path):
    config = tmp_path / "weir.yml"
    config.write_text(
        "dagmanager:\n  http_port: 9\n  graph_dsn: postgresql://u:hidden@h/d\n"
        "  topics_dsn: postgresql://h/d\n"
    )
    env = {"QMTL__DAGMANAGER__GRPC_PORT": "7"}
    text = ok("config", "show", "--config", config, "--origin", env=env)
    assert re.search(r"^http_port: 9 +# file .*weir\.yml:2:3$", text, re.MULTILINE)
    origin = "environment QMTL__DAGMANAGER__GRPC_PORT"
    assert re.search(rf"^grpc_port: 7 +# {origin}$", text, re.MULTILINE)
    assert re.search(r"^ack_timeout_seconds: 30 +# default$", text, re.MULTILINE)
    assert "hidden" not in text
    assert "#" not in ok("config", "show", "--config", config, env=env)
    lines = ok("config", "show", "--config", config, "-o", "json", env=env).splitlines()
    rows = {row["key"]: row for row in map(json.loads, lines)}
    assert rows["grpc_port"] == {
        "key": "grpc_port",
        "value": "7",
        "origin": origin,
    }


def test_config_show_says_that_the_server_would_not_start(tmp_path):
    config = tmp_path / "weir.yml"
    config.write_text("dagmanager:\n  legacy_topics: true\n")
    done = run("config", "show", "--config", config)
    assert done.returncode == 2
    assert "legacy_topics: true" in done.stdout
    assert "not_available_yet: legacy_topics" in done.stderr


def test_without_a_configuration_everything_is_in_memory(tmp_path):
    server = Server(tmp_path)
    assert server.stop() == 0
    assert "bolt" not in ok("config", "show")
    assert not list(tmp_path.glob("*.db"))


def scrape(address):
    """Status and text of a page."""
    try:
        with urllib.request.urlopen(f"http://{address}/metrics", timeout=20) as reply:
            return reply.status, reply.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_metrics_are_those_of_the_running_server(tmp_path):
    running = Server(tmp_path)
    door = subprocess.Popen(
        [binary(), "dagmanager", "metrics", "--port", "0", "--http", f"http://{running.http}"],
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=environment())
    address = serving_line(door)["http"]
    assert address.startswith("127.0.0.1:")
    status, page = scrape(address)
    assert status == 200
    assert "\ngraph_epoch 0" in page, "the server's, not the door's own"
    assert running.stop() == 0
    status, problem = scrape(address)
    assert (status, json.loads(problem)["code"]) == (502, "server_away")
    door.terminate()
    assert door.wait(30) == 0


def test_metrics_faults():
    assert run("dagmanager", "metrics", "--port", "0", "--http", "nonsense").returncode == 2
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = run("dagmanager", "metrics", "--port", taken.getsockname()[1])
    assert done.returncode == 1
    assert "listen_failed" in done.stderr
