# SPDX-License-Identifier: Apache-2.0
"""Operator `partition`: commits one small file as a partition named after its trigger's cursor."""

import hashlib
import http.client
import json
import os
import socket
import sys


class Api(http.client.HTTPConnection):
    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(os.environ["TRACE_TASK_API"].removeprefix("unix:"))

    def call(self, method, route, body):
        self.request(method, "/v1/task/" + route, body)
        answer = self.getresponse()
        text = answer.read()
        if answer.status >= 300:
            print(text.decode(), file=sys.stderr)
            sys.exit(75 if answer.status >= 500 or answer.status == 429 else 65)
        return text


task, api = json.load(sys.stdin), Api("worker")
scope, output = task["scope"], task["outputs"][0]
key = scope.get("partition_key") or f"c{scope['cursor_to']}"
body = json.dumps(scope).encode()
stored = json.loads(api.call("PUT", f"objects/{key}/part_0.parquet?output=0", body))
manifest = json.dumps({
    "manifest_version": 1, "dataset_uuid": output["dataset_uuid"],
    "dataset_version": output["dataset_version"], "partition_key": key,
    "objects": [{"key": "part_0.parquet", "size": stored["size"], "sha256": stored["sha256"],
                 "rows": 1}],
    "schema_hash": "partition-1"}).encode()
api.call("PUT", f"objects/{key}/_manifest.json?output=0", manifest)
api.call("PUT", f"objects/{key}/_SUCCESS?output=0", b"")
commit = {"prefix": f"{output['staging_prefix']}{key}/",
          "manifest_sha256": hashlib.sha256(manifest).hexdigest()}
event = {"output": 0, "partition_key": key, "commit": commit}
api.call("POST", "events", json.dumps({"events": [event]}).encode())
