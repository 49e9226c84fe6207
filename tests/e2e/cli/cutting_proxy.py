# SPDX-License-Identifier: Apache-2.0
"""A TCP proxy that cuts its first connections after so many bytes from the server."""

import socket
import threading

BLOCK = 4096


class CuttingProxy:
    """Forwards to `target`; a connection is cut once as many bytes came back through it as the
    next of `cuts` says. A connection that ends before leaves its cut to a later one; when none is
    left, connections are left alone. `made` counts the cuts that came about."""

    def __init__(self, target, cuts):
        host, port = target.rsplit(":", 1)
        self._target = (host, int(port))
        self._cuts = list(cuts)
        self._lock = threading.Lock()
        self.made = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.target = "127.0.0.1:%d" % self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self):
        self._listener.close()

    def _accept(self):
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.create_connection(self._target)
            with self._lock:
                cut = self._cuts.pop(0) if self._cuts else None
            for source, sink, bound in ((client, server, None), (server, client, cut)):
                threading.Thread(
                    target=self._forward, args=(source, sink, bound), daemon=True
                ).start()

    def _forward(self, source, sink, bound):
        passed = 0
        try:
            while bound is None or passed < bound:
                block = source.recv(BLOCK if bound is None else min(BLOCK, bound - passed))
                if not block:
                    break
                sink.sendall(block)
                passed += len(block)
        except OSError:
            pass
        if bound is not None:
            with self._lock:
                if passed == bound:
                    self.made += 1
                else:
                    self._cuts.insert(0, bound)
        for end in (source, sink):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            end.close()
