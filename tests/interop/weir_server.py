# SPDX-License-Identifier: Apache-2.0
"""Starts and stops the built binary: `weir dagmanager server --config FILE`."""

import json
import os
import pathlib
import random
import signal
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
# Below the range from which the kernel takes the ports of outgoing connections.
PORTS = range(20000, 32000)
START_SECONDS_MAX = 60
STOP_SECONDS_MAX = 60
START_TRIES = 3


def binary():
    """WEIR_BINARY, else the dev build's."""
    path = os.environ.get("WEIR_BINARY") or ROOT / "build" / "dev" / "bin" / "weir"
    return pathlib.Path(path)


def free_ports(count):
    """Ports of the loopback interface that nobody listens at now."""
    found = []
    for port in random.SystemRandom().sample(PORTS, 200):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        found.append(port)
        if len(found) == count:
            return found
    raise RuntimeError("no free ports on the loopback interface")


def yaml_lines(mapping, depth=0):
    """Plain block YAML; every text is quoted as JSON, which YAML reads the same."""
    for key, value in mapping.items():
        if isinstance(value, dict):
            yield "  " * depth + f"{key}:"
            yield from yaml_lines(value, depth + 1)
        else:
            yield "  " * depth + f"{key}: {json.dumps(value)}"


class WeirServer:
    """One server process with a config of its own in `folder`. `settings` are keys of the
    `dagmanager` section; the ports are chosen here."""

    def __init__(self, folder, settings=None, top=None):
        self.folder = pathlib.Path(folder)
        self.settings = dict(settings or {})
        self._top = dict(top or {})
        self.process = None
        self.log = self.folder / "server.log"
        self.config = self.folder / "weir.yml"
        self._choose_ports()

    def _choose_ports(self):
        self.grpc_port, self.http_port = free_ports(2)

    @property
    def target(self):
        return f"127.0.0.1:{self.grpc_port}"

    @property
    def http(self):
        return f"http://127.0.0.1:{self.http_port}"

    def write_config(self):
        section = {**self.settings, "grpc_port": self.grpc_port, "http_port": self.http_port}
        lines = yaml_lines({**self._top, "dagmanager": section})
        self.config.write_text("\n".join(lines) + "\n")

    def start(self):
        """Starts and waits for /readyz; where a port was taken meanwhile, on other ports."""
        for attempt in range(1, START_TRIES + 1):
            self.write_config()
            command = [binary(), "dagmanager", "server", "--config", self.config]
            with open(self.log, "ab") as log:
                self.process = subprocess.Popen(command, stdout=log, stderr=log, cwd=self.folder)
            fault = self._wait_until_ready()
            if fault is None:
                return self
            self.kill()
            if attempt == START_TRIES or "in use" not in self.log_tail():
                raise RuntimeError(f"{fault}\n{self.log_tail()}")
            self._choose_ports()
        return self

    def _wait_until_ready(self):
        deadline = time.monotonic() + START_SECONDS_MAX
        pause = threading.Event()
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                return f"the server ended at its start with exit {self.process.returncode}"
            if self.get("/readyz")[0] == 200:
                return None
            pause.wait(0.02)
        return f"the server was not ready in {START_SECONDS_MAX} s"

    def get(self, path, method="GET", body=None):
        """Status and body of an HTTP call; status 0 where nothing listens."""
        request = urllib.request.Request(self.http + path, data=body, method=method)
        try:
            with urllib.request.urlopen(request, timeout=10) as reply:
                return reply.status, reply.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()
        except OSError:
            return 0, b""

    def log_tail(self):
        return self.log.read_text(errors="replace")[-4000:] if self.log.exists() else ""

    @property
    def alive(self):
        return self.process is not None and self.process.poll() is None

    def stop(self, how=signal.SIGTERM):
        """Ends the process and gives its exit code; None if there is none."""
        if self.process is None:
            return None
        if self.process.poll() is None:
            self.process.send_signal(how)
        try:
            code = self.process.wait(STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise
        self.process = None
        return code

    def kill(self):
        return self.stop(signal.SIGKILL)
