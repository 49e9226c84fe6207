# SPDX-License-Identifier: Apache-2.0
"""Bad calls: too large, not resumable, unknown, too many, or no protobuf (sections 1, 3.8)."""

import asyncio
import socket
import uuid

import grpc
import pytest

from expectations import assert_refused, diff_once, run
from gateway_stub import OWN_CONNECTION
from graphs import layered_graph
from stubs import pb2
from wire import Wire, reason_of

PACKAGE = "/qmtl.services.dagmanager."


def sized_graph(mebibytes):
    graph = layered_graph(2)
    graph.nodes[1]["expected_schema"] = "x" * (mebibytes * 2**20)
    return graph.to_json()


def test_request_of_17_mib_is_refused_by_the_transport(server):
    outcome = diff_once(server, dag_json=sized_graph(17))
    assert outcome.code == grpc.StatusCode.RESOURCE_EXHAUSTED
    assert outcome.chunks == []


def test_request_of_15_mib_is_answered(server):
    outcome = diff_once(server, dag_json=sized_graph(15))
    assert outcome.code == grpc.StatusCode.OK, outcome.details
    assert len(outcome.queue_map) == 2


# --- resume (section 3.8) -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def told(server):
    """A diff of three chunks: the fields of its request, and its chunks."""
    graph = layered_graph(250)
    fields = {"strategy_id": str(uuid.uuid4()), "dag_json": graph.to_json(), "world_id": "w1"}
    outcome = diff_once(server, **fields)
    assert len(outcome.chunks) == 3, outcome.details
    return fields, outcome.chunks


def resumed(server, told, after, **changes):
    fields, chunks = told
    resume = {
        "resume_sentinel_id": chunks[0].sentinel_id,
        "resume_after_chunk": after,
        "resume_answer": chunks[0].answer,
    }
    return diff_once(server, **{**fields, **resume, **changes})


@pytest.mark.parametrize("after", [1, 2, 3])
def test_resumed_answer_is_the_rest(server, told, after):
    outcome = resumed(server, told, after)
    assert outcome.code == grpc.StatusCode.OK, outcome.details
    rest = told[1][after:]
    assert [chunk.queue_map for chunk in outcome.chunks] == [chunk.queue_map for chunk in rest]
    assert [chunk.chunk_index for chunk in outcome.chunks] == list(range(after + 1, 4))


RESUMES = {
    "sentinel_of_another_strategy": {"resume_sentinel_id": "other-sentinel"},
    "sentinel_without_its_suffix": {"resume_sentinel_id": "other"},
    "chunk_beyond_the_last": {"resume_after_chunk": 4},
    "chunk_far_beyond_the_last": {"resume_after_chunk": 2**32 - 1},
}


@pytest.mark.parametrize("name", RESUMES)
def test_impossible_resume_is_invalid(server, told, name):
    outcome = resumed(server, told, 1, **RESUMES[name])
    assert_refused(outcome, "INVALID_ARGUMENT", "resume_invalid")


def test_resume_of_another_answer_says_that_it_changed(server, told):
    outcome = resumed(server, told, 1, resume_answer="0" * 32)
    assert_refused(outcome, "FAILED_PRECONDITION", "answer_changed")


def test_resume_of_another_graph_says_that_the_answer_changed(server, told):
    outcome = resumed(server, told, 1, dag_json=layered_graph(250).to_json())
    assert_refused(outcome, "FAILED_PRECONDITION", "answer_changed")


# --- calls ----------------------------------------------------------------------------------------


def call(server, make):
    """Runs one call and gives its code and its reason."""

    async def ask():
        async with Wire(server.target) as wire:
            try:
                return grpc.StatusCode.OK, await make(wire)
            except grpc.aio.AioRpcError as fault:
                return fault.code(), reason_of(fault)

    return run(ask())


ADMIN = [
    ("SetTrafficWeight", pb2.SetTrafficWeightRequest(),
     grpc.StatusCode.INVALID_ARGUMENT, "missing_field"),
    ("SetTrafficWeight", pb2.SetTrafficWeightRequest(sentinel_id="s", weight=float("nan")),
     grpc.StatusCode.INVALID_ARGUMENT, "weight_out_of_range"),
    ("SetTrafficWeight", pb2.SetTrafficWeightRequest(sentinel_id="nobody", weight=1),
     grpc.StatusCode.NOT_FOUND, "unknown_sentinel"),
    ("RedoDiff", pb2.RedoDiffRequest(), grpc.StatusCode.INVALID_ARGUMENT, "missing_field"),
    ("RedoDiff", pb2.RedoDiffRequest(sentinel_id="nobody", rollback=True),
     grpc.StatusCode.NOT_FOUND, "unknown_sentinel"),
    ("RedoDiff", pb2.RedoDiffRequest(sentinel_id="nobody", dag_json="{}"),
     grpc.StatusCode.NOT_FOUND, "unknown_sentinel"),
    ("StartRollout", pb2.StartRolloutRequest(),
     grpc.StatusCode.INVALID_ARGUMENT, "missing_field"),
    ("StartRollout", pb2.StartRolloutRequest(sentinel_id="nobody"),
     grpc.StatusCode.NOT_FOUND, "unknown_sentinel"),
    ("ChangeRollout", pb2.ChangeRolloutRequest(rollout_id="7"),
     grpc.StatusCode.INVALID_ARGUMENT, "missing_field"),
    ("ChangeRollout", pb2.ChangeRolloutRequest(rollout_id="7", action="abort"),
     grpc.StatusCode.NOT_FOUND, "unknown_rollout"),
    ("Cleanup", pb2.CleanupRequest(), grpc.StatusCode.INVALID_ARGUMENT, "missing_field"),
    ("AckCrossContextHit", pb2.AckCrossContextHitRequest(hit_id="7"),
     grpc.StatusCode.INVALID_ARGUMENT, "note_missing"),
    ("AckCrossContextHit", pb2.AckCrossContextHitRequest(hit_id="7", note="mended"),
     grpc.StatusCode.NOT_FOUND, "unknown_hit"),
]


@pytest.mark.parametrize("method,request_,code,reason", ADMIN)
def test_admin_call_that_cannot_be_carried_out_says_why(server, method, request_, code, reason):
    answer = call(server, lambda wire: getattr(wire.admin, method)(request_))
    assert answer == (code, reason)


@pytest.mark.parametrize("path", ["DiffService/Nothing", "NoService/Diff", "DiffService/diff"])
def test_unknown_method_is_unimplemented(server, path):
    code, _ = call(server, lambda wire: wire.channel.unary_unary(PACKAGE + path)(b""))
    assert code == grpc.StatusCode.UNIMPLEMENTED


def test_acknowledgement_for_no_stream_is_echoed(server):
    sent = pb2.ChunkAck(sentinel_id="nobody-sentinel", chunk_id=7)
    assert call(server, lambda wire: wire.diffs.AckChunk(sent)) == (grpc.StatusCode.OK, sent)


def test_more_than_five_queue_stats_a_second_are_refused(server):
    async def ask():
        async with Wire(server.target) as wire:
            request = pb2.QueueStatsRequest()
            calls = (wire.admin.GetQueueStats(request) for _ in range(30))
            return await asyncio.gather(*calls, return_exceptions=True)

    answers = run(ask())
    refused = [answer for answer in answers if isinstance(answer, grpc.aio.AioRpcError)]
    assert 1 <= len(refused) <= 25
    assert {fault.code() for fault in refused} == {grpc.StatusCode.RESOURCE_EXHAUSTED}
    assert {reason_of(fault) for fault in refused} == {"rate_limited"}


def test_description_of_more_than_1000_nodes_is_refused(server):
    async def ask(wire):
        request = pb2.DescribeNodesRequest(node_ids=[f"n{i}" for i in range(1001)])
        return [reply async for reply in wire.admin.DescribeNodes(request)]

    code, reason = call(server, ask)
    assert code == grpc.StatusCode.INVALID_ARGUMENT
    assert reason


RAW = {
    "field_cut_short": b"\x0a\xff",
    "wrong_wire_type": b"\x0b" * 20,
    "text_that_is_not_utf8": b"\x12\x02\xff\xfe",
    "endless_varint": b"\xff" * 64,
}


@pytest.mark.parametrize("name", RAW)
def test_bytes_that_are_no_request_are_refused(server, name):
    async def ask(wire):
        stream = wire.channel.unary_stream(PACKAGE + "DiffService/Diff")(RAW[name])
        return [chunk async for chunk in stream]

    code, _ = call(server, ask)
    assert code in (grpc.StatusCode.INTERNAL, grpc.StatusCode.INVALID_ARGUMENT)


NOISE = {
    "text": b"hello\r\n\r\n",
    "http1_to_grpc": b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    "zeros": b"\0" * 4096,
    "frame_of_the_largest_size": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\xff" * 64,
}


@pytest.mark.parametrize("port", ["grpc_port", "http_port"])
@pytest.mark.parametrize("name", NOISE)
def test_noise_on_a_port_ends_that_connection_only(server, port, name):
    with socket.create_connection(("127.0.0.1", getattr(server, port)), timeout=10) as noise:
        noise.sendall(NOISE[name])
        noise.shutdown(socket.SHUT_WR)
        try:
            while noise.recv(65536):
                pass
        except ConnectionResetError:
            pass
    assert server.get("/healthz")[0] == 200


def test_broken_off_streams_leave_nothing_behind(server):
    graph = layered_graph(1500)

    async def ask():
        for _ in range(20):
            channel = grpc.aio.insecure_channel(server.target, options=OWN_CONNECTION)
            stream = channel.unary_stream(
                PACKAGE + "DiffService/Diff", request_serializer=pb2.DiffRequest.SerializeToString
            )(pb2.DiffRequest(strategy_id="s", dag_json=graph.to_json(), world_id="w1"))
            await stream.read()
            await channel.close()

    run(ask())
    assert len(diff_once(server, dag_json=graph.to_json(), world_id="w1").queue_map) == 1500
