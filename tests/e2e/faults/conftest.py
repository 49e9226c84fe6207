# SPDX-License-Identifier: Apache-2.0
"""Faults between the built program and its engines, done by `weir-faultproxy`. Shares the servers
and the PostgreSQL of the other suites."""

import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
INTEROP = HERE.parents[1] / "interop"
CHECKS = HERE.parent / "checks"
sys.path[:0] = [str(HERE), str(HERE.parent / "kill"), str(CHECKS), str(INTEROP)]

from brokers import brokers_of_a_file  # noqa: E402, F401
from suite_support import postgres, start_server  # noqa: E402, F401
