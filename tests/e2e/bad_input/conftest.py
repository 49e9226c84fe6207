# SPDX-License-Identifier: Apache-2.0
"""One server for all bad input, and after every case the proof that it is still well."""

import pathlib
import sys

import pytest

INTEROP = pathlib.Path(__file__).resolve().parents[2] / "interop"
sys.path[:0] = [str(pathlib.Path(__file__).resolve().parent), str(INTEROP)]

from expectations import diff_once  # noqa: E402
from graphs import layered_graph  # noqa: E402
from suite_support import postgres, start_server  # noqa: E402, F401


@pytest.fixture(scope="session")
def server(start_server):  # noqa: F811
    """With the memory stores, on defaults."""
    return start_server("memory")


@pytest.fixture(scope="session")
def strict_server(start_server):  # noqa: F811
    """Refuses node ids that are not those of their content."""
    return start_server("memory", identity_check="reject")


@pytest.fixture(autouse=True)
def server_lives(request):
    """After every case that asked a server: it runs, and answers a good diff."""
    yield
    for name in ("server", "strict_server"):
        if name in request.fixturenames:
            asked = request.getfixturevalue(name)
            assert asked.alive, asked.log_tail()
            graph = layered_graph(2)
            outcome = diff_once(asked, dag_json=graph.to_json(), world_id="w1")
            assert len(outcome.queue_map) == 2, outcome.details
