# SPDX-License-Identifier: Apache-2.0
"""Which server the suite runs against: built ones, one a store, or any at --target."""

import dataclasses
import os
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from suite_support import STORES, postgres, postgres_dsn, start_server  # noqa: E402, F401

DEFAULT_ACK_TIMEOUT_SECONDS = 30


def pytest_addoption(parser):
    group = parser.getgroup("weir")
    group.addoption("--store", choices=(*STORES, "all"), default="all", help="engines to test")
    group.addoption(
        "--ack-timeout-seconds",
        type=int,
        default=DEFAULT_ACK_TIMEOUT_SECONDS,
        help="what the config of the server at --target says (%(default)s)",
    )
    group.addoption("--target", default=os.environ.get("WEIR_INTEROP_TARGET"), help="host:port")


def pytest_generate_tests(metafunc):
    if "store" not in metafunc.fixturenames:
        return
    chosen = metafunc.config.getoption("--store")
    stores = STORES if chosen == "all" else (chosen,)
    if metafunc.config.getoption("--target"):
        stores = ("target",)
    metafunc.parametrize("store", stores, scope="session")


@dataclasses.dataclass(frozen=True)
class Place:
    """A server to ask, and what its config says of the suite's concern."""

    target: str
    ack_timeout_seconds: int


@pytest.fixture(scope="session")
def place(request, store):
    """The server that most tests share; its clients may be silent for 2 s only."""
    target = request.config.getoption("--target")
    if target:
        return Place(target, request.config.getoption("--ack-timeout-seconds"))
    seconds = 2
    server = request.getfixturevalue("start_server")(store, ack_timeout_seconds=seconds)
    return Place(server.target, seconds)


@pytest.fixture
def own_server(request, store):
    """Starts a server of the test's own: own_server(key=value, ...)."""
    if request.config.getoption("--target"):
        pytest.skip("needs a server that the test can configure, stop and start")
    start = request.getfixturevalue("start_server")
    return lambda **settings: start(store, **settings)
