# SPDX-License-Identifier: Apache-2.0
"""Operator `rows_copier`: hands the rows of its input on to its output as the parquet file in which
they come, tries what is none, and tells both in its result."""

import http.client
import json
import os
import socket
import sys

PARQUET = "application/vnd.apache.parquet"


class Api(http.client.HTTPConnection):
    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(os.environ["TRACE_TASK_API"].removeprefix("unix:"))

    def call(self, method, route, body=None, **headers):
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        self.request(method, "/v1/task/" + route, body, sent)
        answer = self.getresponse()
        return answer.status, answer.read(), answer.getheader("Content-Type")


task, api = json.load(sys.stdin), Api("worker")
cursor = task["scope"]["cursor_to"]
target = f"rows?output=0&cursor={cursor}"
_, lines, _ = api.call("GET", "rows?relation=input_0")
status, rows, kind = api.call("GET", "rows?relation=input_0", Accept=PARQUET)
refused, why, _ = api.call("PUT", target, b"PAR1 and no more", Content_Type=PARQUET)
written, answer, _ = api.call("PUT", target, rows, Content_Type=PARQUET)
again, repeated, _ = api.call("PUT", target, rows, Content_Type=PARQUET)
api.call("POST", "events", json.dumps({"events": [{"output": 0, "cursor": cursor}]}).encode())
print(json.dumps({"get": [status, kind, rows[:4].decode("latin1")], "lines": lines.count(b"\n"),
                  "refused": [refused, json.loads(why)["code"]],
                  "put": [written, json.loads(answer)], "again": [again, json.loads(repeated)]}))
