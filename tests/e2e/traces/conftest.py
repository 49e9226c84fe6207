# SPDX-License-Identifier: Apache-2.0
"""Shares the servers and the PostgreSQL of the other suites."""

import pathlib
import sys

INTEROP = pathlib.Path(__file__).resolve().parents[2] / "interop"
sys.path[:0] = [str(pathlib.Path(__file__).resolve().parent), str(INTEROP)]

from suite_support import postgres, start_server  # noqa: E402, F401
