# SPDX-License-Identifier: Apache-2.0
"""Strategy graphs made for tests, named as the SDK would name their nodes (contract section 2)."""

import base64
import json
import uuid
import zlib

from plain_blake3 import blake3


def canonical_json(value):
    """Section 2.3. Python prints a double exactly as the section places its digits."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def node_id(node):
    """Section 2.1, for nodes made here: whole numbers, no excluded params, text ids."""
    params = node.get("params")
    if node["node_type"] == "TagQueryNode":
        tags = sorted(set((params or {}).get("query_tags") or node.get("tags") or []))
        mode = (params or {}).get("match_mode") or node.get("match_mode") or "any"
        params = {"interval": node["interval"], "match_mode": mode, "query_tags": tags}
    parts = (
        node["node_type"],
        str(node["interval"]),
        str(node["period"]),
        canonical_json(params),
        ",".join(sorted(node["inputs"])),
        node["schema_compat_id"],
        node["code_hash"],
    )
    return "blake3:" + blake3("|".join(parts).encode()).hexdigest()


def compute_key(node, world="", domain="", as_of="", partition=""):
    """Section 2.7; `domain` is the effective one."""
    parts = "\x1f".join((node, world, domain, as_of, partition))
    return "blake3:" + blake3(parts.encode()).hexdigest()


def nonce():
    """A word that no other run uses; as a first tag it begins the names of a graph's topics."""
    return "t" + uuid.uuid4().hex[:12]


class Graph:
    """A DAG in the making. `nonce` marks its nodes, so that no store knows them before."""

    def __init__(self, mark=None):
        self.mark = mark or nonce()
        self.nodes = []
        self.meta = {}
        self.context = {}

    def add(self, inputs=(), node_type="Indicator", interval=60, period=5, tags=(), **fields):
        """Adds a node and gives its id. Further fields are taken over as they are."""
        node = {
            "node_type": node_type,
            "interval": interval,
            "period": period,
            "tags": [self.mark, *tags],
            "inputs": list(inputs),
            "dependencies": sorted(inputs),
            "params": {"n": len(self.nodes)},
            "code_hash": self.mark,
            "config_hash": "c0",
            "schema_hash": "s0",
            "schema_compat_id": "k0",
            "name": f"node_{len(self.nodes)}",
        }
        node.update(fields)
        node.setdefault("node_id", node_id(node))
        self.nodes.append(node)
        return node["node_id"]

    @property
    def ids(self):
        return [node["node_id"] for node in self.nodes]

    def document(self):
        document = {"schema_version": "v1", "nodes": self.nodes}
        if self.meta:
            document["meta"] = self.meta
        if self.context:
            document["compute_context"] = self.context
        return document

    def to_json(self):
        return json.dumps(self.document())

    def to_base64(self):
        return base64.b64encode(self.to_json().encode()).decode()


def layered_graph(count, mark=None, width=10, **fields):
    """`count` nodes: a stream, then layers of `width` nodes that each read one node of the layer
    before, so the graph is deep and every id hangs on the first."""
    graph = Graph(mark)
    if count:
        graph.add(node_type="StreamInput", **fields)
    while len(graph.nodes) < count:
        above = max(0, len(graph.nodes) - width)
        graph.add([graph.nodes[above]["node_id"]], **fields)
    return graph


def gateway_crc32(document):
    """The gateway's own figure (section 2.9): submission order, sentinels and non-objects apart."""
    crc = 0
    for node in document["nodes"]:
        if isinstance(node, dict) and node.get("node_type") != "VersionSentinel":
            crc = zlib.crc32(node["node_id"].encode(), crc)
    return crc
