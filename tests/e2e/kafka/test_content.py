# SPDX-License-Identifier: Apache-2.0
"""What Weir reads of topics on three real brokers: sizes, lags, and the content that is kept when a
queue ends (contract sections 3.11, 3.12, 3.14)."""

import asyncio
import json
import struct
import subprocess
import uuid

import grpc
import pytest

from graphs import layered_graph
from stubs import pb2
from suite_support import run_weir
from test_kill import query, submit
from test_kill_gc import metric
from test_kill_loops import wait_until
from test_topics import Paused, brokers, topics  # noqa: F401
from wire import Wire

NODES = 3
RUN = uuid.uuid4().hex  # brokers may have the topics of an earlier one
IN_THE_END = 60


def kcat(brokers, *words, given=None):  # noqa: F811
    return subprocess.run(
        ["kcat", "-b", brokers, *words], input=given, capture_output=True, text=True, check=True,
        timeout=60,
    ).stdout


def write(brokers, topic, count):  # noqa: F811
    lines = "".join(f"k{i}:v{i}\n" for i in range(count))
    kcat(brokers, "-P", "-K:", "-t", topic, given=lines)
    return {f"k{i}".encode(): f"v{i}".encode() for i in range(count)}


def topics_of(server, mark):
    answer = submit(server, layered_graph(NODES, mark=f"{mark} {RUN}"))
    assert answer.code == grpc.StatusCode.OK, answer
    return sorted(set(answer.queue_map.values()))


def stats(server):
    """Sizes by topic, or the reason why there are none."""

    async def ask():
        async with Wire(server.target) as wire:
            reply = await wire.admin.GetQueueStats(pb2.QueueStatsRequest(), timeout=10)
            return dict(reply.sizes)

    try:
        return asyncio.run(ask())
    except grpc.RpcError as refused:
        return refused.details().split(":")[0]


def broker_state(server):
    return json.loads(server.get("/status")[1])["engines"]["broker"]


def messages_of(content):
    """(partition, offset, timestamp, key, value) of an archive, as its format has them."""
    at = 0
    found = []
    while at < len(content):
        partition, offset, timestamp = struct.unpack_from("<iqq", content, at)
        at += 20
        texts = []
        for _ in range(2):
            (size,) = struct.unpack_from("<i", content, at)
            at += 4
            texts.append(None if size < 0 else content[at : at + size])
            at += max(size, 0)
        found.append((partition, offset, timestamp, *texts))
    return found


@pytest.fixture
def server(start_server, postgres, brokers):  # noqa: F811
    one = start_server(
        "memory", graph_dsn=postgres.new_database(), topics_dsn=f"kafka://{brokers}",
        topic_overrides={tag: {"lag_alert_seconds": 1} for tag in ("raw", "indicator")},
    )
    yield one
    one.kill()


def test_sizes_are_those_of_the_brokers_and_refused_without_them(server, brokers):  # noqa: F811
    names = topics_of(server, "sizes")
    assert stats(server) == dict.fromkeys(names, 0)
    write(brokers, names[0], 20)
    held = {**dict.fromkeys(names, 0), names[0]: 20}
    wait_until(lambda: stats(server) == held, IN_THE_END)
    with Paused():
        wait_until(lambda: stats(server) == "broker_unavailable", IN_THE_END)
        wait_until(lambda: broker_state(server) != "closed", IN_THE_END)
        wait_until(lambda: metric(server, "broker_controller_unreachable") == 1, IN_THE_END)
    wait_until(lambda: stats(server) == held, IN_THE_END)
    assert metric(server, "broker_controller_unreachable") == 0


def test_a_reader_that_is_behind_is_told_of(server, brokers):  # noqa: F811
    behind, ahead, unread = topics_of(server, "lag")
    for topic in (behind, ahead, unread):
        write(brokers, topic, 5)
    kcat(brokers, "-G", f"lag-{behind}", "-o", "beginning", "-c", "2", behind)
    kcat(brokers, "-G", f"lag-{ahead}", "-o", "beginning", "-e", ahead)

    def lag(topic):
        return metric(server, f'queue_lag_seconds{{topic="{topic}"}}')

    wait_until(lambda: (lag(behind) or 0) > 1, IN_THE_END)
    assert lag(ahead) == 0
    assert lag(unread) is None
    assert metric(server, f'queue_lag_threshold_seconds{{topic="{behind}"}}') == 1
    dsn = server.settings["graph_dsn"]
    said = (
        "SELECT name, subject, topic, detail FROM weir_dagmanager.alert_condition"
        f" WHERE subject = '{behind}'"
    )
    wait_until(lambda: query(dsn, said), IN_THE_END)
    [[name, subject, topic, detail]] = query(dsn, said)
    assert (name, subject, topic) == ("QueueLagHigh", behind, behind)
    assert detail.endswith("s, the bound 1 s")


def test_what_a_collected_topic_held_is_in_the_archive(
    start_server, postgres, brokers, tmp_path  # noqa: F811
):
    policy = {"ttl_days": 0, "grace_days": 0, "action": "archive"}
    server = start_server(
        "memory", graph_dsn=postgres.new_database(), topics_dsn=f"kafka://{brokers}",
        gc_archive_bucket=f"file://{tmp_path}", gc_interval_seconds=1,
        gc_policies={tag: policy for tag in ("raw", "indicator", "trade_exec")},
    )
    names = topics_of(server, "archive")
    written = {topic: write(brokers, topic, 2500) for topic in names[:2]}
    written[names[2]] = {}
    done = run_weir("dagmanager", "gc", "--sentinel", "killed", "--target", server.target)
    assert done.returncode == 0, done.stderr
    wait_until(lambda: not set(names) & set(topics(brokers)), IN_THE_END)
    for topic, pairs in written.items():
        [content] = tmp_path.glob(f"{topic}-*.content")
        [manifest] = tmp_path.glob(f"{topic}-*.manifest.json")
        kept = messages_of(content.read_bytes())
        assert {key: value for _, _, _, key, value in kept} == pairs
        assert len(kept) == len(pairs)
        assert len({(partition, offset) for partition, offset, *_ in kept}) == len(pairs)
        told = json.loads(manifest.read_text())
        assert told["messages"] == len(pairs)
        assert sum(one["end"] - one["first"] for one in told["partitions"]) == len(pairs)
    server.kill()
