# SPDX-License-Identifier: Apache-2.0
"""The wheel of the client (contract section 1.1) in an environment that has nothing else of Weir's:
a diff, a resume, and a commit log, against the built server."""

import json
import os
import subprocess
import sys

import pytest
from conftest import ROOT, STRATEGIES
from cutting_proxy import CuttingProxy

FACTOR = STRATEGIES / "factor-1000.json"
SECONDS_MAX = 120

DIFF = """
import asyncio, json, sys
import weir_dagmanager_client as weir

taken, take = [], weir.Answer.take

def note(self, chunk):
    taken.append(chunk.chunk_index)
    take(self, chunk)

weir.Answer.take = note

async def main():
    target, file = sys.argv[1:]
    with open(file) as text:
        document = text.read()
    async with weir.DagManagerClient(target) as client:
        version = (await client.health.Status(weir.pb2.StatusRequest())).api_version
        answer = await client.diff(
            strategy_id="s", dag_json=document, world_id="w1", execution_domain="live")
    print(json.dumps({"queue_map": answer.queue_map, "chunks": taken,
                      "resumed": answer.resumed, "version": weir.__version__, "api": version,
                      "from": weir.__file__}))

asyncio.run(main())
"""

COMMIT_LOG = """
import json
from weir_dagmanager_client import CommitLogReader

reader = CommitLogReader(remembered_max=2)

def read(node, time, window, context):
    key = f"{node}:60:0" + (f"#ck={context}" if context else "") + f":{window}"
    return reader.read(key, json.dumps([node, time, window, {"v": 1}])) is not None

rows = ((60, ""), (60, ""), (60, "blake3:c"), (60, ""), (120, ""), (60, "blake3:c"))
told = [read("blake3:a", time, "w", context) for time, context in rows]
assert told == [True, False, True, False, True, True], told
for key, value in (("k", "{}"), ("blake3:b:60:0:w", '["blake3:a", 1, "w", 0]')):
    try:
        reader.read(key, value)
    except ValueError:
        continue
    raise SystemExit(f"{value} was taken")
"""


@pytest.fixture(scope="module")
def python(tmp_path_factory):
    """The interpreter of an environment with the wheel alone; gRPC is the system's."""
    folder = tmp_path_factory.mktemp("wheel")
    built = subprocess.run([ROOT / "scripts" / "wheel", "--out", folder], capture_output=True,
                           text=True, timeout=SECONDS_MAX)
    assert built.returncode == 0, built.stderr
    made = built.stdout.splitlines()[-1]
    home = folder / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", "--system-site-packages", home],
                   check=True, timeout=SECONDS_MAX)
    interpreter = home / "bin" / "python"
    subprocess.run([sys.executable, "-m", "pip", "--python", interpreter, "install", "--quiet",
                    "--no-index", "--no-deps", "--disable-pip-version-check", made],
                   check=True, timeout=SECONDS_MAX)
    return interpreter


def run_in(python, text, *words):
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run([python, "-I", "-c", text, *words], capture_output=True, text=True,
                          timeout=SECONDS_MAX, cwd="/", env=environment)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("cuts", [(), (60_000,), (30_000, 60_000, 30_000)],
                         ids=["whole", "cut once", "cut three times"])
def test_a_diff_by_the_wheel_is_whole_though_its_stream_is_cut(server, python, cuts):
    proxy = CuttingProxy(server.target, cuts)
    try:
        answer = json.loads(run_in(python, DIFF, proxy.target, str(FACTOR)))
    finally:
        proxy.close()
    assert proxy.made == answer["resumed"] == len(cuts)
    assert len(answer["queue_map"]) == 1000
    assert answer["chunks"] == list(range(1, 11)), "each once, in order"
    assert answer["version"] == answer["api"] + ".0", "the wheel's minor is the wire's"
    assert answer["from"].startswith(str(python.parents[1]))


def test_a_commit_log_is_read_once(python):
    run_in(python, COMMIT_LOG)
