# SPDX-License-Identifier: Apache-2.0
"""snapshot, version, help and shell completion."""

import hashlib
import json
import re
import shutil
import subprocess

import pytest
from conftest import STRATEGIES, binary, environment, ok, run

SMALL = STRATEGIES / "multi_indicator.json"


def python_hash(path):
    text = json.dumps(json.loads(path.read_text()), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


@pytest.mark.parametrize("sample", sorted(STRATEGIES.glob("*.json")), ids=lambda path: path.stem)
def test_snapshot_hash_is_that_of_sorted_ascii_json(sample):
    assert ok("dagmanager", "snapshot", "--file", sample) == python_hash(sample) + "\n"


def test_snapshot_is_frozen_and_verified(tmp_path):
    frozen = tmp_path / "dag.snapshot.json"
    graph = tmp_path / "dag.json"
    shutil.copy(SMALL, graph)
    flags = ("--file", graph, "--snapshot", frozen)
    assert ok("dagmanager", "snapshot", *flags, "--freeze") == python_hash(graph) + "\n"
    content = {"dag": json.loads(graph.read_text()), "dag_hash": python_hash(graph)}
    assert frozen.read_text() == json.dumps(content, indent=2, sort_keys=True) + "\n"
    assert ok("dagmanager", "snapshot", *flags, "--verify") == "Snapshot OK\n"
    graph.write_text(json.dumps({**json.loads(graph.read_text()), "nodes": []}))
    changed = run("dagmanager", "snapshot", *flags, "--verify")
    assert changed.returncode == 1
    assert changed.stderr.startswith("Snapshot mismatch\n")
    assert changed.stdout == ""


def test_snapshot_is_frozen_into_the_working_directory_by_default(tmp_path):
    ok("dagmanager", "snapshot", "--file", SMALL, "--freeze", cwd=tmp_path)
    assert (tmp_path / "dag.snapshot.json").exists()
    verified = ok("dagmanager", "snapshot", "--file", SMALL, "--verify", cwd=tmp_path)
    assert verified == "Snapshot OK\n"


def test_snapshot_faults(tmp_path):
    none = tmp_path / "none.json"
    done = run("dagmanager", "snapshot", "--file", SMALL, "--snapshot", none, "--verify")
    assert (done.returncode, done.stderr) == (
        1,
        f"Failed to read snapshot {none}: No such file or directory\n",
    )
    bad = tmp_path / "bad.json"
    bad.write_text("{")
    done = run("dagmanager", "snapshot", "--file", SMALL, "--snapshot", bad, "--verify")
    assert done.returncode == 1
    assert done.stderr.startswith(f"Failed to read snapshot {bad}: ")
    done = run("dagmanager", "snapshot", "--file", bad)
    assert done.returncode == 1
    assert done.stderr.startswith("Invalid DAG JSON: ")


def test_version_and_help():
    assert ok("version").startswith("weir ")
    assert ok("--version") == ok("version")
    assert "dagmanager" in ok("--help")
    commands = ok("dagmanager", "--help")
    for name in ("canary", "cross-context", "events", "gc", "lint", "promote", "redo-diff",
                 "weight"):
        assert name in commands
    for name in ("export-schema", "neo4j-init"):
        assert name not in commands


def bash_completes(*words):
    """What bash offers for `weir WORDS<TAB>`."""
    script = f"""
PATH={subprocess.list2cmdline([binary()]).rsplit('/', 1)[0]}:$PATH
source <(weir completion bash)
COMP_WORDS=(weir "$@")
COMP_CWORD=$#
_weir
printf '%s\\n' "${{COMPREPLY[@]}}"
"""
    done = subprocess.run(
        ["bash", "-c", script, "bash", *words],
        capture_output=True,
        text=True,
        env=environment(),
        check=True,
        timeout=60,
        cwd=STRATEGIES,
    )
    assert done.stderr == ""
    return done.stdout.split()


def test_bash_completes_commands_options_values_and_files():
    assert bash_completes("dagm") == ["dagmanager"]
    assert bash_completes("dagmanager", "s") == ["server", "submit", "snapshot"]
    assert bash_completes("dagmanager", "diff", "--off") == ["--offline"]
    assert bash_completes("dagmanager", "diff", "-o", "j") == ["json"]
    assert "factor-1000.json" in bash_completes("dagmanager", "diff", "--file", "factor")
    assert bash_completes("dagmanager", "diff", "--strategy", "x") == []


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts_are_valid_where_the_shell_is_there(shell):
    script = ok("completion", shell)
    assert "weir" in script
    if shutil.which(shell):
        subprocess.run([shell, "-n"], input=script, text=True, check=True, timeout=60)


def test_manual_has_a_page_a_command_that_roff_takes_without_a_word(tmp_path):
    folder = tmp_path / "share" / "man1"
    assert ok("man", folder).startswith("Wrote ")
    pages = {page.stem for page in folder.iterdir()}
    reference = (STRATEGIES.parents[1] / "docs" / "reference" / "cli.md").read_text()
    commands = re.findall(r"^## (weir .*)$", reference, re.MULTILINE)
    assert pages == {"weir"} | {command.replace(" ", "-") for command in commands}
    for page in folder.iterdir():
        done = subprocess.run(
            ["groff", "-man", "-ww", "-Tutf8", "-rLL=100n", page], capture_output=True, text=True
        )
        assert (done.returncode, done.stderr) == (0, ""), page
    done = subprocess.run(
        ["groff", "-man", "-Tascii", "-P-c", "-P-b", "-P-u", folder / "weir-dagmanager-diff.1"],
        capture_output=True, text=True,
    )
    assert "--detailed-exitcode" in done.stdout
    assert "EXIT STATUS" in done.stdout


def test_manual_that_cannot_be_written_says_where(tmp_path):
    (tmp_path / "file").write_text("")
    done = run("man", tmp_path / "file" / "man1")
    assert done.returncode == 1
    assert str(tmp_path / "file" / "man1") in done.stderr
