# SPDX-License-Identifier: Apache-2.0
"""Operator `minute_gaps`: reads a partition of minute bars, keeps where minutes are missing.

It shows all that an operator does: the task comes as JSON on stdin, everything else goes through the
worker's private socket, the exit code tells how it ended, the last line of output is its result.
"""
import datetime
import hashlib
import http.client
import json
import os
import socket
import sys
import urllib.parse

from tiny_parquet import parquet


class Api(http.client.HTTPConnection):  # no token and no fence: the worker adds them
    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(os.environ["TRACE_TASK_API"].removeprefix("unix:"))

    def call(self, method, route, body=b""):
        self.request(method, "/v1/task/" + route, body)
        answer = self.getresponse()
        text = answer.read()
        if answer.status >= 300:
            print(text.decode(), file=sys.stderr)
            sys.exit(75 if answer.status >= 500 or answer.status == 429 else 65)  # again, or never
        return text


def put(name, body):  # below the staging prefix of output 0
    return json.loads(api.call("PUT", f"objects/{scope['partition_key']}/{name}?output=0", body))


task, api = json.load(sys.stdin), Api("worker")
scope, output = task["scope"], task["outputs"][0]
query = {"relation": "input_0", "cursor_column": "time", "start": scope["start"], "end": scope["end"]}
lines = api.call("GET", "rows?" + urllib.parse.urlencode(query)).splitlines()
times = [datetime.datetime.fromisoformat(json.loads(line)["time"].replace("Z", "+00:00")) for line in lines]
seen = [int(time.timestamp()) // 60 for time in times]  # minutes, in order
gaps = [(a * 60000, b - a - 1) for a, b in zip(seen, seen[1:]) if b - a > 1]

name = "part_0.parquet"
stored = put(name, parquet({"after_ms": [gap[0] for gap in gaps], "minutes": [gap[1] for gap in gaps]}))
item = {"key": name, "size": stored["size"], "sha256": stored["sha256"], "rows": len(gaps)}
manifest = json.dumps({"manifest_version": 1, "dataset_uuid": output["dataset_uuid"],
                       "dataset_version": output["dataset_version"], "partition_key": scope["partition_key"],
                       "objects": [item], "schema_hash": "minute_gaps-1"}).encode()
put("_manifest.json", manifest)
put("_SUCCESS", b"")  # last: from now on it is a commit that an event may name
commit = {"prefix": output["staging_prefix"] + scope["partition_key"] + "/",
          "manifest_sha256": hashlib.sha256(manifest).hexdigest()}
event = {"output": 0, "partition_key": scope["partition_key"], "start": scope["start"], "end": scope["end"]}
api.call("POST", "events", json.dumps({"events": [{**event, "commit": commit}]}).encode())
print(json.dumps({"rows": len(gaps), "bars": len(seen)}))
