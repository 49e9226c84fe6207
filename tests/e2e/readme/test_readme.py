# SPDX-License-Identifier: Apache-2.0
"""The steps of README.md's "Add an operator", taken literally in a clean folder."""

import datetime
import json
import os
import pathlib
import re
import subprocess
import tempfile

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[3]
SECONDS_MAX = 240
# The day of bars in which the program looks for minutes that are missing.
DAY = ROOT / "examples" / "market" / "minute" / "BTC-USD" / "2018-04-04.csv"


def binary():
    return pathlib.Path(os.environ.get("WEIR_BINARY") or ROOT / "build" / "dev" / "bin" / "weir")


def steps():
    """The fenced block of commands under the heading, as it stands."""
    page = (ROOT / "README.md").read_text()
    section = page.split("\n## Add an operator\n", 1)[1].split("\n## ", 1)[0]
    blocks = re.findall(r"^```sh\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)
    assert len(blocks) == 1, "one block of commands to type"
    return blocks[0]


def environment(path):
    """A stranger's: weir on the PATH, the repository's place, nothing else of Weir's."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("QMTL__", "WEIR_", "WEIR__"))
    }
    return {**kept, "PATH": f"{path}:{kept['PATH']}", "WEIR_SOURCE": str(ROOT)}


def gaps():
    """(millisecond after which minutes are missing, how many) of that day."""
    times = [line.split(",")[0] for line in DAY.read_text().splitlines()[1:]]
    seen = [
        int(datetime.datetime.fromisoformat(time.replace("Z", "+00:00")).timestamp()) // 60
        for time in times
    ]
    return [(a * 60000, b - a - 1) for a, b in zip(seen, seen[1:]) if b - a > 1]


@pytest.fixture
def folder():
    """A clean folder that PostgreSQL's own user reaches; whatever runs on it is ended."""
    with tempfile.TemporaryDirectory(prefix="weir-readme-") as name:
        os.chmod(name, 0o755)
        path = pathlib.Path(name)
        try:
            yield path
        finally:
            if (path / "state").exists():
                command = [binary(), "down", "--state-dir", path / "state"]
                subprocess.run(command, capture_output=True, timeout=60, check=False)


def test_the_steps_to_add_an_operator_work_as_they_stand(folder, tmp_path):
    (tmp_path / "weir").symlink_to(binary())
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", steps()],
        cwd=folder,
        env=environment(tmp_path),
        capture_output=True,
        text=True,
        timeout=SECONDS_MAX,
        check=False,
    )
    told = f"{done.stdout}\n{done.stderr}"
    assert done.returncode == 0, told
    assert re.search(r"^find_gaps +0 +0 +0 +1 +0 ", done.stdout, re.MULTILINE), told
    assert "Everything holds." in done.stdout, told
    rows = re.findall(r"^(\d{13}) +(\d+)$", done.stdout, re.MULTILINE)
    assert rows, told
    assert [(int(at), int(count)) for at, count in rows] == gaps(), told


def test_the_registry_file_names_its_program_from_its_own_folder():
    registry = json.loads((ROOT / "examples" / "operators" / "operators.json").read_text())
    for operator in registry["operators"]:
        beside = [part for part in operator["command"] if part.startswith("./")]
        assert beside, operator["name"]
        for part in beside:
            assert (ROOT / "examples" / "operators" / part).is_file(), part
