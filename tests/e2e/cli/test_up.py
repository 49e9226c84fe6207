# SPDX-License-Identifier: Apache-2.0
"""`weir up`: everything on one machine, through signals and kills."""

import json
import os
import pathlib
import re
import select
import signal
import subprocess
import urllib.request

import pytest
from conftest import (
    SECONDS_MAX,
    STRATEGIES,
    binary,
    environment,
    ok,
    ok_json,
    run,
    serving_line,
)

SMALL = STRATEGIES / "multi_indicator.json"
FREE = ("--grpc-port", "0", "--http-port", "0", "--tasks-port", "0")


class Up:
    """A `weir up` in the foreground."""

    def __init__(self, state_dir, *flags):
        self.state_dir = state_dir
        self.process = subprocess.Popen(
            [binary(), "up", "--state-dir", str(state_dir), *FREE, "-o", "json", *flags],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment(),
        )
        line = self.process.stdout.readline()
        assert line, self.process.stderr.read()
        note = json.loads(line)
        assert note["pid"] == self.process.pid
        self.target, self.http, self.tasks = note["grpc"], note["http"], note.get("tasks")

    def wait_for(self, text):
        """Reads what it says until a line has `text`."""
        for line in self.process.stderr:
            if text in line:
                return
        raise AssertionError(f"weir up ended without saying: {text}")

    def end(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        self.process.communicate(timeout=SECONDS_MAX)
        return self.process.returncode

    def children(self):
        """Process ids by role, and that of the PostgreSQL server."""
        found = {}
        pid = self.process.pid
        for pid in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            words = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
            name = pathlib.Path(words[0].decode()).name
            found[words[1].decode() if name == "weir" else name] = int(pid)
        return found


def processes_of(state_dir):
    """Processes whose command line or working folder is the state folder's."""
    found = []
    for folder in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes().decode(errors="replace")
            cwd = os.readlink(folder / "cwd")
        except OSError:
            continue
        if str(state_dir) in words or cwd.startswith(str(state_dir)):
            found.append((folder.name, words))
    return found


def wait_until_gone(pids):
    """Waits for processes that are not our children."""
    for pid in pids:
        try:
            descriptor = os.pidfd_open(pid)
        except ProcessLookupError:
            continue
        ready, _, _ = select.select([descriptor], [], [], SECONDS_MAX)
        os.close(descriptor)
        assert ready, f"process {pid} is still there"


def submit(up):
    return ok_json("dagmanager", "submit", "--file", SMALL, "--target", up.target)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_everything_and_the_next_up_finds_all(state_dir, number):
    up = Up(state_dir)
    with urllib.request.urlopen(up.http + "/status", timeout=30) as answer:
        assert json.load(answer)["status"] == "ok"
    first = submit(up)
    assert up.end(number) == 0
    assert processes_of(state_dir) == []
    up = Up(state_dir)
    again = submit(up)
    assert again["queue_map"] == first["queue_map"]
    assert {row["decision"] for row in again["plan"]} == {"reuse"}
    assert up.end() == 0


def test_a_second_up_on_the_folder_names_the_first(state_dir):
    up = Up(state_dir)
    second = run("up", "--state-dir", state_dir, *FREE)
    assert second.returncode == 1
    assert second.stdout == ""
    for word in ("already_up", str(up.process.pid), up.target, up.http, up.tasks):
        assert word in second.stderr
    submit(up)
    assert up.end() == 0


def test_a_command_runs_when_all_is_ready_and_gives_the_exit_code(state_dir):
    script = (
        'test -n "$WEIR_HTTP" && "$0" dagmanager submit --file "$1" -o json && "$0" dagmanager '
        'diff --file "$1" -o json && exit 7'
    )
    command = ("/bin/sh", "-c", script, binary(), SMALL)
    done = run("up", "--state-dir", state_dir, *FREE, "--", *command)
    assert done.returncode == 7, done.stderr
    submitted, planned = [json.loads(line) for line in done.stdout.splitlines() if line[0] == "{"]
    assert submitted["queue_map"] == planned["queue_map"]
    assert processes_of(state_dir) == []


def test_a_command_killed_by_a_signal_gives_its_number(state_dir):
    done = run("up", "--state-dir", state_dir, *FREE, "--", "/bin/sh", "-c", "kill -9 $$")
    assert done.returncode == 128 + 9


def test_a_command_that_is_none_ends_all(state_dir):
    done = run("up", "--state-dir", state_dir, *FREE, "--", "/nowhere/program")
    assert done.returncode == 1
    assert "spawn_failed" in done.stderr
    assert processes_of(state_dir) == []


def test_detached_it_runs_on_until_down(state_dir):
    note = json.loads(ok("up", "--detach", "--state-dir", state_dir, *FREE, "-o", "json"))
    ok("dagmanager", "submit", "--file", SMALL, "--target", note["grpc"])
    assert run("up", "--state-dir", state_dir, *FREE).returncode == 1
    assert ok("down", "--state-dir", state_dir) == "Stopped.\n"
    assert processes_of(state_dir) == []
    assert ok("down", "--state-dir", state_dir).startswith("Nothing runs on ")


def test_the_folder_may_come_from_the_environment(state_dir):
    env = {"WEIR_STATE_DIR": str(state_dir)}
    ok("up", "--detach", *FREE, env=env)
    assert (state_dir / "dagmanager.log").exists()
    assert ok("down", env=env) == "Stopped.\n"


def test_a_killed_dag_manager_is_back_at_the_same_address(state_dir):
    up = Up(state_dir)
    first = submit(up)
    for _ in range(2):
        os.kill(up.children()["dagmanager"], signal.SIGKILL)
        up.wait_for("the DAG manager ended (signal 9)")
        up.wait_for("the DAG manager is back")
        assert submit(up)["queue_map"] == first["queue_map"]
    assert up.end() == 0


@pytest.mark.parametrize("role", ["dispatcher", "worker"])
def test_a_killed_role_of_the_task_plane_is_back(state_dir, role):
    up = Up(state_dir)
    tasks = up.tasks
    os.kill(up.children()[role], signal.SIGKILL)
    up.wait_for(f"the {role} ended (signal 9)")
    up.wait_for(f"the {role} is back")
    assert set(up.children()) == {"postgres", "dagmanager", "dispatcher", "worker"}
    with urllib.request.urlopen(tasks + "/readyz", timeout=30) as answer:
        assert answer.status == 200
    assert up.end() == 0


def test_the_task_plane_may_be_left_out(state_dir):
    up = Up(state_dir, "--no-tasks")
    assert up.tasks is None
    assert set(up.children()) == {"postgres", "dagmanager"}
    refused = run("dag", "list", "--state-dir", state_dir)
    assert refused.returncode == 1 and "no task plane" in refused.stderr
    assert up.end() == 0


def test_a_command_finds_the_task_plane(state_dir):
    script = 'test -n "$WEIR_URL" && "$0" dag list -o json'
    done = run("up", "--state-dir", state_dir, *FREE, "--", "/bin/sh", "-c", script, binary())
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1])["items"] == []


def test_keys_and_sockets_are_for_their_owner_alone(state_dir):
    up = Up(state_dir)
    for folder in ("keys", "sockets", "scratch"):
        assert (state_dir / folder).stat().st_mode & 0o777 == 0o700
    modes = {path.name: path.stat().st_mode & 0o777 for path in (state_dir / "keys").iterdir()}
    assert modes["worker.token"] == 0o400
    assert modes["issuer.pem"] == 0o400
    assert modes["user.token"] == 0o600
    assert up.end() == 0


def test_a_killed_postgresql_is_back(state_dir):
    up = Up(state_dir)
    first = submit(up)
    os.kill(up.children()["postgres"], signal.SIGKILL)
    up.wait_for("PostgreSQL died")
    up.wait_for("PostgreSQL is back")
    assert submit(up)["queue_map"] == first["queue_map"]
    assert up.end() == 0


def test_a_start_of_postgresql_that_fails_is_tried_again(state_dir):
    up = Up(state_dir)
    settings = state_dir / "pg" / "data" / "postgresql.auto.conf"
    sound = settings.read_text()
    settings.write_text("no setting at all\n")
    os.kill(up.children()["postgres"], signal.SIGKILL)
    up.wait_for("cluster_start_failed")
    settings.write_text(sound)
    up.wait_for("PostgreSQL is back")
    submit(up)
    assert up.end() == 0


def test_a_killed_supervisor_takes_its_children_along_and_can_be_repeated(state_dir):
    up = Up(state_dir)
    first = submit(up)
    children = list(up.children().values())
    assert len(children) == 4
    up.process.kill()
    up.process.communicate(timeout=SECONDS_MAX)
    wait_until_gone(children)
    up = Up(state_dir)
    again = submit(up)
    assert again["queue_map"] == first["queue_map"]
    assert up.end() == 0


def test_up_right_after_a_kill_of_everything(state_dir):
    up = Up(state_dir)
    first = submit(up)
    for pid in [up.process.pid, *up.children().values()]:
        os.kill(pid, signal.SIGKILL)
    up.process.communicate(timeout=SECONDS_MAX)
    up = Up(state_dir)
    assert submit(up)["queue_map"] == first["queue_map"]
    assert up.end() == 0


def test_a_taken_port_is_told_with_the_flag_that_gives_another(state_dir, server):
    port = server.target.rsplit(":", 1)[1]
    done = run("up", "--state-dir", state_dir, "--grpc-port", port, "--http-port", "0")
    assert done.returncode == 1
    assert "port_taken" in done.stderr and port in done.stderr and "--grpc-port" in done.stderr


def test_a_configuration_that_does_not_start_ends_all_with_its_words(state_dir):
    done = run(
        "up", "--state-dir", state_dir, *FREE, env={"QMTL__DAGMANAGER__LEGACY_TOPICS": "true"}
    )
    assert done.returncode == 1
    assert "not_available_yet: legacy_topics" in done.stderr
    assert processes_of(state_dir) == []


def test_settings_of_the_environment_reach_the_server_but_not_those_of_up(state_dir):
    env = {
        "QMTL__DAGMANAGER__GRPC_PORT": "1",
        "QMTL__DAGMANAGER__COMPUTE_KEY_IN_QUEUE_MAP": "false",
    }
    command = (binary(), "dagmanager", "submit", "--file", SMALL, "-o", "json")
    done = run("up", "--state-dir", state_dir, *FREE, "--", *command, env=env)
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout.splitlines()[-1])
    assert all("#ck=" not in key for key in answer["queue_map"])


def test_the_sample_starts_on_the_engines_whose_dsns_are_uncommented(state_dir, tmp_path):
    up = Up(state_dir)
    first = submit(up)
    written = (state_dir / "weir.yml").read_text()
    dsn = re.search(r"graph_dsn: '([^']*)'", written).group(1)
    ok("init", tmp_path)
    config = tmp_path / "weir.yml"
    text, count = re.subn(
        r"^  # (graph_dsn|topics_dsn): .*$", rf"  \1: {dsn}", config.read_text(), flags=re.MULTILINE
    )
    assert count == 2
    config.write_text(text)
    env = {"QMTL__DAGMANAGER__GRPC_PORT": "0", "QMTL__DAGMANAGER__HTTP_PORT": "0"}
    with subprocess.Popen(
        [binary(), "dagmanager", "server", "--config", str(config)],
        stderr=subprocess.PIPE,
        text=True,
        env=environment(env),
    ) as second:
        serving = serving_line(second)
        assert (serving["graph"], serving["topics"]) == ("postgresql", "postgresql")
        plan = ok_json("dagmanager", "diff", "--file", SMALL, "--target", serving["grpc"])
        second.terminate()
        second.communicate(timeout=SECONDS_MAX)
    assert plan["queue_map"] == first["queue_map"]
    assert {row["decision"] for row in plan["plan"]} == {"reuse"}
    assert up.end() == 0
