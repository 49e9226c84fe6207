# SPDX-License-Identifier: Apache-2.0
"""A running `weir-faultproxy` and its control door (tests/tools/faultproxy/README.md)."""

import contextlib
import json
import os
import pathlib
import socket
import subprocess

from weir_server import binary

ANSWER_SECONDS_MAX = 30


def proxy_binary():
    told = os.environ.get("WEIR_FAULTPROXY")
    return pathlib.Path(told) if told else binary().parent / "weir-faultproxy"


class FaultProxy:
    """One process; `pairs` are texts LISTEN=TARGET."""

    def __init__(self, protocol, *pairs):
        words = [word for pair in pairs for word in ("--pair", pair)]
        self._process = subprocess.Popen(
            [proxy_binary(), "--protocol", protocol, *words], stdout=subprocess.PIPE, text=True
        )
        told = json.loads(self._process.stdout.readline())
        self.listens = [pair["listen"] for pair in told["pairs"]]
        host, port = told["control"].rsplit(":", 1)
        self._control = socket.create_connection((host, int(port)), ANSWER_SECONDS_MAX)
        self._lines = self._control.makefile("rw")

    def _command(self, **words):
        self._lines.write(json.dumps(words) + "\n")
        self._lines.flush()
        answer = json.loads(self._lines.readline())
        assert answer["ok"], answer
        return answer

    def add(self, kind, **members):
        """The rule's number."""
        return self._command(add={"kind": kind, **members})["rule"]

    def clear(self):
        self._command(clear=True)

    def show(self):
        return self._command(show=True)

    def hits(self, number):
        [found] = [rule["hits"] for rule in self.show()["rules"] if rule["rule"] == number]
        return found

    def live(self, number):
        return any(rule["live"] for rule in self.show()["rules"] if rule["rule"] == number)

    @contextlib.contextmanager
    def rule(self, kind, **members):
        """In force within, unless it ends before."""
        number = self.add(kind, **members)
        try:
            yield number
        finally:
            if self.live(number):
                self._command(remove=number)

    def stop(self):
        self._control.close()
        self._process.terminate()
        assert self._process.wait(ANSWER_SECONDS_MAX) == 0
        self._process.stdout.close()
