# SPDX-License-Identifier: Apache-2.0
"""Two requests of Kafka's protocol that no client here has: who leads the quorum, and other
replicas for partitions."""

import socket
import struct

DESCRIBE_QUORUM = 55
ALTER_PARTITION_REASSIGNMENTS = 45
SECONDS_MAX = 60
NO_TAGS = b"\0"


def varint(value):
    out = b""
    while value >= 0x80:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])


def compact_text(text):
    return varint(len(text) + 1) + text.encode()


def compact_array(items):
    return varint(len(items) + 1) + b"".join(items)


class Reader:
    def __init__(self, data):
        self._data, self._at = data, 0

    def take(self, form):
        [value] = struct.unpack_from(">" + form, self._data, self._at)
        self._at += struct.calcsize(form)
        return value

    def varint(self):
        value, shift = 0, 0
        while True:
            byte = self.take("B")
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    def text(self):
        """None for null."""
        size = self.varint()
        if size == 0:
            return None
        self._at += size - 1
        return self._data[self._at - size + 1:self._at].decode()

    def tags(self):
        assert self.varint() == 0, "tagged fields are not read here"


def received(connection, size):
    data = b""
    while len(data) < size:
        more = connection.recv(size - len(data))
        assert more, "the broker ended the connection"
        data += more
    return data


def ask(address, key, body):
    """The reply to version 0 of a flexible request, after its header."""
    host, port = address.rsplit(":", 1)
    with socket.create_connection((host, int(port)), SECONDS_MAX) as connection:
        connection.settimeout(SECONDS_MAX)
        request = struct.pack(">hhih", key, 0, 1, -1) + NO_TAGS + body
        connection.sendall(struct.pack(">i", len(request)) + request)
        [size] = struct.unpack(">i", received(connection, 4))
        reader = Reader(received(connection, size))
    assert reader.take("i") == 1
    reader.tags()
    return reader


def quorum_leader(address):
    partition = struct.pack(">i", 0) + NO_TAGS
    topic = compact_text("__cluster_metadata") + compact_array([partition]) + NO_TAGS
    reader = ask(address, DESCRIBE_QUORUM, compact_array([topic]) + NO_TAGS)
    assert reader.take("h") == 0
    assert reader.varint() == 2 and reader.text() == "__cluster_metadata"
    assert reader.varint() == 2 and reader.take("i") == 0 and reader.take("h") == 0
    return reader.take("i")


def reassign_partitions(address, replicas_by_topic):
    """Of the first partition of each topic; the first of the replicas is to lead."""
    topics = []
    for topic, replicas in replicas_by_topic.items():
        numbers = compact_array([struct.pack(">i", number) for number in replicas])
        partition = struct.pack(">i", 0) + numbers + NO_TAGS
        topics.append(compact_text(topic) + compact_array([partition]) + NO_TAGS)
    body = struct.pack(">i", SECONDS_MAX * 1000) + compact_array(topics) + NO_TAGS
    reader = ask(address, ALTER_PARTITION_REASSIGNMENTS, body)
    reader.take("i")  # throttled so long
    assert (reader.take("h"), reader.text()) == (0, None)
    assert reader.varint() == len(topics) + 1
    for _ in topics:
        topic = reader.text()
        assert reader.varint() == 2 and reader.take("i") == 0
        assert (reader.take("h"), reader.text()) == (0, None), topic
        reader.tags()
        reader.tags()
