# SPDX-License-Identifier: Apache-2.0
"""Item 12 of section 6.4: what a server tells, fed to the gateway's consumer."""

import json
import threading
import time
import uuid

import grpc

from gateway_consumer import GatewayConsumer, address_of
from graphs import layered_graph, nonce
from suite_support import asynchronous, run_weir
from wire import Wire

REVISIONS = 5
NODES = 4
WEIGHTS = (0.1, 0.5, 0.1, 1, 0)
GOES_SECONDS_MAX = 60
GOES_AT_ONCE = {"gc_interval_seconds": 1, "gc_policies": {
    tag: {"ttl_days": 0, "grace_days": 0, "action": "delete"} for tag in ("raw", "indicator")}}


def graph_of_tag(tag, sentinel=None, version="v1"):
    graph = layered_graph(NODES)
    for node in graph.nodes:  # all answer one query, whose revisions show what is missing
        node["tags"] = [tag]
    if sentinel:
        graph.meta["version"] = version
        graph.nodes.append({"node_id": sentinel, "node_type": "VersionSentinel"})
    return graph


async def submit(wire, graph, name, world):
    outcome = await wire.diff(strategy_id=name, dag_json=graph.to_json(), world_id=world,
                              execution_domain="live" if world else "", as_of="")
    assert outcome.code == grpc.StatusCode.OK, outcome.details


def told(server):
    """Every envelope, in order, as the command prints them."""
    done = run_weir("-o", "json", "dagmanager", "events", "--after", "0", "--http", server.http)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def consumed(envelopes):
    consumer = GatewayConsumer()
    for envelope in envelopes:
        consumer.feed(*address_of(envelope), json.dumps(envelope).encode())
    return consumer


def assert_all_taken(consumer, envelopes):
    assert consumer.taken == [envelope["data"]["etag"] for envelope in envelopes]
    assert not (consumer.dropped or consumer.invalid or consumer.unhandled)


@asynchronous
async def test_12_every_revision_is_delivered_and_the_last_set_is_whole(own_server):
    server = own_server()
    tag, name = nonce(), str(uuid.uuid4())
    async with Wire(server.target) as wire:
        for _ in range(REVISIONS):
            for world in ("w1", ""):  # side by side: the consumer keeps one etag for both
                await submit(wire, graph_of_tag(tag), name, world)
    envelopes = told(server)
    consumer = consumed(envelopes)
    assert_all_taken(consumer, envelopes)
    in_world = {asked: queues for asked, queues in consumer.queues.items()
                if asked[0] == (tag,) and asked[3] == "w1"}
    [(asked, queues)] = in_world.items()
    assert asked == ((tag,), 60, "any", "w1", "live")
    assert len({queue for queue, _ in queues}) == REVISIONS * NODES
    assert all(queue.startswith("w1.live.") for queue, _ in queues)
    of_tag = [envelope["data"] for envelope in envelopes if envelope["data"]["tags"] == [tag]]
    assert [data["etag"] for data in of_tag] == [
        f"q:{tag}:60:{number}" for number in range(1, len(of_tag) + 1)]
    assert [data.get("world_id") for data in of_tag].count("w1") == REVISIONS


@asynchronous
async def test_12_every_weight_is_delivered(own_server):
    server = own_server()
    name = str(uuid.uuid4())
    sentinel = f"{name}-sentinel"
    async with Wire(server.target) as wire:
        await submit(wire, graph_of_tag(nonce(), sentinel), name, "w1")
    for weight in WEIGHTS:
        done = run_weir("dagmanager", "weight", "--sentinel", sentinel, "--set", weight,
                        "--target", server.target)
        assert done.returncode == 0, done.stderr
    envelopes = told(server)
    consumer = consumed(envelopes)
    assert_all_taken(consumer, envelopes)
    weights = [envelope["data"]["weight"] for envelope in envelopes
               if envelope["type"] == "sentinel_weight_updated"]
    assert weights[-len(WEIGHTS):] == list(WEIGHTS)
    assert consumer.weights == {sentinel: WEIGHTS[-1]}


@asynchronous
async def test_12_every_queue_that_goes_is_told_and_is_in_no_set_any_more(own_server):
    server = own_server(**GOES_AT_ONCE)
    tag, name = nonce(), str(uuid.uuid4())
    async with Wire(server.target) as wire:
        await submit(wire, graph_of_tag(tag), name, "w1")
    done = run_weir("dagmanager", "gc", "--sentinel", name, "--target", server.target)
    assert done.returncode == 0, done.stderr
    end = time.monotonic() + GOES_SECONDS_MAX
    pause = threading.Event()
    while True:
        envelopes = told(server)
        gone = [one["data"]["queue"] for one in envelopes if one["type"] == "queue_lifecycle"]
        if len(gone) >= NODES or time.monotonic() > end:
            break
        pause.wait(0.1)
    consumer = consumed(envelopes)
    assert_all_taken(consumer, envelopes)
    assert len(set(gone)) == len(gone) == NODES
    assert all(queue.startswith("w1.live.") for queue in gone)
    assert consumer.queues == {((tag,), 60, "any", "w1", "live"): []}
