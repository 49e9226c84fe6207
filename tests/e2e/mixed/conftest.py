# SPDX-License-Identifier: Apache-2.0
"""Shares the servers and the PostgreSQL of the other suites, and the orders of the kill tests."""

import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "kill"), str(HERE.parents[1] / "interop")]

from suite_support import postgres, start_server  # noqa: E402, F401
