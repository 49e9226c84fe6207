# SPDX-License-Identifier: Apache-2.0
"""What the checks of the task plane share: a `weir up` a file, and the invariants after each
test."""

import os
import pathlib
import sys
import tempfile

import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1] / "interop")]

from harness import Plane  # noqa: E402


@pytest.fixture(scope="module")
def running():
    """One for all tests of a file; PostgreSQL's own user must reach its folder."""
    with tempfile.TemporaryDirectory(prefix="weir-checks-") as folder:
        os.chmod(folder, 0o755)
        plane = Plane(pathlib.Path(folder) / "state")
        try:
            yield plane
        finally:
            plane.stop()


@pytest.fixture(name="plane")
def checked_plane(running):
    """The file's plane; after the test every invariant of its database holds."""
    yield running
    running.check()
