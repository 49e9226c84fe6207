# SPDX-License-Identifier: Apache-2.0
"""Makes the Python stubs of proto/dagmanager.proto with `scripts/stubs`, once, and imports them.

They go to WEIR_STUBS_DIR (the build sets it), else to build/stubs.
"""

import importlib
import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROTO = ROOT / "proto" / "dagmanager.proto"


def _folder():
    out = pathlib.Path(os.environ.get("WEIR_STUBS_DIR") or ROOT / "build" / "stubs")
    stub = out / "python" / "dagmanager_pb2_grpc.py"
    if not stub.exists() or stub.stat().st_mtime < PROTO.stat().st_mtime:
        command = [ROOT / "scripts" / "stubs", "--out", out, "--lang", "python"]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"scripts/stubs failed:\n{done.stderr}")
    return out / "python"


sys.path.insert(0, str(_folder()))
pb2 = importlib.import_module("dagmanager_pb2")
pb2_grpc = importlib.import_module("dagmanager_pb2_grpc")
