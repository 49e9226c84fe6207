# SPDX-License-Identifier: Apache-2.0
"""Shares the servers and the PostgreSQL of the other suites."""

import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
INTEROP = HERE.parents[1] / "interop"
sys.path[:0] = [str(HERE), str(HERE.parent / "kill"), str(INTEROP)]

from suite_support import postgres, start_server  # noqa: E402, F401
