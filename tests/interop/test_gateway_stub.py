# SPDX-License-Identifier: Apache-2.0
"""The stub behaves as section 6.1 says: proved against a scripted server in this process."""

import asyncio
import base64
import contextlib
import json

import grpc
import pytest

import gateway_stub
from gateway_stub import GatewayClient
from graphs import Graph, gateway_crc32, layered_graph
from plain_blake3 import blake3
from stubs import pb2, pb2_grpc
from suite_support import asynchronous

CRC = 7


def chunk(queues=None, crc32=CRC, **fields):
    made = pb2.DiffChunk(queue_map=queues or {}, sentinel_id="s-sentinel", **fields)
    if crc32 is not None:
        made.crc32 = crc32
    return made


class Script(
    pb2_grpc.DiffServiceServicer, pb2_grpc.TagQueryServicer, pb2_grpc.HealthCheckServicer
):
    """Answers each Diff with the next answer of `answers` (the last one again and again): a list of
    chunks, or a status code to fail with. Notes the order of chunks and acknowledgements."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.requests = []
        self.log = []
        self.acks = 0
        self.acknowledged = asyncio.Condition()
        self.healthy = True
        self.status_calls = 0
        self.status_faults = 0
        self.queues = []

    async def Diff(self, request, context):
        self.requests.append(request)
        turn = min(len(self.requests), len(self.answers)) - 1
        answer = self.answers[turn]
        if isinstance(answer, grpc.StatusCode):
            await context.abort(answer, "scripted")
        self.acks = 0
        for index, one in enumerate(answer):
            self.log.append(("chunk", index))
            yield one
            # A client that read on without acknowledging would find the next chunk here already.
            async with self.acknowledged:
                await self.acknowledged.wait_for(lambda: self.acks > index)

    async def AckChunk(self, request, context):
        self.log.append(("ack", request.sentinel_id, request.chunk_id))
        async with self.acknowledged:
            self.acks += 1
            self.acknowledged.notify_all()
        return request

    async def Status(self, request, context):
        self.status_calls += 1
        if self.status_faults:
            self.status_faults -= 1
            await context.abort(grpc.StatusCode.UNAVAILABLE, "scripted")
        state = "ok" if self.healthy else "error"
        return pb2.StatusReply(neo4j=state, state="running")

    async def GetQueues(self, request, context):
        return pb2.TagQueryReply(queues=self.queues)


@contextlib.asynccontextmanager
async def client_of(script, **options):
    server = grpc.aio.server()
    pb2_grpc.add_DiffServiceServicer_to_server(script, server)
    pb2_grpc.add_TagQueryServicer_to_server(script, server)
    pb2_grpc.add_HealthCheckServicer_to_server(script, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        async with GatewayClient(f"127.0.0.1:{port}", **options) as client:
            yield client
    finally:
        await server.stop(None)


@asynchronous
async def test_acknowledges_each_chunk_with_number_0_before_it_reads_the_next():
    script = Script([chunk({"a:60:0": "qa"}), chunk({"b:60:0": "qb"}), chunk({"c:60:0": "qc"})])
    async with client_of(script) as client:
        answer = await client.diff("s", "{}")
    ack = ("ack", "s-sentinel", 0)
    assert script.log == [("chunk", 0), ack, ("chunk", 1), ack, ("chunk", 2), ack]
    assert answer.queue_map == {"a:60:0": "qa", "b:60:0": "qb", "c:60:0": "qc"}
    assert answer.entries_per_chunk == [1, 1, 1]


@asynchronous
async def test_merges_maps_appends_buffer_nodes_and_keeps_the_last_version():
    twice = pb2.BufferInstruction(node_id="a")
    script = Script(
        [
            chunk({"a": "old"}, buffer_nodes=[twice], version="v1"),
            chunk({"a": "new"}, buffer_nodes=[twice]),
        ]
    )
    async with client_of(script) as client:
        answer = await client.diff("s", "{}")
    assert answer.queue_map == {"a": "new"}
    assert [node.node_id for node in answer.buffer_nodes] == ["a", "a"]
    assert answer.version == "v1"


@asynchronous
async def test_accepts_a_checksum_of_0_that_is_present():
    async with client_of(Script([chunk(crc32=0)])) as client:
        answer = await client.diff("s", "{}")
    assert answer.crc32 == 0


@pytest.mark.parametrize(
    "answer", [[chunk(crc32=None)], [chunk(crc32=1), chunk(crc32=2)]], ids=["missing", "differs"]
)
@asynchronous
async def test_refuses_a_bad_checksum_five_times_and_acknowledges_even_so(answer):
    script = Script(answer)
    async with client_of(script) as client:
        assert await client.diff("s", "{}") is None
    assert len(script.requests) == 5
    assert sum(entry[0] == "ack" for entry in script.log) == 5 * len(answer)


@asynchronous
async def test_tries_again_at_once_while_the_server_is_healthy():
    script = Script(*[grpc.StatusCode.UNAVAILABLE] * 4, [chunk({"a": "q"})])
    async with client_of(script) as client:
        answer = await client.diff("s", "{}")
        assert client.fuse.failures == 0
    assert answer.queue_map == {"a": "q"}
    assert answer.attempts == 5
    assert script.status_calls == 4


@asynchronous
async def test_gives_up_when_the_server_does_not_become_healthy():
    script = Script(grpc.StatusCode.UNAVAILABLE)
    script.healthy = False
    async with client_of(script, health_wait_seconds=0) as client:
        assert await client.diff("s", "{}") is None
        assert client.fuse.failures == 1
    assert len(script.requests) == 1


@asynchronous
async def test_fuse_opens_after_three_failed_diffs_and_refuses_even_status():
    script = Script(grpc.StatusCode.INTERNAL)
    async with client_of(script) as client:
        for _ in range(3):
            assert await client.diff("s", "{}") is None
        sent = len(script.requests), script.status_calls
        assert client.fuse.is_open
        assert await client.diff("s", "{}") is None
        assert await client.get_queues_by_tag(["t"], 60) == []
        assert await client.status() is False
        assert (len(script.requests), script.status_calls) == sent
        client.fuse.reset()
        assert await client.status() is True


@asynchronous
async def test_status_repeats_a_fault_once():
    script = Script()
    script.status_faults = 1
    async with client_of(script) as client:
        assert await client.status() is True
        script.status_faults = 2
        assert await client.status() is False
        assert client.fuse.failures == 1


@asynchronous
async def test_status_is_false_for_a_server_that_answers_error():
    script = Script()
    script.healthy = False
    async with client_of(script) as client:
        assert await client.status() is False
        assert client.fuse.failures == 0


@asynchronous
async def test_sends_the_context_and_the_domain_of_meta_where_none_is_given():
    script = Script([chunk({"a": "q", "b": "w1.shadow.q"})])
    dag = json.dumps({"nodes": [], "meta": {"execution_domain": " shadow "}})
    async with client_of(script) as client:
        answer = await client.diff("s", dag, world_id="W1", as_of="t", partition="p")
    sent = script.requests[0]
    assert (sent.world_id, sent.execution_domain, sent.as_of) == ("W1", "shadow", "t")
    assert (sent.partition, sent.dataset_fingerprint) == ("p", "")
    assert answer.queue_map == {"a": "w1.shadow.q", "b": "w1.shadow.q"}


NAMESPACES = [
    ({}, None, None, None),
    ({}, "World 1", None, "world-1.live"),
    ({}, "w1", "dryrun", "w1.dryrun"),
    ({"execution_domain": "shadow"}, "w1", "live", "w1.shadow"),
    ({"execution_domain": "  "}, "w1", "live", "w1.live"),
    ({"topic_namespace": "A.b!"}, "w1", "live", "a.b"),
    ({"topic_namespace": {"world": "x", "domain": "y"}}, "w1", "live", "x.y"),
    ({"topic_namespace": {"world_id": "x", "execution_domain": "y"}}, None, None, "x.y"),
    ({"topic_namespace": "..."}, "w1", "live", "w1.live"),
]


@pytest.mark.parametrize("meta,world,domain,expected", NAMESPACES)
def test_namespace_rule_of_the_client(meta, world, domain, expected):
    dag = json.dumps({"nodes": [], "meta": meta})
    assert gateway_stub.client_namespace(dag, world, domain) == expected


def test_namespace_rule_does_not_look_into_base64():
    graph = Graph()
    graph.meta["topic_namespace"] = "a.b"
    assert gateway_stub.client_namespace(graph.to_base64(), "w1", None) == "w1.live"


@asynchronous
async def test_tag_query_prefixes_once_and_keeps_the_global_mark():
    script = Script()
    script.queues = [pb2.QueueDescriptor(queue="q"), pb2.QueueDescriptor(queue="w1.live.r")]
    setattr(script.queues[0], "global", True)
    async with client_of(script) as client:
        bare = await client.get_queues_by_tag(["t"], 60)
        prefixed = await client.get_queues_by_tag(["t"], 60, world_id="w1")
    assert bare[0] == {"queue": "q", "global": True}
    assert [queue["queue"] for queue in prefixed] == ["w1.live.q", "w1.live.r"]


@asynchronous
async def test_failed_tag_query_is_an_empty_list():
    async with GatewayClient("127.0.0.1:1", health_wait_seconds=0) as client:
        assert await client.get_queues_by_tag(["t"], 60) == []


def test_worker_appends_a_sentinel_and_leaves_the_checksum_as_it_was():
    graph = layered_graph(3)
    sent = gateway_stub.worker_submission(graph.document(), "uuid", "2026.1")
    document = json.loads(base64.b64decode(sent, validate=True))
    assert document["nodes"][3] == {
        "node_type": "VersionSentinel",
        "node_id": "uuid-sentinel",
        "version": "2026.1",
    }
    whole = gateway_stub.submission_crc32(graph.document())
    assert gateway_stub.submission_crc32(document) == whole == gateway_crc32(document)


def test_node_id_is_read_from_a_salted_and_from_a_plain_key():
    assert gateway_stub.node_id_of("blake3:ab:60:0#ck=blake3:cd") == "blake3:ab"
    assert gateway_stub.node_id_of("blake3:ab:60:0") == "blake3:ab"


HASHES = {
    0: "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262",
    1: "2d3adedff11b61f14c886e35afa036736dcd87a74d27b5c1510225d0f592e213",
    1025: "d00278ae47eb27b34faecf67b4fe263f82d5412916c1ffd97c8cb7fb814b8444",
}


@pytest.mark.parametrize("length", HASHES)
def test_plain_blake3_agrees_with_the_official_vectors(length):
    data = bytes(i % 251 for i in range(length))
    assert blake3(data).hexdigest() == HASHES[length]
