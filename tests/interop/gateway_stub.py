# SPDX-License-Identifier: Apache-2.0
"""A client that behaves as the public gateway's does, step by step (contract section 6.1).

It is written from that section, not from the gateway's source. What it deliberately shares with
the gateway are the habits a server must live with: the next chunk is read only after the
acknowledgement of the one before was answered, with chunk number 0; five tries without a pause
while the server is healthy; topics prefixed by a rule of the client's own; and a fuse that never
closes by itself (section 6.3).

Run as a program it asks any DAG manager: `gateway_stub.py --help`.
"""

import argparse
import asyncio
import base64
import dataclasses
import json
import pathlib
import sys
import zlib

import grpc

from stubs import pb2, pb2_grpc

ATTEMPTS = 5
HEALTH_POLL_SECONDS = 0.5
HEALTH_WAIT_SECONDS = 5.0
STATUS_REPEAT_SECONDS = 0.1
FUSE_THRESHOLD = 3

# A channel of its own: without it, channels of one process to one address share a connection.
OWN_CONNECTION = (("grpc.use_local_subchannel_pool", 1),)


async def pause(seconds):
    """The gateway's own pause between two polls: part of what it does, not a wait of a test."""
    loop = asyncio.get_running_loop()
    over = loop.create_future()
    timer = loop.call_later(seconds, over.set_result, None)
    try:
        await over
    finally:
        timer.cancel()


def namespace_segment(text):
    """Section 2.10: letters and digits in lower case, `-` and `_` as they are, all else `-`."""
    kept = (c.lower() if c.isalnum() else c if c in "-_" else "-" for c in text.strip())
    return "".join(kept).strip("-_")


def build_namespace(world, domain):
    """`world.domain`, or None if either is empty."""
    segments = [namespace_segment(part or "") for part in (world, domain)]
    return ".".join(segments) if all(segments) else None


def clean_namespace(value):
    """`meta.topic_namespace`: dotted text, or an object with a world and a domain."""
    if isinstance(value, dict):
        world = value.get("world") or value.get("world_id")
        domain = value.get("domain") or value.get("execution_domain")
        return build_namespace(str(world or ""), str(domain or ""))
    if isinstance(value, str):
        parts = [namespace_segment(part) for part in value.split(".")]
        return ".".join(part for part in parts if part) or None
    return None


def with_namespace(topic, namespace):
    if not namespace or topic.startswith(namespace + "."):
        return topic
    return f"{namespace}.{topic}"


def client_namespace(dag_text, world, domain):
    """What the client puts in front of every topic (section 3.5, items 2 and 3)."""
    try:
        document = json.loads(dag_text)
    except ValueError:  # base64 of a document: the client does not look inside
        document = None
    meta = document.get("meta") if isinstance(document, dict) else None
    meta = meta if isinstance(meta, dict) else {}
    stated = clean_namespace(meta.get("topic_namespace"))
    if stated:
        return stated
    if not world:
        return None
    own = meta.get("execution_domain")
    own = own if isinstance(own, str) and own.strip() else None
    return build_namespace(world, own or domain or "live")


def node_id_of(key):
    """The gateway's reading of a queue_map key: cut at `#`, then two `:` fields dropped."""
    return key.split("#", 1)[0].rsplit(":", 2)[0]


def submission_crc32(document):
    """What the gateway compares the answer's crc32 with (section 2.9)."""
    crc = 0
    for node in document["nodes"]:
        if isinstance(node, dict) and node.get("node_type") != "VersionSentinel":
            crc = zlib.crc32(str(node.get("node_id", "")).encode(), crc)
    return crc


def worker_submission(document, strategy_id, version=None):
    """The stored DAG as the gateway's worker sends it: a sentinel appended, the whole as base64."""
    sentinel = {"node_type": "VersionSentinel", "node_id": f"{strategy_id}-sentinel"}
    if version:
        sentinel["version"] = version
    whole = dict(document, nodes=[*document["nodes"], sentinel])
    return base64.b64encode(json.dumps(whole).encode()).decode()


class FuseOpen(Exception):
    """The fuse is open: nothing is sent."""


class Fuse:
    """Opens after three failed calls in a row, and closes only by `reset` (section 6.3)."""

    def __init__(self, threshold=FUSE_THRESHOLD):
        self._threshold = threshold
        self.failures = 0

    @property
    def is_open(self):
        return self.failures >= self._threshold

    def reset(self):
        self.failures = 0

    async def run(self, call):
        if self.is_open:
            raise FuseOpen
        try:
            return await call()
        except Exception:
            self.failures += 1
            raise


class ChecksumMissing(Exception):
    """A chunk without crc32."""


class ChecksumDiffers(Exception):
    """Two chunks of one stream with different crc32."""


@dataclasses.dataclass
class DiffAnswer:
    """A whole answer, as the gateway sees it."""

    queue_map: dict = dataclasses.field(default_factory=dict)
    sentinel_id: str = ""
    version: str = ""
    buffer_nodes: list = dataclasses.field(default_factory=list)
    crc32: int | None = None
    entries_per_chunk: list = dataclasses.field(default_factory=list)
    attempts: int = 1

    def take(self, chunk):
        self.queue_map.update(chunk.queue_map)
        self.sentinel_id = chunk.sentinel_id
        self.version = chunk.version or self.version
        self.buffer_nodes.extend(chunk.buffer_nodes)
        self.entries_per_chunk.append(len(chunk.queue_map))
        if not chunk.HasField("crc32"):
            raise ChecksumMissing
        if self.crc32 not in (None, chunk.crc32):
            raise ChecksumDiffers
        self.crc32 = chunk.crc32


class GatewayClient:
    """One gateway's client: one channel, one fuse. For one event loop."""

    def __init__(self, target, namespaces=True, health_wait_seconds=HEALTH_WAIT_SECONDS):
        self._namespaces = namespaces
        self._health_wait_seconds = health_wait_seconds
        self.channel = grpc.aio.insecure_channel(target, options=OWN_CONNECTION)
        self._diff = pb2_grpc.DiffServiceStub(self.channel)
        self._tags = pb2_grpc.TagQueryStub(self.channel)
        self._health = pb2_grpc.HealthCheckStub(self.channel)
        self.fuse = Fuse()
        self.last_fault = None

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        await self.channel.close()

    async def _healthy(self):
        reply = await self._health.Status(pb2.StatusRequest())
        return reply.neo4j == "ok" and reply.state == "running"

    async def status(self):
        """True if the server is healthy; a fault is repeated once."""

        async def ask():
            try:
                return await self._healthy()
            except grpc.aio.AioRpcError:
                await pause(STATUS_REPEAT_SECONDS)
                return await self._healthy()

        try:
            healthy = await self.fuse.run(ask)
        except (grpc.aio.AioRpcError, FuseOpen):
            return False
        if healthy:
            self.fuse.reset()
        return healthy

    async def _wait_until_healthy(self):
        clock = asyncio.get_running_loop().time
        deadline = clock() + self._health_wait_seconds
        while True:
            try:
                if await self._healthy():
                    return
            except grpc.aio.AioRpcError:
                pass
            if clock() >= deadline:
                raise TimeoutError("the DAG manager did not become healthy")
            await pause(HEALTH_POLL_SECONDS)

    async def _with_tries(self, call):
        """Five tries; between two of them only until the server says that it is healthy."""
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return await call(attempt)
            except (grpc.aio.AioRpcError, ChecksumMissing, ChecksumDiffers) as fault:
                self.last_fault = fault
                if attempt == ATTEMPTS:
                    raise
            await self._wait_until_healthy()

    async def _collect(self, request, attempt):
        answer = DiffAnswer(attempts=attempt)
        async for chunk in self._diff.Diff(request):
            try:
                answer.take(chunk)
            finally:  # a bad chunk is acknowledged as well
                ack = pb2.ChunkAck(sentinel_id=chunk.sentinel_id, chunk_id=0)
                await self._diff.AckChunk(ack)
        return answer

    async def _fused(self, call):
        """The call's result, the fuse's count kept; None for any fault."""
        try:
            result = await self.fuse.run(lambda: self._with_tries(call))
        except (grpc.aio.AioRpcError, ChecksumMissing, ChecksumDiffers, TimeoutError, FuseOpen):
            return None
        self.fuse.reset()
        return result

    async def diff(
        self,
        strategy_id,
        dag_json,
        *,
        world_id=None,
        execution_domain=None,
        as_of=None,
        partition=None,
        dataset_fingerprint=None,
    ):
        """The whole answer with the client's prefixes, or None."""
        domain = execution_domain or self._domain_of_meta(dag_json)
        request = pb2.DiffRequest(
            strategy_id=strategy_id,
            dag_json=dag_json,
            world_id=world_id or "",
            execution_domain=domain or "",
            as_of=as_of or "",
            partition=partition or "",
            dataset_fingerprint=dataset_fingerprint or "",
        )
        answer = await self._fused(lambda attempt: self._collect(request, attempt))
        if answer and self._namespaces:
            namespace = client_namespace(dag_json, world_id, domain)
            for key, topic in answer.queue_map.items():
                answer.queue_map[key] = with_namespace(topic, namespace)
        return answer

    @staticmethod
    def _domain_of_meta(dag_json):
        try:
            meta = json.loads(dag_json).get("meta")
        except (ValueError, AttributeError):
            return None
        domain = meta.get("execution_domain") if isinstance(meta, dict) else None
        return domain.strip() if isinstance(domain, str) else None

    async def get_queues_by_tag(
        self, tags, interval, match_mode="any", world_id=None, execution_domain=None
    ):
        """A list of objects with `queue`, prefixed, and `global`; empty on any failure."""
        request = pb2.TagQueryRequest(tags=tags, interval=interval, match_mode=match_mode)
        reply = await self._fused(lambda _: self._tags.GetQueues(request))
        if reply is None:
            return []
        namespace = None
        if self._namespaces and world_id:
            namespace = build_namespace(world_id, execution_domain or "live")
        return [
            {"queue": with_namespace(q.queue, namespace), "global": getattr(q, "global")}
            for q in reply.queues
        ]


async def _main(arguments):
    async with GatewayClient(arguments.target) as client:
        if arguments.command == "status":
            healthy = await client.status()
            print(json.dumps({"healthy": healthy}))
            return 0 if healthy else 1
        if arguments.command == "queues":
            tags = arguments.tags.split(",")
            where = {"world_id": arguments.world, "execution_domain": arguments.domain}
            queues = await client.get_queues_by_tag(
                tags, arguments.interval, arguments.match, **where
            )
            print(json.dumps(queues))
            return 0
        dag = pathlib.Path(arguments.file).read_text(encoding="utf-8").strip()
        answer = await client.diff(
            arguments.strategy,
            dag,
            world_id=arguments.world,
            execution_domain=arguments.domain,
            as_of=arguments.as_of,
            partition=arguments.partition,
        )
        if answer is None:
            print(f"no answer; the last fault was: {client.last_fault}", file=sys.stderr)
            return 1
        told = dataclasses.asdict(answer)
        told["buffer_nodes"] = [node.node_id for node in answer.buffer_nodes]
        print(json.dumps(told))
        return 0


def _parse(arguments):
    parser = argparse.ArgumentParser(description="Asks a DAG manager as the public gateway does.")
    parser.add_argument("--target", default="127.0.0.1:50051", help="host:port (%(default)s)")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("status", help="is it healthy? exit 0 or 1")
    submit = commands.add_parser("submit", help="submit a graph, print the whole answer as JSON")
    submit.add_argument("--file", required=True, help="the graph: JSON, or base64 of it")
    submit.add_argument("--strategy", default="gateway-stub", help="(%(default)s)")
    submit.add_argument("--as-of")
    submit.add_argument("--partition")
    queues = commands.add_parser("queues", help="queues by tag, as JSON")
    queues.add_argument("--tags", required=True, help="by comma")
    queues.add_argument("--interval", type=int, required=True, help="seconds")
    queues.add_argument("--match", choices=("any", "all"), default="any")
    for command in (submit, queues):
        command.add_argument("--world")
        command.add_argument("--domain")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(asyncio.run(_main(_parse(sys.argv[1:]))))
