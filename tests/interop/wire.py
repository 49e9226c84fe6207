# SPDX-License-Identifier: Apache-2.0
"""Raw calls for what the gateway's client cannot see: metadata, single chunks, own fields."""

import dataclasses

import grpc

from gateway_stub import OWN_CONNECTION, pause
from stubs import pb2, pb2_grpc

# gRPC stays up for the whole process: without it, its threads end with the last channel of each
# event loop, and start anew with the next.
grpc.aio.init_grpc_aio()

RATE_LIMIT_WAITS_MAX = 20
RATE_LIMIT_WAIT_SECONDS = 0.25


@dataclasses.dataclass
class Outcome:
    """The chunks that a stream brought and how it ended; `reason` is the trailing `weir-reason`."""

    chunks: list
    code: grpc.StatusCode = grpc.StatusCode.OK
    reason: str = ""
    details: str = ""

    @property
    def queue_map(self):
        return {key: topic for chunk in self.chunks for key, topic in chunk.queue_map.items()}

    @property
    def buffer_ids(self):
        return [node.node_id for chunk in self.chunks for node in chunk.buffer_nodes]

    @property
    def decisions(self):
        return {one.node_id: one for chunk in self.chunks for one in chunk.decisions}

    @property
    def warnings(self):
        return [warning for chunk in self.chunks for warning in chunk.warnings]


def reason_of(fault):
    for key, value in fault.trailing_metadata() or ():
        if key == "weir-reason":
            return value
    return ""


class Wire:
    """One connection of its own. For one event loop."""

    def __init__(self, target):
        self.channel = grpc.aio.insecure_channel(target, options=OWN_CONNECTION)
        self.diffs = pb2_grpc.DiffServiceStub(self.channel)
        self.tags = pb2_grpc.TagQueryStub(self.channel)
        self.admin = pb2_grpc.AdminServiceStub(self.channel)
        self.health = pb2_grpc.HealthCheckStub(self.channel)

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        await self.channel.close()

    async def diff(self, acknowledge=True, **fields):
        """One Diff, tried once, acknowledged or not."""
        outcome = Outcome([])
        try:
            async for chunk in self.diffs.Diff(pb2.DiffRequest(**fields)):
                outcome.chunks.append(chunk)
                if acknowledge:
                    await self.diffs.AckChunk(pb2.ChunkAck(sentinel_id=chunk.sentinel_id))
        except grpc.aio.AioRpcError as fault:
            outcome.code, outcome.details = fault.code(), fault.details() or ""
            outcome.reason = reason_of(fault)
        return outcome

    async def topics(self, mark):
        """The names of all topics that exist and contain `mark`. At most five calls a second are
        answered, so a refused one is asked again, for at most five seconds."""
        for _ in range(RATE_LIMIT_WAITS_MAX):
            try:
                stats = await self.admin.GetQueueStats(pb2.QueueStatsRequest(filter=""))
                return {topic for topic in stats.sizes if mark in topic}
            except grpc.aio.AioRpcError as fault:
                if reason_of(fault) != "rate_limited":
                    raise
            await pause(RATE_LIMIT_WAIT_SECONDS)
        raise TimeoutError("GetQueueStats stayed rate limited")
