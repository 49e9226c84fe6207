# SPDX-License-Identifier: Apache-2.0
"""Fixtures and small helpers that the suites share; a suite's conftest.py imports them by name."""

import asyncio
import functools
import os
import subprocess

import pytest

from private_postgres import PrivatePostgres
from weir_server import WeirServer, binary

STORES = ("memory", "postgres")


def asynchronous(test):
    """Runs an `async def` test in an event loop of its own."""

    @functools.wraps(test)
    def run(*args, **kwargs):
        asyncio.run(test(*args, **kwargs))

    return run


@pytest.fixture(scope="session")
def postgres():
    """A PostgreSQL for the whole session."""
    cluster = PrivatePostgres().start()
    yield cluster
    cluster.stop()


@pytest.fixture
def postgres_dsn(postgres):
    """The DSN of an empty database."""
    return postgres.new_database()


def store_settings(store, request, folder):
    """The config keys that choose the engines; a memory store keeps its snapshot in `folder`."""
    if store == "postgres":
        dsn = request.getfixturevalue("postgres").new_database()
        return {"graph_dsn": dsn, "topics_dsn": dsn}
    return {"memory_repo_path": str(folder / "graph.snapshot")}


class ServerMaker:
    """Makes servers and ends all that still run."""

    def __init__(self, request, tmp_path_factory):
        self._request = request
        self._tmp_path_factory = tmp_path_factory
        self._servers = []

    def __call__(self, store="memory", top=None, **settings):
        folder = self._tmp_path_factory.mktemp("weir")
        chosen = store_settings(store, self._request, folder)
        server = WeirServer(folder, {**chosen, **settings}, top).start()
        self._servers.append(server)
        return server

    def end_all(self):
        for server in self._servers:
            server.kill()


def require_binary():
    if not os.access(binary(), os.X_OK):
        pytest.fail(f"there is no program at {binary()}; build it, or set WEIR_BINARY")


@pytest.fixture(scope="session")
def start_server(request, tmp_path_factory):
    """Starts a server: start_server(store, top={...}, key=value, ...)."""
    require_binary()
    maker = ServerMaker(request, tmp_path_factory)
    yield maker
    maker.end_all()


def run_weir(*arguments, cwd=None, env=None, timeout=60):
    """Runs the built binary to its end."""
    require_binary()
    return subprocess.run(
        [binary(), *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=timeout,
        cwd=cwd,
        env={**os.environ, **(env or {})},
    )
