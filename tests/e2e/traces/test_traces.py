# SPDX-License-Identifier: Apache-2.0
"""A call's trace goes on into spans, log lines and SQL, and every diff is hashed (contract section
3.26). The collector is real, the hashes are made here."""

import asyncio
import json
import re
import secrets
import subprocess
import urllib.request

import grpc
import pytest

from collector import Collector
from graphs import Graph, layered_graph
from plain_blake3 import blake3
from stubs import pb2
from weir_server import free_ports
from wire import Wire

NODES = 5
SERVER, CLIENT = 2, 3
SPANS_WAITING_MAX = 2048
DIFF = "DiffService/Diff"


class Caller:
    """Whoever asks: a trace and the span the call belongs to."""

    def __init__(self, sampled=True):
        self.trace = secrets.token_hex(16)
        self.span = secrets.token_hex(8)
        self.traceparent = f"00-{self.trace}-{self.span}-{'01' if sampled else '00'}"


def submit(server, graph, caller=None, **fields):
    """The request, its chunks, and code and message of its end."""
    fields = {"strategy_id": "s", "world_id": "w1", "execution_domain": "live", **fields}
    request = pb2.DiffRequest(dag_json=graph if isinstance(graph, str) else graph.to_json(),
                              **fields)
    metadata = (("traceparent", caller.traceparent),) if caller else ()

    async def ask():
        chunks = []
        async with Wire(server.target) as wire:
            try:
                async for chunk in wire.diffs.Diff(request, metadata=metadata):
                    chunks.append(chunk)
                    await wire.diffs.AckChunk(pb2.ChunkAck(sentinel_id=chunk.sentinel_id))
            except grpc.aio.AioRpcError as fault:
                return request, chunks, fault.code().name, fault.details()
        return request, chunks, "OK", ""

    return asyncio.run(ask())


def number(value):
    return value.to_bytes(8, "little")


def hash_texts(*texts):
    """Section 3.26: each with its length."""
    return blake3(b"".join(number(len(text)) + text for text in map(str.encode, texts))).hexdigest()


def hash_request(request):
    return hash_texts(request.strategy_id, request.dag_json, request.world_id,
                      request.execution_domain, request.as_of, request.partition,
                      request.dataset_fingerprint)


def hash_answer(graph, chunks):
    """Section 3.8, of an answer without buffer instructions: entries in the graph's order."""
    by_id = {key.split(":")[1]: (key, topic)
             for chunk in chunks for key, topic in chunk.queue_map.items()}
    entries = [by_id[identity.split(":")[1]] for identity in graph.ids]
    parts = [number(len(entries))]
    for text in (text for entry in entries for text in (*entry, None)):
        parts.append(number(0) if text is None else number(len(text)) + text.encode())
    for text in (chunks[-1].sentinel_id, chunks[0].version):
        parts.append(number(len(text)) + text.encode())
    return blake3(b"".join(parts)).hexdigest()


def traced_server(start_server, collector, store="memory", **settings):
    telemetry = {"otel_exporter_endpoint": collector.endpoint}
    telemetry.update(settings.pop("telemetry", {}))
    return start_server(store, top={"telemetry": telemetry}, **settings)


def log_lines(server):
    found = []
    for line in server.log.read_text().splitlines():
        if line.startswith("{"):
            found.append(json.loads(line))
    return found


def psql(dsn, sql):
    done = subprocess.run(["psql", "--no-psqlrc", "-At", "--dbname", dsn, "--command", sql],
                          capture_output=True, text=True, cwd="/", check=True)
    return done.stdout.strip()


def assert_one_tree(spans, caller):
    """Every span leads to the caller's, and none is there twice."""
    by_id = {span.id: span for span in spans}
    assert len(by_id) == len(spans)
    for span in spans:
        at, hops = span, 0
        while at.parent != caller.span:
            assert at.parent in by_id, f"{at} hangs in the air"
            at, hops = by_id[at.parent], hops + 1
            assert hops < 10


def figure(server, series):
    for line in server.get("/metrics")[1].decode().splitlines():
        if line.startswith(series + " "):
            return float(line.rsplit(" ", 1)[1])
    return None


@pytest.fixture
def collector():
    with Collector() as started:
        yield started


def test_one_tree_leads_from_the_clients_span_to_the_sql_of_each_step(
        start_server, collector, postgres):
    dsn = postgres.new_database()
    server = traced_server(start_server, collector, graph_dsn=dsn, topics_dsn=dsn)
    graph, caller = layered_graph(NODES), Caller()
    request, chunks, code, _ = submit(server, graph, caller, dataset_fingerprint="lake:1")
    assert code == "OK"
    server.stop()

    spans = collector.spans(caller.trace)
    assert_one_tree(spans, caller)
    root = next(span for span in spans if span.parent == caller.span)
    assert (root.name, root.kind, root.failed) == (DIFF, SERVER, False)
    steps = {span.name: span for span in spans if span.parent == root.id and span.kind == 1}
    assert set(steps) >= {"diff.wait", "diff.read", "diff.scope", "diff.fetch", "diff.decide",
                          "diff.reserve", "diff.topics", "diff.commit", "diff.stream"}
    order = [steps[name].start for name in
             ("diff.wait", "diff.read", "diff.fetch", "diff.decide", "diff.reserve",
              "diff.topics", "diff.commit", "diff.stream")]
    assert order == sorted(order)
    for name in ("diff.fetch", "diff.reserve", "diff.topics", "diff.commit"):
        below = [span for span in spans if span.parent == steps[name].id]
        assert below and all(span.kind == CLIENT for span in below), name
        assert all(span.attributes["db.query.summary"] for span in below)
        # What is written ahead while topics are made is waited for in the commit.
        assert all(steps[name].start <= span.start <= steps[name].end for span in below)

    told = root.attributes
    assert told["weir.strategy_id"] == "s" and told["weir.world_id"] == "w1"
    assert told["weir.execution_domain"] == "live"
    assert told["weir.dataset_fingerprint"] == "lake:1"
    assert told["weir.decisions.new"] == NODES
    assert told["weir.decisions.reuse"] == told["weir.decisions.refused"] == 0
    assert told["weir.request_hash"] == hash_request(request)
    assert told["weir.answer_hash"] == hash_answer(graph, chunks)
    assert told["weir.answer_hash"].startswith(chunks[0].answer)
    stored = psql(dsn, "SELECT encode(request_hash, 'hex'), encode(answer_hash, 'hex')"
                       " FROM weir_dagmanager.deploy")
    assert stored == told["weir.request_hash"] + "|" + told["weir.answer_hash"]
    names = {one["key"]: one["value"]["stringValue"]
             for one in collector.resources[0]["attributes"]}
    assert names["service.name"] == "weir-dagmanager" and names["service.instance.id"]


def test_an_answer_given_again_is_told_with_the_same_hashes(start_server, collector):
    server = traced_server(start_server, collector)
    graph = layered_graph(NODES)
    callers = [Caller() for _ in range(4)]
    asked = [submit(server, graph, caller) for caller in callers]
    server.stop()
    roots = [next(span for span in collector.spans(caller.trace) if span.name == DIFF)
             for caller in callers]
    for root, (request, chunks, _, _) in zip(roots, asked):
        assert root.attributes["weir.request_hash"] == hash_request(request)
        assert root.attributes["weir.answer_hash"] == hash_answer(graph, chunks)
    assert [root.attributes["weir.decisions.new"] for root in roots] == [NODES, 0, 0, 0]
    assert [root.attributes["weir.decisions.reuse"] for root in roots] == [0] + 3 * [NODES]


def test_spans_say_nothing_of_a_graphs_content(start_server, collector):
    server = traced_server(start_server, collector, telemetry={"enable_fastapi_otel": True})
    graph, caller = layered_graph(NODES), Caller()
    _, chunks, code, _ = submit(server, graph, caller)
    assert code == "OK"
    assert submit(server, '{"nodes": [{"node_id": "my-secret-name"}]}', Caller())[2] != "OK"
    server.get("/my-secret-name?token=my-secret-name")
    server.stop()
    sent = b"".join(collector.bodies).decode()
    assert caller.trace in sent
    topics = [topic for chunk in chunks for topic in chunk.queue_map.values()]
    for word in (graph.mark, "my-secret-name", *graph.ids, *topics):
        assert word not in sent


def test_a_refused_diff_is_told_and_logged_with_both_hashes(start_server, collector):
    server = traced_server(start_server, collector)
    graph, caller = Graph(), Caller()
    graph.add()
    graph.nodes[0]["inputs"] = [graph.nodes[0]["node_id"]]
    graph.nodes[0]["dependencies"] = graph.nodes[0]["inputs"]
    request, _, code, message = submit(server, graph, caller)
    assert code == "INVALID_ARGUMENT"
    server.stop()
    root = next(span for span in collector.spans(caller.trace) if span.name == DIFF)
    assert root.failed and root.attributes["error.type"] == message.split(":")[0]
    assert root.attributes["weir.request_hash"] == hash_request(request)
    assert root.attributes["weir.answer_hash"] == hash_texts(code, message)
    line = next(one for one in log_lines(server) if one["msg"] == "diff refused")
    assert line["trace_id"] == caller.trace
    assert line["request_hash"] == hash_request(request)
    assert line["answer_hash"] == hash_texts(code, message)


def test_an_unsampled_caller_has_its_trace_in_the_log_and_no_span(start_server, collector):
    server = traced_server(start_server, collector)
    quiet, loud = Caller(sampled=False), Caller()
    assert submit(server, layered_graph(NODES), quiet)[2] == "OK"
    assert submit(server, layered_graph(NODES), loud)[2] == "OK"
    server.stop()
    assert collector.spans(loud.trace) and not collector.spans(quiet.trace)
    logged = {line["trace_id"] for line in log_lines(server) if line["msg"] == "diff"}
    assert logged == {quiet.trace, loud.trace}


def test_without_a_caller_a_trace_begins_here(start_server, collector):
    server = traced_server(start_server, collector)
    assert submit(server, layered_graph(NODES))[2] == "OK"
    server.stop()
    root = next(span for span in collector.spans() if span.name == DIFF)
    assert root.parent == "" and re.fullmatch("[0-9a-f]{32}", root.trace)
    assert any(line.get("trace_id") == root.trace for line in log_lines(server))
    assert len({span.trace for span in collector.spans()}) == 1


def test_sql_carries_the_trace_as_a_comment_sampled_or_not(start_server, collector, postgres):
    if not postgres.log_path:
        pytest.skip("another's PostgreSQL, whose log is not ours to read")
    dsn = postgres.new_database()
    psql(dsn, "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET log_statement = ''all''',"
              " current_database()); END $$")
    server = traced_server(start_server, collector, graph_dsn=dsn, topics_dsn=dsn)
    graph, quiet, loud = layered_graph(NODES), Caller(sampled=False), Caller()
    assert submit(server, graph, quiet)[2] == "OK"
    assert submit(server, graph, loud)[2] == "OK"
    server.stop()
    log = postgres.log_path.read_text(errors="replace")
    comment = re.compile(r"execute <unnamed>: (\w+) /\*traceparent='00-(\w+)-(\w+)-(\d\d)'\*/")
    found = comment.findall(log)
    by_trace = {trace: [one for one in found if one[1] == trace]
                for trace in (quiet.trace, loud.trace)}
    # The first diff writes; both read.
    assert {one[0] for one in by_trace[quiet.trace]} >= {"BEGIN", "SELECT"}
    assert {one[3] for one in by_trace[quiet.trace]} == {"00"}
    assert "SELECT" in {one[0] for one in by_trace[loud.trace]}
    # What is logged leads to the very span.
    told = {span.id for span in collector.spans(loud.trace) if span.kind == CLIENT}
    assert {one[2] for one in by_trace[loud.trace]} <= told and told
    # What is prepared stays as it is.
    prepared = re.findall(r"execute dag_\w+: (.*)", log)
    assert prepared and not any("traceparent" in text for text in prepared)


def test_calls_over_http_have_spans_where_that_is_asked_for(start_server, collector):
    server = traced_server(start_server, collector, telemetry={"enable_fastapi_otel": True})
    plain = traced_server(start_server, collector)
    caller = Caller()

    def ask(of, path):
        request = urllib.request.Request(of.http + path,
                                         headers={"traceparent": caller.traceparent})
        with urllib.request.urlopen(request, timeout=10) as reply:
            return reply.status

    assert ask(server, "/status") == ask(plain, "/status") == 200
    server.stop()
    plain.stop()
    spans = collector.spans(caller.trace)
    assert [(span.name, span.kind, span.parent) for span in spans] == [
        ("GET /status", SERVER, caller.span)]
    assert spans[0].attributes["http.route"] == "/status"
    assert spans[0].attributes["http.response.status_code"] == 200


def test_other_calls_have_spans_too(start_server, collector):
    server = traced_server(start_server, collector)
    caller = Caller()

    async def ask():
        async with Wire(server.target) as wire:
            metadata = (("traceparent", caller.traceparent),)
            await wire.tags.GetQueues(pb2.TagQueryRequest(tags=["a"], interval=60),
                                      metadata=metadata)
            with pytest.raises(grpc.aio.AioRpcError):
                await wire.admin.RedoDiff(pb2.RedoDiffRequest(sentinel_id="nobody-sentinel"),
                                          metadata=metadata)

    asyncio.run(ask())
    server.stop()
    spans = {span.name: span for span in collector.spans(caller.trace)}
    assert set(spans) == {"TagQuery/GetQueues", "AdminService/RedoDiff"}
    assert all(span.parent == caller.span for span in spans.values())
    assert spans["AdminService/RedoDiff"].failed


def test_a_batch_leaves_while_the_server_runs(start_server, collector):
    server = traced_server(start_server, collector)
    caller = Caller()
    assert submit(server, layered_graph(NODES), caller)[2] == "OK"
    collector.wait_for(lambda spans: any(span.trace == caller.trace for span in spans))
    assert figure(server, "telemetry_spans_dropped_total") == 0
    server.stop()


def test_a_collector_that_is_away_costs_spans_and_no_diff(start_server):
    (port,) = free_ports(1)
    server = start_server(
        "memory", top={"telemetry": {"otel_exporter_endpoint": f"http://127.0.0.1:{port}"}})
    graph = layered_graph(NODES)
    document = graph.to_json()

    async def ask():
        async with Wire(server.target) as wire:
            for _ in range(SPANS_WAITING_MAX):  # a span each at least
                outcome = await wire.diff(strategy_id="s", dag_json=document, world_id="w1",
                                          execution_domain="live")
                assert outcome.code == grpc.StatusCode.OK

    asyncio.run(ask())
    assert figure(server, "telemetry_spans_dropped_total") > 0
    assert figure(server, "diff_failures_total") == 0
    assert server.stop() == 0
    told = [line for line in log_lines(server) if line["msg"].startswith("spans are not taken")]
    assert len(told) == 1


def test_without_an_endpoint_nothing_is_told_and_the_trace_is_logged(start_server):
    server = start_server("memory")
    caller = Caller()
    assert submit(server, layered_graph(NODES), caller)[2] == "OK"
    assert figure(server, "telemetry_spans_dropped_total") is None
    assert any(line.get("trace_id") == caller.trace for line in log_lines(server))
    server.stop()
