# SPDX-License-Identifier: Apache-2.0
"""A diff that acknowledges each chunk by its number and, where the stream is cut, takes it up again
after the last chunk that came, from whichever instance answers."""

import asyncio
import dataclasses

import grpc

from . import dagmanager_pb2 as pb2
from . import dagmanager_pb2_grpc as pb2_grpc

# Tries that bring nothing new, in a row, and the pauses before the next one.
TRIES_MAX = 5
PAUSE_SECONDS = 0.5
PAUSE_SECONDS_MAX = 4.0
CALL_SECONDS_MAX = 60.0

# After these the same request may be answered.
PASSING = (
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.DEADLINE_EXCEEDED,
    grpc.StatusCode.INTERNAL,  # a connection that is cut inside a message
    grpc.StatusCode.UNKNOWN,
)


@dataclasses.dataclass
class Answer:
    """Of a diff: all its chunks together. `resumed` counts the streams that were taken up again."""

    queue_map: dict = dataclasses.field(default_factory=dict)
    buffer_nodes: list = dataclasses.field(default_factory=list)
    warnings: list = dataclasses.field(default_factory=list)
    sentinel_id: str = ""
    version: str = ""
    chunks: int = 0
    answer: str = ""
    resumed: int = 0

    def take(self, chunk):
        self.queue_map.update(chunk.queue_map)
        self.buffer_nodes.extend(chunk.buffer_nodes)
        self.warnings.extend(chunk.warnings)
        self.sentinel_id, self.version = chunk.sentinel_id, chunk.version
        self.chunks, self.answer = chunk.chunk_index, chunk.answer


def reason_of(fault):
    """The word that says why, from the trailing metadata; empty if the server sent none."""
    for key, value in fault.trailing_metadata() or ():
        if key == "weir-reason":
            return value
    return ""


class DagManagerClient:
    """One connection. For one event loop; enter it, or close it."""

    def __init__(self, target, credentials=None):
        if credentials is None:
            self._channel = grpc.aio.insecure_channel(target)
        else:
            self._channel = grpc.aio.secure_channel(target, credentials)
        self.diffs = pb2_grpc.DiffServiceStub(self._channel)
        self.tags = pb2_grpc.TagQueryStub(self._channel)
        self.admin = pb2_grpc.AdminServiceStub(self._channel)
        self.health = pb2_grpc.HealthCheckStub(self._channel)

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        await self.close()

    async def close(self):
        await self._channel.close()

    async def diff(self, **fields):
        """The whole Answer to pb2.DiffRequest(**fields). Raises grpc.aio.AioRpcError when the
        request is refused, or after TRIES_MAX tries in a row that brought no chunk."""
        answer, tries, pause = Answer(), 0, PAUSE_SECONDS
        while True:
            before = answer.chunks
            try:
                await self._stream(fields, answer)
                return answer
            except grpc.aio.AioRpcError as fault:
                if reason_of(fault) == "answer_changed":
                    answer = Answer(resumed=answer.resumed)  # from the beginning
                elif fault.code() not in PASSING:
                    raise
                if answer.chunks > before:
                    tries, pause = 0, PAUSE_SECONDS
                tries += 1
                if tries == TRIES_MAX:
                    raise
            await asyncio.sleep(pause)
            pause = min(2 * pause, PAUSE_SECONDS_MAX)
            answer.resumed += 1

    async def _stream(self, fields, answer):
        request = pb2.DiffRequest(**fields)
        if answer.chunks:
            request.resume_sentinel_id = answer.sentinel_id
            request.resume_after_chunk = answer.chunks
            request.resume_answer = answer.answer
        async for chunk in self.diffs.Diff(request, timeout=CALL_SECONDS_MAX):
            answer.take(chunk)
            await self.diffs.AckChunk(
                pb2.ChunkAck(sentinel_id=chunk.sentinel_id, chunk_id=chunk.chunk_index),
                timeout=CALL_SECONDS_MAX,
            )
