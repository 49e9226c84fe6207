# SPDX-License-Identifier: Apache-2.0
"""Items 9 and 14 of section 6.4: silent clients, and compute contexts that must not meet."""

import asyncio
import uuid

import grpc
import pytest

from gateway_stub import GatewayClient, node_id_of
from graphs import compute_key, layered_graph
from stubs import pb2
from suite_support import asynchronous
from wire import Wire

WINDOW = 10
PROBE_SECONDS = 1
# A silent stream gets its own window, the ACKs of two live ones beside it, and one chunk a probe.
# This is more, so that it ends by its time-out and not by its last chunk.
LONG = 6000
LIVE = {"world_id": "w1", "execution_domain": "live"}


def strategy():
    return str(uuid.uuid4())


@pytest.fixture(autouse=True)
def run_in_each_store(store):
    """Every test of this file runs once a store."""


async def live_diff(wire, name, graph, world="w1"):
    """A diff by a client that acknowledges; complete, or the test fails."""
    outcome = await wire.diff(
        strategy_id=name, dag_json=graph.to_json(), world_id=world, execution_domain="live"
    )
    assert outcome.code == grpc.StatusCode.OK, outcome.details
    assert sorted(map(node_id_of, outcome.queue_map)) == sorted(graph.ids)
    assert [chunk.chunk_index for chunk in outcome.chunks] == list(
        range(1, len(outcome.chunks) + 1)
    )


# --- 9 --------------------------------------------------------------------------------------------


def assert_timed_out(outcome):
    assert outcome.code == grpc.StatusCode.DEADLINE_EXCEEDED, outcome.details
    assert outcome.reason == "ack_timeout"
    assert outcome.details.startswith("ack_timeout: ")


@asynchronous
async def test_09_silent_client_alone_in_its_group_gets_10_chunks_and_then_the_timeout(place):
    name, graph = strategy(), layered_graph(3000)
    async with Wire(place.target) as wire, Wire(place.target) as elsewhere:
        clock = asyncio.get_running_loop().time
        began = clock()
        silent = wire.diff(
            acknowledge=False, strategy_id=name, dag_json=graph.to_json(), **LIVE
        )
        beside = [layered_graph(1500) for _ in range(2)]
        outcome, *_ = await asyncio.gather(
            silent,
            live_diff(wire, strategy(), beside[0]),
            live_diff(wire, strategy(), beside[1]),
            live_diff(elsewhere, name, graph, world="w2"),
        )
    assert_timed_out(outcome)
    assert len(outcome.chunks) == WINDOW
    assert clock() - began >= place.ack_timeout_seconds


@pytest.fixture
def patient_target(request, place, store):
    """A server that waits long enough for the stall rule of section 3.8: one second without an
    acknowledgement, and one more for each member that is tried, before a live one gets its turn."""
    if store == "target":
        return place.target
    start = request.getfixturevalue("start_server")
    return start(store, ack_timeout_seconds=6).target


@asynchronous
async def test_09_silent_client_on_the_channel_of_live_ones_of_its_sentinel_times_out_alone(
    patient_target,
):
    name, silent_graph, live_graph = strategy(), layered_graph(LONG), layered_graph(3000)
    clock = asyncio.get_running_loop().time
    async with Wire(patient_target) as wire, Wire(patient_target) as elsewhere:
        began = clock()
        silent = wire.diff(
            acknowledge=False, strategy_id=name, dag_json=silent_graph.to_json(), **LIVE
        )
        outcome, *_ = await asyncio.gather(
            silent,
            live_diff(wire, name, live_graph, world="w2"),
            live_diff(wire, name, live_graph, world="w3"),
            live_diff(elsewhere, name, live_graph, world="w4"),
        )
        probes_max = (clock() - began) / PROBE_SECONDS
    assert_timed_out(outcome)
    assert WINDOW <= len(outcome.chunks) <= WINDOW * 3 + probes_max


class Silent:
    """A stream that is read and never acknowledged; tells how many chunks came."""

    def __init__(self, wire, **fields):
        self.count = 0
        self._came = asyncio.Condition()
        self._task = asyncio.create_task(self._read(wire.diffs.Diff(pb2.DiffRequest(**fields))))

    async def _read(self, stream):
        async for _ in stream:
            async with self._came:
                self.count += 1
                self._came.notify_all()

    async def has(self, count):
        async with self._came:
            await asyncio.wait_for(self._came.wait_for(lambda: self.count >= count), 30)

    async def end(self):
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)


@asynchronous
async def test_09_stream_that_begins_while_a_silent_one_is_tried_keeps_its_acknowledgements(
    patient_target,
):
    """A silent client gets one chunk more and a second to prove itself alive. An acknowledgement in
    that second proves nothing if a stream has begun meanwhile: it is the new one's."""
    name, silent_graph, live_graph = strategy(), layered_graph(LONG), layered_graph(1500)
    async with Wire(patient_target) as wire:
        for graph, world in ((silent_graph, "w1"), (live_graph, "w2")):
            await live_diff(wire, strategy(), graph, world)
        silent = Silent(wire, strategy_id=name, dag_json=silent_graph.to_json(), **LIVE)
        await silent.has(WINDOW)
        await live_diff(wire, name, live_graph, world="w2")
        await silent.has(silent.count + 1)  # it is tried again, alone
        await live_diff(wire, name, live_graph, world="w2")
        # Ten a member, ended ones that are not paid yet included, and the chunk of a probe.
        assert silent.count <= WINDOW * 3 + 1
        await silent.end()


@asynchronous
async def test_09_decision_of_a_timed_out_stream_stays_and_a_repeat_finds_it(place):
    name, graph = strategy(), layered_graph(3000)
    async with Wire(place.target) as wire, GatewayClient(place.target) as client:
        outcome = await wire.diff(
            acknowledge=False, strategy_id=name, dag_json=graph.to_json(), **LIVE
        )
        assert_timed_out(outcome)
        told = outcome.queue_map
        answer = await client.diff(name, graph.to_json(), **LIVE)
        assert answer.attempts == 1
        assert {key: answer.queue_map[key] for key in told} == told
        assert await wire.topics(graph.mark) == set(answer.queue_map.values())


# --- 14 -------------------------------------------------------------------------------------------

OTHER_CONTEXTS = {
    "world": ({"world_id": "w1"}, {"world_id": "w2"}),
    "domain": ({"world_id": "w1"}, {"world_id": "w1", "execution_domain": "shadow"}),
}
SAME_NAMESPACE = {
    "as_of": ({"as_of": "t1"}, {"as_of": "t2"}),
    "partition": ({"partition": "p1"}, {"partition": "p2"}),
    "as_of_in_a_world": ({"world_id": "w1", "as_of": "t1"}, {"world_id": "w1", "as_of": "t2"}),
}


def domain_of(context):
    return context.get("execution_domain", "live")


async def both_contexts(client, graph, contexts):
    answers = []
    for context in contexts:
        given = {"execution_domain": "live", **context}
        answer = await client.diff(strategy(), graph.to_json(), **given)
        assert answer is not None, client.last_fault
        parts = [context.get(part, "") for part in ("as_of", "partition")]
        keys = {
            f"{node}:60:0#ck="
            + compute_key(node, context.get("world_id", ""), domain_of(context), *parts)
            for node in graph.ids
        }
        assert set(answer.queue_map) == keys
        answers.append(answer)
    return answers


@pytest.mark.parametrize("case", OTHER_CONTEXTS)
@asynchronous
async def test_14_contexts_in_two_namespaces_have_other_keys_and_other_namespaces(place, case):
    graph, contexts = layered_graph(20), OTHER_CONTEXTS[case]
    async with GatewayClient(place.target) as client:
        first, second = await both_contexts(client, graph, contexts)
    assert not set(first.queue_map) & set(second.queue_map)
    for answer, context in zip((first, second), contexts):
        namespace = f"{context['world_id']}.{domain_of(context)}."
        assert all(topic.startswith(namespace) for topic in answer.queue_map.values())


@pytest.mark.parametrize("case", SAME_NAMESPACE)
@asynchronous
async def test_14_contexts_in_one_namespace_have_other_keys_and_other_names(place, case):
    graph, contexts = layered_graph(20), SAME_NAMESPACE[case]
    async with GatewayClient(place.target) as client, Wire(place.target) as wire:
        first, second = await both_contexts(client, graph, contexts)
        topics = await wire.topics(graph.mark)
    assert not set(first.queue_map) & set(second.queue_map)
    firsts, seconds = set(first.queue_map.values()), set(second.queue_map.values())
    assert not firsts & seconds
    assert topics == firsts | seconds


@asynchronous
async def test_14_strategies_in_safe_mode_share_no_topic_and_each_finds_its_own(place):
    graph, names = layered_graph(20), (strategy(), strategy())
    async with GatewayClient(place.target) as client:
        first, second = [await client.diff(name, graph.to_json()) for name in names]
        again = [await client.diff(name, graph.to_json()) for name in names]
    assert set(first.queue_map) == set(second.queue_map)
    assert not set(first.queue_map.values()) & set(second.queue_map.values())
    assert [answer.queue_map for answer in again] == [first.queue_map, second.queue_map]


@pytest.mark.parametrize("case", SAME_NAMESPACE)
@asynchronous
async def test_14_block_refuses_the_second_context_and_makes_nothing(own_server, case):
    server = own_server(cross_context_policy="block")
    graph = layered_graph(20)
    first_context, second_context = [
        {"execution_domain": "live", **context} for context in SAME_NAMESPACE[case]
    ]
    async with GatewayClient(server.target) as client, Wire(server.target) as wire:
        first = await client.diff(strategy(), graph.to_json(), **first_context)
        topics = await wire.topics(graph.mark)
        refused = await wire.diff(
            strategy_id=strategy(), dag_json=graph.to_json(), **second_context
        )
        assert refused.code == grpc.StatusCode.FAILED_PRECONDITION
        assert refused.reason == "cross_context"
        assert refused.details.startswith("cross_context: ")
        assert any(node in refused.details for node in graph.ids)
        assert "<unset>" in refused.details
        assert await wire.topics(graph.mark) == topics == set(first.queue_map.values())
        again = await client.diff(strategy(), graph.to_json(), **first_context)
        assert again.queue_map == first.queue_map
