# SPDX-License-Identifier: Apache-2.0
"""The golden envelopes on real brokers: kcat and a Python client read them byte for byte as they
stand in tests/data/golden (contract section 1.4)."""

import json
import pathlib
import subprocess
import time
import uuid

import confluent_kafka

from bus_reader import ARRIVED_SECONDS_MAX, unsent
from test_kill import query
from test_kill_loops import wait_until
from test_topics import brokers  # noqa: F401

GOLDEN = pathlib.Path(__file__).resolve().parents[2] / "data" / "golden"
WEIGHTS = "sentinel_weight"
INDICATOR = "btc_Indicator_6d6ee26c_v1"
AT = "'2025-08-28 09:00:00.123456+00'"
ID = "0b0e6a53-6f0c-4f7e-8a59-00000000000"

# Rows of the outbox by what they render to; each with the number that ends its id. Queue ids are
# packed: 5 is one byte.
ROWS = {
    "queue_updated": (1, "kind, revision, tags, interval_seconds, match_all, world_id,"
                         " execution_domain, queue_ids",
                      r"'queue_updated', 77, '{BTC,price}', 60, false, '', '', '\x05'"),
    "queue_updated_world": (3, "kind, revision, tags, interval_seconds, match_all, world_id,"
                               " execution_domain, queue_ids",
                            r"'queue_updated', 2, '{BTC}', 60, false, 'w1', 'live', '\x06'"),
    "queue_lifecycle": (
        7, "kind, revision, world_id, execution_domain, topic, action, reason, tag,"
           " archive_status",
        f"'queue_lifecycle', 1, '', '', '{INDICATOR}', 'drop', 'eligible', '', ''"),
    "queue_lifecycle_world": (
        8, "kind, revision, world_id, execution_domain, topic, action, reason, tag,"
           " interval_seconds, archive_status",
        f"'queue_lifecycle', 2, 'w1', 'live', 'w1.live.{INDICATOR}', 'archive', 'eligible',"
        " 'indicator', 60, 'archived'"),
    "sentinel_weight_updated": (4, "kind, revision, world_id, sentinel_id, version, weight",
                                "'sentinel_weight_updated', 1, '', 's1-sentinel', 'v2', 0.25"),
    "sentinel_weight_updated_world": (
        5, "kind, revision, world_id, sentinel_id, version, weight",
        "'sentinel_weight_updated', 1, 'w1', 's1-sentinel', 'v2', 0.333333"),
}


def golden(name):
    return (GOLDEN / f"{name}.json").read_bytes().removesuffix(b"\n")


def write_rows(dsn):
    query(dsn, "INSERT INTO weir_dagmanager.gone_queue VALUES"
               f" (5, '{INDICATOR}', false, 1000), (6, 'w1.live.{INDICATOR}', false, 1000)")
    for key_seq, (end, columns, values) in enumerate(ROWS.values(), start=1):
        query(dsn, f"INSERT INTO weir_dagmanager.outbox (key_seq, id, created_at, {columns})"
                   f" VALUES ({key_seq}, '{ID}{end}', {AT}, {values})")


def read_by_kcat(brokers, topic):  # noqa: F811
    """Values as they are, a byte that no envelope has between them."""
    done = subprocess.run(
        ["kcat", "-b", brokers, "-C", "-t", topic, "-o", "beginning", "-e", "-q", "-D", "\x1e"],
        capture_output=True, check=True, timeout=60,
    )
    return set(done.stdout.split(b"\x1e")) - {b""}


def read_by_python(brokers, topic, wanted):  # noqa: F811
    """Values that a consumer of a group of its own gets, until all that are wanted came."""
    consumer = confluent_kafka.Consumer({
        "bootstrap.servers": brokers, "group.id": str(uuid.uuid4()),
        "auto.offset.reset": "earliest", "enable.auto.commit": False,
    })
    consumer.subscribe([topic])
    values = set()
    deadline = time.monotonic() + ARRIVED_SECONDS_MAX
    while not wanted <= values and time.monotonic() < deadline:
        message = consumer.poll(0.5)
        if message is not None and not message.error():
            values.add(message.value())
    consumer.close()
    return values


def test_two_clients_read_the_golden_envelopes(start_server, postgres, brokers):  # noqa: F811
    queue_topic = f"queue-{uuid.uuid4()}"
    server = start_server(
        "postgres", graph_dsn=postgres.new_database(), controlbus_dsn=f"kafka://{brokers}",
        controlbus_queue_topic=queue_topic,
    )
    dsn = server.settings["graph_dsn"]
    server.stop()
    write_rows(dsn)
    query(dsn, "UPDATE weir_dagmanager.loop_lease SET until = now()")
    server.start()
    wait_until(lambda: unsent(dsn) == 0, ARRIVED_SECONDS_MAX)
    queues = {golden(name) for name in ROWS if name.startswith("queue")}
    weights = {golden(name) for name in ROWS if name.startswith("sentinel")}
    assert read_by_kcat(brokers, queue_topic) == queues
    assert read_by_python(brokers, queue_topic, queues) == queues
    # Others' weights are there too.
    ours = {value for value in read_by_kcat(brokers, WEIGHTS)
            if json.loads(value)["id"].startswith(ID)}
    assert ours == weights
    assert weights <= read_by_python(brokers, WEIGHTS, weights)
    server.stop()
