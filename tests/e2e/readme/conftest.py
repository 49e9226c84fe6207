# SPDX-License-Identifier: Apache-2.0
"""Shares the servers and the PostgreSQL of the other suites."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "interop"))

from suite_support import postgres, start_server  # noqa: E402, F401
