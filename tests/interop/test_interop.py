# SPDX-License-Identifier: Apache-2.0
"""The test list of section 6.4 with a client that behaves as section 6.1 says, item by item.

Item 12, the consumer of control events, comes with those events. Items 9 and 14 are in
test_interop_streams.py.
"""

import asyncio
import json
import signal
import uuid

import grpc
import pytest

import gateway_stub
from gateway_stub import GatewayClient, node_id_of, submission_crc32, worker_submission
from graphs import Graph, compute_key, gateway_crc32, layered_graph
from stubs import PROTO, pb2
from suite_support import asynchronous
from wire import Wire
from weir_server import ROOT

CHUNK_ENTRIES_MAX = 100
LIVE = {"world_id": "w1", "execution_domain": "live"}


def strategy():
    return str(uuid.uuid4())


@pytest.fixture(autouse=True)
def run_in_each_store(store):
    """Every test of this file runs once a store."""


# --- 1 --------------------------------------------------------------------------------------------


@asynchronous
async def test_01_status_is_true(place):
    async with GatewayClient(place.target) as client:
        assert await client.status() is True
        assert client.fuse.failures == 0


@asynchronous
async def test_01_status_tells_the_version_of_the_file_and_ping_answers(place):
    async with Wire(place.target) as wire:
        reply = await wire.health.Status(pb2.StatusRequest())
        assert (reply.neo4j, reply.state) == ("ok", "running")
        assert PROTO.read_text().startswith(f"// api-version: {reply.api_version}\n")
        await wire.health.Ping(pb2.PingRequest())


# --- 2 --------------------------------------------------------------------------------------------


@asynchronous
async def test_02_diff_of_an_empty_dag_has_an_empty_map_and_a_crc32_of_0_that_is_present(place):
    name = strategy()
    async with GatewayClient(place.target) as client:
        answer = await client.diff(name, '{"nodes": []}', **LIVE)
    assert answer.queue_map == {}
    assert answer.buffer_nodes == []
    assert answer.crc32 == 0
    assert answer.sentinel_id == f"{name}-sentinel"
    assert answer.version == "v1"
    assert len(answer.entries_per_chunk) == 1


# --- 3 --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [1, 100, 101, 250, 3000])
@asynchronous
async def test_03_diff_has_every_entry_and_each_buffer_node_once(place, count):
    graph = layered_graph(count, period=7)
    changed = layered_graph(count, graph.mark, period=7, schema_hash="s1")
    assert changed.ids == graph.ids
    async with GatewayClient(place.target) as client:
        fresh = await client.diff(strategy(), graph.to_json(), **LIVE)
        buffered = await client.diff(strategy(), changed.to_json(), **LIVE)
    chunks = -(-count // CHUNK_ENTRIES_MAX)
    for answer in (fresh, buffered):
        assert sorted(map(node_id_of, answer.queue_map)) == sorted(graph.ids)
        assert len(set(answer.queue_map.values())) == count
        assert answer.crc32 == submission_crc32(graph.document())
        assert len(answer.entries_per_chunk) == chunks
        assert max(answer.entries_per_chunk) <= CHUNK_ENTRIES_MAX
        assert answer.attempts == 1
    assert fresh.buffer_nodes == []
    assert sorted(node.node_id for node in buffered.buffer_nodes) == sorted(graph.ids)
    shapes = {(node.lag, node.period, node.interval) for node in buffered.buffer_nodes}
    assert shapes == {(7, 7, 60)}
    assert buffered.queue_map == fresh.queue_map


@asynchronous
async def test_03_queue_map_keys_are_the_ones_that_the_gateway_computes(place):
    graph = layered_graph(3)
    async with GatewayClient(place.target) as client:
        answer = await client.diff(strategy(), graph.to_json(), as_of="t1", **LIVE)
    expected = {
        f"{node}:60:0#ck={compute_key(node, 'w1', 'live', 't1')}" for node in graph.ids
    }
    assert set(answer.queue_map) == expected


# --- 4 --------------------------------------------------------------------------------------------


@asynchronous
async def test_04_three_worlds_at_once_under_one_strategy_id_are_complete_at_the_first_try(place):
    graph, name = layered_graph(3000), strategy()
    worlds = ("alpha", "beta", "gamma")
    async with GatewayClient(place.target) as client:
        answers = await asyncio.gather(
            *(
                client.diff(name, graph.to_json(), world_id=world, execution_domain="live")
                for world in worlds
            )
        )
    for world, answer in zip(worlds, answers):
        assert answer is not None, client.last_fault
        assert answer.attempts == 1
        assert sorted(map(node_id_of, answer.queue_map)) == sorted(graph.ids)
        assert all(topic.startswith(f"{world}.live.") for topic in answer.queue_map.values())
        assert answer.sentinel_id == f"{name}-sentinel"


# --- 5 --------------------------------------------------------------------------------------------

CONTEXTS = [
    {"world_id": "w1", "execution_domain": "live"},
    {"world_id": "World 1", "execution_domain": "shadow"},
    {"world_id": "w2", "execution_domain": "dryrun", "as_of": "2026-01-01T00:00:00Z"},
    {"world_id": "w3", "execution_domain": "backtest"},
]


@pytest.mark.parametrize("context", CONTEXTS, ids=lambda given: given["execution_domain"])
@asynchronous
async def test_05_topics_of_the_broker_are_the_names_that_the_client_returns(place, context):
    graph = layered_graph(20)
    async with GatewayClient(place.target) as client, Wire(place.target) as wire:
        answer = await client.diff(strategy(), graph.to_json(), **context)
        assert await wire.topics(graph.mark) == set(answer.queue_map.values())
    namespace = gateway_stub.build_namespace(context["world_id"], context["execution_domain"])
    assert all(topic.startswith(namespace + ".") for topic in answer.queue_map.values())


@asynchronous
async def test_05_namespace_of_meta_wins_over_the_world(place):
    graph = layered_graph(3)
    graph.meta["topic_namespace"] = {"world": "Team A", "domain": "research"}
    async with GatewayClient(place.target) as client, Wire(place.target) as wire:
        answer = await client.diff(strategy(), graph.to_json(), **LIVE)
        assert await wire.topics(graph.mark) == set(answer.queue_map.values())
    assert all(topic.startswith("team-a.research.") for topic in answer.queue_map.values())


# --- 6 --------------------------------------------------------------------------------------------


@asynchronous
async def test_06_same_diff_twice_gives_the_same_map_and_no_new_topic(place):
    graph, name = layered_graph(250), strategy()
    async with GatewayClient(place.target) as client, Wire(place.target) as wire:
        first = await client.diff(name, graph.to_json(), **LIVE)
        topics = await wire.topics(graph.mark)
        second = await client.diff(name, graph.to_json(), **LIVE)
        assert await wire.topics(graph.mark) == topics == set(first.queue_map.values())
    assert second.queue_map == first.queue_map
    assert (second.sentinel_id, second.version) == (first.sentinel_id, first.version)
    assert second.buffer_nodes == []


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL], ids=["drained", "killed"])
@asynchronous
async def test_06_same_diff_after_a_restart_gives_the_same_map_and_no_new_topic(
    own_server, store, how
):
    server = own_server()
    graph, name = layered_graph(250), strategy()
    async with GatewayClient(server.target) as client, Wire(server.target) as wire:
        first = await client.diff(name, graph.to_json(), **LIVE)
        topics = await wire.topics(graph.mark)
    assert topics == set(first.queue_map.values())
    code = server.stop(how)
    assert code == (0 if how == signal.SIGTERM else -signal.SIGKILL)
    server.start()
    async with GatewayClient(server.target) as client, Wire(server.target) as wire:
        again = await client.diff(name, graph.to_json(), **LIVE)
        after = await wire.topics(graph.mark)
    assert again.queue_map == first.queue_map
    assert after <= topics
    if store == "postgres":
        assert after == topics


# --- 7 --------------------------------------------------------------------------------------------


@asynchronous
async def test_07_crc32_of_an_interleaved_dag_is_over_the_submission_order(place):
    graph = Graph()
    a = graph.add()
    b = graph.add([a])
    c = graph.add()
    async with GatewayClient(place.target) as client:
        answer = await client.diff(strategy(), graph.to_json(), **LIVE)
    assert answer.crc32 == gateway_crc32({"nodes": [{"node_id": i} for i in (a, b, c)]})


@asynchronous
async def test_07_crc32_keeps_the_submission_order_where_it_is_not_topological(place):
    graph = Graph()
    a = graph.add()
    graph.add([a])
    graph.nodes.reverse()
    async with GatewayClient(place.target) as client:
        answer = await client.diff(strategy(), graph.to_json(), **LIVE)
    assert answer.crc32 == submission_crc32(graph.document())


@asynchronous
async def test_07_crc32_counts_duplicates_and_leaves_sentinels_and_non_objects_out(place):
    graph = layered_graph(2)
    document = graph.document()
    sentinel = {"node_type": "VersionSentinel", "node_id": "x-sentinel"}
    document["nodes"] = [graph.nodes[0], "text", sentinel, dict(graph.nodes[0]), graph.nodes[1]]
    async with GatewayClient(place.target) as client:
        answer = await client.diff(strategy(), json.dumps(document), **LIVE)
    ids = [graph.ids[0], graph.ids[0], graph.ids[1]]
    assert answer.crc32 == gateway_crc32({"nodes": [{"node_id": i} for i in ids]})
    assert sorted(map(node_id_of, answer.queue_map)) == sorted(graph.ids)


# --- 8 --------------------------------------------------------------------------------------------


@asynchronous
async def test_08_base64_dag_is_answered_as_the_raw_one(place):
    graph, name = layered_graph(120), strategy()
    async with GatewayClient(place.target) as client:
        raw = await client.diff(name, graph.to_json(), **LIVE)
        encoded = await client.diff(name, graph.to_base64(), **LIVE)
    assert encoded.queue_map == raw.queue_map
    assert (encoded.crc32, encoded.version) == (raw.crc32, raw.version)
    assert encoded.sentinel_id == raw.sentinel_id


@asynchronous
async def test_08_submission_of_the_worker_keeps_the_topics_and_brings_its_version(place):
    graph, name = layered_graph(120), strategy()
    async with GatewayClient(place.target) as client:
        raw = await client.diff(name, graph.to_json(), **LIVE)
        sent = worker_submission(graph.document(), name, "2026.1")
        worker = await client.diff(name, sent, **LIVE)
    assert worker.queue_map == raw.queue_map
    assert worker.crc32 == raw.crc32
    assert worker.version == "2026.1"
    assert worker.sentinel_id == raw.sentinel_id == f"{name}-sentinel"


@asynchronous
async def test_08_recorded_submission_of_the_real_worker_is_answered(place):
    samples = ROOT / "examples" / "strategies"
    raw_text = (samples / "multi_signal_blend.json").read_text()
    sent = (samples / "multi_signal_blend.gateway.b64").read_text().strip()
    document = json.loads(raw_text)
    async with GatewayClient(place.target) as client:
        worker = await client.diff(strategy(), sent, **LIVE)
        raw = await client.diff(strategy(), raw_text, **LIVE)
    assert worker.version == "2026.11.1"
    assert worker.crc32 == raw.crc32 == submission_crc32(document)
    assert worker.queue_map == raw.queue_map
    ids = {node["node_id"] for node in document["nodes"]}
    assert set(map(node_id_of, worker.queue_map)) == ids


# --- 10 -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("milliseconds", [1, 2, 5, 10, 20, 40])
@asynchronous
async def test_10_cancelled_and_repeated_diff_is_as_if_nothing_had_happened(place, milliseconds):
    graph, name = layered_graph(1000), strategy()
    request = {"strategy_id": name, "dag_json": graph.to_json(), **LIVE}
    async with GatewayClient(place.target) as client, Wire(place.target) as wire:
        assert await client.status() is True
        plan = await wire.diff(plan_only=True, **request)
        with pytest.raises(asyncio.TimeoutError):
            # A complete answer of 1,000 nodes needs ten acknowledged chunks: when even that is
            # in time, there is nothing to cancel and the repeat below proves the rest.
            await asyncio.wait_for(client.diff(name, graph.to_json(), **LIVE), milliseconds / 1000)
            raise asyncio.TimeoutError
        answer = await client.diff(name, graph.to_json(), **LIVE)
        assert answer is not None, client.last_fault
        assert answer.attempts == 1
        assert answer.queue_map == plan.queue_map
        assert await wire.topics(graph.mark) == set(answer.queue_map.values())


# --- 11 -------------------------------------------------------------------------------------------


@asynchronous
async def test_11_tag_query_after_a_diff_prefixes_names_once_with_and_without_world(place):
    graph = Graph()
    graph.add(tags=["btc"], interval=60)
    graph.add(tags=["eth"], interval=60)
    graph.add(tags=["btc"], interval=300)
    async with GatewayClient(place.target) as client:
        answer = await client.diff(strategy(), graph.to_json(), **LIVE)
        topic_of = {node_id_of(key): topic for key, topic in answer.queue_map.items()}
        first, second, slow = (topic_of[node] for node in graph.ids)

        async def names(tags, interval=60, mode="any", **where):
            found = await client.get_queues_by_tag(tags, interval, mode, **where)
            assert all(queue["global"] is False for queue in found)
            return sorted(queue["queue"] for queue in found)

        # With the world: the names that the diff told.
        assert await names([graph.mark], **LIVE) == sorted([first, second])
        assert await names([graph.mark], 300, **LIVE) == [slow]
        assert await names([graph.mark, "btc"], mode="all", **LIVE) == [first]
        assert await names([graph.mark, "nobody"], mode="all", **LIVE) == []
        assert await names([graph.mark + "x"], **LIVE) == []
        # Without: base names, each once.
        bare = [topic.removeprefix("w1.live.") for topic in (first, second)]
        assert all("." not in topic for topic in bare)
        assert await names([graph.mark]) == sorted(bare)
        assert await names([]) == []


@asynchronous
async def test_11_tag_query_of_a_node_in_two_worlds_is_prefixed_with_the_asking_one(place):
    graph = Graph()
    graph.add()
    async with GatewayClient(place.target) as client:
        told = {}
        for world in ("wa", "wb"):
            answer = await client.diff(
                strategy(), graph.to_json(), world_id=world, execution_domain="live"
            )
            told[world] = list(answer.queue_map.values())
        for world, topics in told.items():
            found = await client.get_queues_by_tag(
                [graph.mark], 60, world_id=world, execution_domain="live"
            )
            assert [queue["queue"] for queue in found] == topics
            assert topics[0].startswith(f"{world}.live.")


# --- 13 -------------------------------------------------------------------------------------------


def padded_graph(mebibytes):
    """A valid graph whose document has that size: the weight is in a field that names nothing."""
    graph = layered_graph(100)
    graph.nodes[-1]["expected_schema"] = {"doc": ""}
    missing = mebibytes * 2**20 - len(graph.to_json())
    graph.nodes[-1]["expected_schema"]["doc"] = "x" * missing
    return graph


@asynchronous
async def test_13_dag_of_14_mib_is_answered(place):
    graph = padded_graph(14)
    async with GatewayClient(place.target) as client:
        answer = await client.diff(strategy(), graph.to_json(), **LIVE)
    assert answer is not None, client.last_fault
    assert sorted(map(node_id_of, answer.queue_map)) == sorted(graph.ids)


def cyclic_graph():
    graph = layered_graph(2)
    first, second = graph.nodes
    first["inputs"] = [second["node_id"]]
    return graph.to_json()


def graph_without(field):
    graph = layered_graph(2)
    del graph.nodes[1][field]
    return graph.to_json()


REFUSED = {
    "17_mib": (lambda: padded_graph(17).to_json(), "RESOURCE_EXHAUSTED", ""),
    "bad_json": (lambda: '{"nodes": [', "INVALID_ARGUMENT", "dag_not_json"),
    "missing_field": (lambda: graph_without("code_hash"), "INVALID_ARGUMENT", "missing_field"),
    "cycle": (cyclic_graph, "INVALID_ARGUMENT", "cycle"),
}


@pytest.mark.parametrize("case", REFUSED)
@asynchronous
async def test_13_refused_dag_has_the_right_code_and_the_server_lives(place, case):
    dag, code, reason = REFUSED[case]
    async with Wire(place.target) as wire, GatewayClient(place.target) as client:
        outcome = await wire.diff(strategy_id=strategy(), dag_json=dag(), **LIVE)
        assert (outcome.code, outcome.reason) == (grpc.StatusCode[code], reason)
        assert outcome.chunks == []
        assert await client.status() is True
        assert await client.diff(strategy(), layered_graph(3).to_json(), **LIVE) is not None
