# SPDX-License-Identifier: Apache-2.0
"""README.md's "A new version gets its traffic", command by command: a real Prometheus scrapes the
strategies of examples/rollouts, and subscribers are told exactly what the page shows."""

import json
import os
import pathlib
import re
import subprocess
import sys
import threading
import time

import pytest
import yaml

from weir_server import ROOT, binary

ROLLOUTS = ROOT / "examples" / "rollouts"
VERSIONS = ("v1", "v2", "v3", "v2-hotfix")
SECONDS_MAX = 120

PROMETHEUS = """global: {{scrape_interval: 200ms, scrape_timeout: 200ms}}
scrape_configs:
  - job_name: trader
    file_sd_configs: [{{files: [{targets}], refresh_interval: 1s}}]
"""


def wait_for(what, told):
    """What `what` gives, once that is something."""
    end = time.monotonic() + SECONDS_MAX
    pause = threading.Event()
    while not (found := what()):
        assert time.monotonic() < end, told()
        pause.wait(0.1)
    return found


def shown():
    """The section's commands, and the weights that stand beside them, in their order."""
    page = (ROOT / "README.md").read_text()
    section = page.split("\n## A new version gets its traffic\n", 1)[1].split("\n## ", 1)[0]
    lines = re.findall(r"^(\$ .*|  │ .*)$", section, re.MULTILINE)
    commands = [line[2:].split() for line in lines if line.startswith("$ ")]
    told = [re.search(r"momentum-sentinel (\S+): (\S+)", line).groups()
            for line in lines if line.startswith("  │")]
    return commands, [(version, float(weight)) for version, weight in told]


def settings():
    """The configuration that examples/rollouts/README.md goes with."""
    [block] = re.findall(r"^```yaml\n(.*?)^```$", (ROLLOUTS / "README.md").read_text(),
                         re.MULTILINE | re.DOTALL)
    return yaml.safe_load(block)["dagmanager"]


@pytest.fixture(name="started")
def end_started():
    """Processes that are ended whatever happens."""
    processes = []
    yield processes
    for process in processes:
        process.kill()
        process.wait()


def start_prometheus(started, folder, targets):
    (folder / "prometheus.yml").write_text(PROMETHEUS.format(targets=targets))
    log = folder / "prometheus.log"
    with open(log, "wb") as out:
        started.append(subprocess.Popen(
            ["prometheus", f"--config.file={folder}/prometheus.yml",
             f"--storage.tsdb.path={folder}/data", "--web.listen-address=127.0.0.1:0"],
            stdout=out, stderr=out))
    address = wait_for(lambda: re.search(r'Listening on" address=(\S+)', log.read_text()),
                       log.read_text)
    return f"http://{address.group(1)}"


def start_trader(started, server, folder, targets):
    log = folder / "trader.log"
    with open(log, "wb") as out:
        started.append(subprocess.Popen(
            [sys.executable, ROLLOUTS / "trader.py", "--weir", server.http, "--sentinel",
             "momentum-sentinel", "--bars",
             ROOT / "examples" / "market" / "minute" / "BTC-USD" / "2018-04-04.csv",
             "--targets", targets, *(f"{one}={ROLLOUTS}/momentum-{one}.json" for one in VERSIONS)],
            stdout=out, stderr=out))
    wait_for(targets.exists, log.read_text)


def weir(server, *words):
    done = subprocess.run([binary(), *words], cwd=ROOT, capture_output=True, text=True,
                          timeout=SECONDS_MAX, env={**os.environ, "WEIR_TARGET": server.target},
                          check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def ended(server, rollout):
    """The rollout, once it has ended."""
    record = json.loads(weir(server, "-o", "json", "dagmanager", "canary", "show", rollout))
    return record if record["state"] in ("done", "rolled_back") else None


def weights_told(server):
    lines = weir(server, "-o", "json", "dagmanager", "events", "--http", server.http, "--types",
                 "sentinel_weight_updated").splitlines()
    return [(data["sentinel_version"], data["weight"])
            for data in (json.loads(line)["data"] for line in lines)]


def test_subscribers_are_told_what_the_page_shows(start_server, started, tmp_path):
    commands, told = shown()
    targets = tmp_path / "targets.json"
    canary = settings()["canary"]
    canary["prometheus_url"] = start_prometheus(started, tmp_path, targets)
    server = start_server("postgres", canary=canary)
    start_trader(started, server, tmp_path, targets)
    ends = []
    for words in commands:
        assert words[0] == "weir", words
        if words[2] == "events":
            continue  # the stream that stands beside; read below
        out = weir(server, *words[1:])
        if words[2:4] == ["canary", "start"]:
            rollout = out.split(" ", 1)[0]
            ends.append(wait_for(lambda rollout=rollout: ended(server, rollout), server.log_tail))
    assert [(one["state"], one["version"]) for one in ends] == [
        ("done", "v2"), ("rolled_back", "v3")]
    assert re.fullmatch(r"clipped: 0\.[5-9]\d*, at most 0\.4", ends[1]["reason"])
    wait_for(lambda: len(weights_told(server)) >= len(told), server.log_tail)
    assert weights_told(server) == told
    server.stop()


def test_every_graph_is_named_after_its_content():
    for version in VERSIONS:
        path = pathlib.Path(ROLLOUTS / f"momentum-{version}.json")
        done = subprocess.run([binary(), "-o", "json", "dagmanager", "lint", "--file", path],
                              capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
        findings = [json.loads(line) for line in done.stdout.splitlines()]
        assert [one for one in findings if one["severity"] == "error"] == []
