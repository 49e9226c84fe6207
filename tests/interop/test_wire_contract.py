# SPDX-License-Identifier: Apache-2.0
"""proto/dagmanager.proto keeps every name, number and type of the public gateway's client."""

import pathlib
import re

import pytest

from stubs import PROTO, pb2

PACKAGE = "qmtl.services.dagmanager"
OWN_FIELDS_FROM = 100

# Message → its fields from number 1 on, as `name type`.
MESSAGES = {
    "DiffRequest": "strategy_id string, dag_json string, world_id string, execution_domain string,"
    " as_of string, partition string, dataset_fingerprint string",
    "BufferInstruction": "node_id string, node_type string, code_hash string, schema_hash string,"
    " interval int64, period int32, tags repeated string, lag int32, schema_compat_id string",
    "DiffChunk": "queue_map map<string,string>, sentinel_id string,"
    " buffer_nodes repeated BufferInstruction, version string, crc32 optional uint32",
    "ChunkAck": "sentinel_id string, chunk_id uint32",
    "TagQueryRequest": "tags repeated string, interval int64, match_mode string",
    "QueueDescriptor": "queue string, global bool",
    "TagQueryReply": "queues repeated QueueDescriptor",
    "CleanupRequest": "strategy_id string",
    "CleanupResponse": "",
    "QueueStatsRequest": "filter string",
    "QueueStats": "sizes map<string,int64>",
    "RedoDiffRequest": "sentinel_id string, dag_json string",
    "DiffResult": "queue_map map<string,string>, sentinel_id string, version string",
    "StatusRequest": "",
    "StatusReply": "neo4j string, state string",
    "PingRequest": "",
    "Pong": "",
}
METHODS = {
    "DiffService.Diff": "DiffRequest, stream DiffChunk",
    "DiffService.AckChunk": "ChunkAck, ChunkAck",
    "TagQuery.GetQueues": "TagQueryRequest, TagQueryReply",
    "AdminService.Cleanup": "CleanupRequest, CleanupResponse",
    "AdminService.GetQueueStats": "QueueStatsRequest, QueueStats",
    "AdminService.RedoDiff": "RedoDiffRequest, DiffResult",
    "HealthCheck.Status": "StatusRequest, StatusReply",
    "HealthCheck.Ping": "PingRequest, Pong",
}
# What clients may have been made from. It only grows: a line that is there is never changed.
RELEASED = pathlib.Path(__file__).parents[1] / "data" / "golden" / "dagmanager-1.5.wire.txt"
TYPE_NAMES = {1: "double", 3: "int64", 5: "int32", 8: "bool", 9: "string", 13: "uint32"}
REPEATED = 3


def type_of(field):
    if field.message_type is None:
        name = TYPE_NAMES[field.type]
    elif field.message_type.GetOptions().map_entry:
        key, value = field.message_type.fields
        return f"map<{TYPE_NAMES[key.type]},{TYPE_NAMES[value.type]}>"
    else:
        name = field.message_type.name
    if field.label == REPEATED:
        return f"repeated {name}"
    presence = field.containing_oneof is not None  # proto3 makes one of every `optional`
    return f"optional {name}" if presence else name


@pytest.mark.parametrize("name", MESSAGES)
def test_message_of_the_gateway_is_unchanged(name):
    fields = pb2.DESCRIPTOR.message_types_by_name[name].fields
    theirs = [field for field in fields if field.number < OWN_FIELDS_FROM]
    assert [field.number for field in theirs] == list(range(1, len(theirs) + 1))
    assert ", ".join(f"{field.name} {type_of(field)}" for field in theirs) == MESSAGES[name]


@pytest.mark.parametrize("name", METHODS)
def test_method_of_the_gateway_is_unchanged(name):
    service, _, method = name.partition(".")
    found = pb2.DESCRIPTOR.services_by_name[service].methods_by_name[method]
    streams = re.search(rf"rpc {method}\(\w+\) returns \(stream", PROTO.read_text())
    told = f"{found.input_type.name}, {'stream ' if streams else ''}{found.output_type.name}"
    assert told == METHODS[name]


def test_package_has_no_options_and_no_imports():
    text = PROTO.read_text()
    assert pb2.DESCRIPTOR.package == PACKAGE
    assert not re.search(r"^(option|import)\b", text, re.MULTILINE)


def test_file_begins_with_its_version():
    assert re.fullmatch(r"// api-version: \d+\.\d+", PROTO.read_text().split("\n", 1)[0])


def wire_lines():
    """Each field with its number and type, and each method with what it takes and gives."""
    for name, message in pb2.DESCRIPTOR.message_types_by_name.items():
        yield f"message {name}"
        for field in message.fields:
            yield f"{name} {field.number} {field.name} {type_of(field)}"
    text = PROTO.read_text()
    for name, service in pb2.DESCRIPTOR.services_by_name.items():
        for method in service.methods:
            streams = re.search(rf"rpc {method.name}\(\w+\) returns \(stream", text)
            given = f"{'stream ' if streams else ''}{method.output_type.name}"
            yield f"rpc {name}.{method.name} {method.input_type.name} -> {given}"


def test_what_was_released_is_there_unchanged():
    released = RELEASED.read_text().splitlines()
    assert len(released) == len(set(released)) > 100
    assert set(released) - set(wire_lines()) == set()


def test_a_new_name_or_number_comes_with_a_new_version():
    version = PROTO.read_text().split("\n", 1)[0].removeprefix("// api-version: ")
    if RELEASED.name == f"dagmanager-{version}.wire.txt":
        assert set(wire_lines()) == set(RELEASED.read_text().splitlines())
