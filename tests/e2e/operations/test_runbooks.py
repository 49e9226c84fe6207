# SPDX-License-Identifier: Apache-2.0
"""What the runbooks tell operators to type, typed."""

import asyncio
import os
import pathlib
import re
import subprocess

import grpc
import pytest

from graphs import layered_graph
from weir_server import binary
from wire import Wire

RUNBOOKS = pathlib.Path(__file__).resolve().parents[3] / "docs" / "operations" / "runbooks"
PAGES = sorted(page.stem for page in RUNBOOKS.glob("*.md"))
SECONDS_MAX = 60


@pytest.fixture(scope="module")
def server(start_server):
    started = start_server("postgres")

    async def submit():
        async with Wire(started.target) as wire:
            return await wire.diff(
                strategy_id="s", dag_json=layered_graph(3).to_json(), world_id="w1",
                execution_domain="live",
            )

    assert asyncio.run(submit()).code == grpc.StatusCode.OK
    yield started
    started.stop()


def blocks(page):
    text = (RUNBOOKS / f"{page}.md").read_text()
    return re.findall(r"^```sh\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("page", PAGES)
def test_the_commands_of_a_runbook_run(page, server):
    found = blocks(page)
    assert found, "a runbook without a command helps nobody at night"
    environment = {
        **os.environ,
        "PATH": f"{binary().parent}:{os.environ['PATH']}",
        "WEIR_HTTP": server.http,
        "WEIR_TARGET": server.target,
        "WEIR_DSN": server.settings["graph_dsn"],
        "PAGER": "cat",
    }
    for block in found:
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", block],
            env=environment, cwd="/", capture_output=True, text=True, timeout=SECONDS_MAX,
        )
        assert done.returncode == 0, f"{block}\n{done.stdout}{done.stderr}"


def test_the_first_look_of_each_runbook_says_something(server):
    """A look whose metrics are not there would say that all is well."""
    status, body = server.get("/metrics")
    assert status == 200
    text = body.decode()
    for name in ("diff_requests_total", "breaker_state", "graph_leader_unreachable",
                 "broker_controller_unreachable", "compute_nodes_total", "outbox_pending",
                 "cross_context_hits_open", "graph_epoch", "nodecache_resident_bytes"):
        assert re.search(rf"^{name}\b", text, re.MULTILINE), name
