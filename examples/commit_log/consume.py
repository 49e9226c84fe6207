#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Reads a commit log and prints each row once, a line of JSON each.

    consume.py --brokers HOST:PORT,... --topic TOPIC [--max N]

A row is known by its node, compute key, time and window; the last 1,000,000 are remembered. Needs
confluent-kafka (`apt-get install python3-confluent-kafka`, or pip)."""

import argparse
import json
import pathlib
import sys
import uuid

import confluent_kafka

# As it stands in this repository; with the wheel: from weir_dagmanager_client.commit_log import …
sys.path.insert(
    0, str(pathlib.Path(__file__).resolve().parents[2] / "python" / "weir_dagmanager_client"))
from commit_log import CommitLogReader  # noqa: E402


def line_of(message, row):
    node, time, window, payload = row
    _, mark, compute_key = message.key().decode().partition("#ck=")
    return json.dumps({
        "node_id": node,
        "compute_key": compute_key.removesuffix(f":{window}") if mark else None,
        "bucket_ts": time,
        "input_window_hash": window,
        "payload": payload,
        "partition": message.partition(),
        "offset": message.offset(),
    })


def main():
    flags = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    flags.add_argument("--brokers", required=True)
    flags.add_argument("--topic", required=True)
    flags.add_argument("--max", type=int, help="end after so many rows")
    given = flags.parse_args()
    consumer = confluent_kafka.Consumer({
        "bootstrap.servers": given.brokers,
        "group.id": f"consume-{uuid.uuid4()}",
        "auto.offset.reset": "earliest",
        "enable.auto.commit": False,
    })
    consumer.subscribe([given.topic])
    reader, printed, bad = CommitLogReader(), 0, False
    try:
        while given.max is None or printed < given.max:
            message = consumer.poll(1.0)
            if message is None:
                continue
            if message.error():
                raise SystemExit(f"consume.py: {message.error()}")
            try:
                row = reader.read(message.key() or b"", message.value() or b"")
            except ValueError as error:
                bad = True
                print(f"partition {message.partition()}, offset {message.offset()}: {error}",
                      file=sys.stderr)
                continue
            if row is not None:
                print(line_of(message, row), flush=True)
                printed += 1
    except KeyboardInterrupt:
        pass
    finally:
        consumer.close()
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
