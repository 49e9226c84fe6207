# SPDX-License-Identifier: Apache-2.0
"""A collector that records every span it is sent, as OTLP's JSON has it."""

import http.server
import json
import threading

WAIT_SECONDS_MAX = 60


class Span:
    """One span, flattened."""

    def __init__(self, raw):
        self.trace = raw["traceId"]
        self.id = raw["spanId"]
        self.parent = raw.get("parentSpanId", "")
        self.name = raw["name"]
        self.kind = raw["kind"]
        self.start = int(raw["startTimeUnixNano"])
        self.end = int(raw["endTimeUnixNano"])
        self.failed = raw.get("status", {}).get("code") == 2
        self.attributes = {
            one["key"]: self._value(one["value"]) for one in raw.get("attributes", [])
        }

    @staticmethod
    def _value(value):
        kind, held = next(iter(value.items()))
        return int(held) if kind == "intValue" else held

    def __repr__(self):
        return f"{self.name} {self.id} in {self.parent or '-'}"


class Collector:
    """Listens on a loopback port of its own while it is entered."""

    def __init__(self):
        self._spans = []
        self._came = threading.Condition()
        self.bodies = []
        self.resources = []
        collector = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                collector._take(self.path, self.headers["Content-Type"], body)
                self.send_response(200)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"{}")

            def log_message(self, *_):
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()

    @property
    def endpoint(self):
        return f"http://127.0.0.1:{self._server.server_port}"

    def _take(self, path, content_type, body):
        assert path == "/v1/traces" and content_type == "application/json"
        told = json.loads(body)["resourceSpans"]
        with self._came:
            self.bodies.append(body)
            for resource in told:
                self.resources.append(resource["resource"])
                for scope in resource["scopeSpans"]:
                    self._spans += [Span(raw) for raw in scope["spans"]]
            self._came.notify_all()

    def spans(self, trace=None):
        with self._came:
            return [span for span in self._spans if trace in (None, span.trace)]

    def wait_for(self, condition):
        """Until `condition(spans)` holds."""
        with self._came:
            came = self._came.wait_for(lambda: condition(self._spans), WAIT_SECONDS_MAX)
            assert came, self._spans
