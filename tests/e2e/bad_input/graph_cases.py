# SPDX-License-Identifier: Apache-2.0
"""Bad graphs, each with the faults that its answer must tell, in document order.

A case is a function that makes the document, or its text, anew, so that no store knows its nodes.
"""

import base64
import dataclasses
import json
from collections.abc import Callable

from graphs import Graph, layered_graph

DEPTH_MAX = 64
NODES_MAX = 100_000
INPUTS_MAX = 10_000
TAGS_MAX = 1_000
TEXT_BYTES_MAX = 1_024
ARTIFACTS_MAX = 64


@dataclasses.dataclass(frozen=True)
class Case:
    """`faults`: (reason, JSON Pointer) of each fault; None where the text is not JSON at all, so
    that there is no place in a document to point at."""

    reason: str
    make: Callable
    faults: list | None = None
    fields: dict = dataclasses.field(default_factory=dict)

    def text(self):
        made = self.make()
        return made if isinstance(made, str) else json.dumps(made)


CASES = {}


def case(reason, pointer=None, name=None, **fields):
    """Registers the function as a case with one fault, under its own name."""

    def register(make):
        faults = None if pointer is None else [(reason, pointer)]
        CASES[name or make.__name__] = Case(reason, make, faults, fields)
        return make

    return register


def many_faults(*faults):
    def register(make):
        CASES[make.__name__] = Case(faults[0][0], make, list(faults))
        return make

    return register


def table(reason, pointer, rows, **fields):
    """Registers a row a case: name → function."""
    for name, make in rows.items():
        case(reason, pointer, name, **fields)(make)


def encoded(data):
    return base64.b64encode(data if isinstance(data, bytes) else data.encode()).decode()


def changed(index=1, count=2, **fields):
    """A good graph of `count` nodes in which one node has other fields; None takes a field out."""
    graph = layered_graph(count)
    for field, value in fields.items():
        graph.nodes[index].pop(field, None)
        if value is not None:
            graph.nodes[index][field] = value
    return graph.document()


def with_root(**fields):
    return {**layered_graph(2).document(), **fields}


# --- not JSON, and not base64 of it ---------------------------------------------------------------


def base64_with_padding():
    """The base64 of a good document, of a length that needs padding."""
    text = layered_graph(2).to_json()
    return encoded(text + " " * (4 - len(text) % 3))


def base64_with_other_alphabet():
    """With the two characters in which the URL alphabet differs from the standard one."""
    text = json.dumps({"nodes": [], "x": "???>>>" * 3})
    standard = [encoded(" " * shift + text) for shift in range(3)]
    sent = next(one for one in standard if "/" in one or "+" in one)
    return sent.replace("/", "_").replace("+", "-")


table(
    "dag_not_json",
    None,
    {
        "empty_text": lambda: "",
        "blanks_only": lambda: " \n\t ",
        "truncated_list": lambda: '{"nodes": [',
        "truncated_text": lambda: '{"nodes": [{"node_id": "blake3:',
        "text_after_the_document": lambda: '{"nodes": []} x',
        "two_documents": lambda: '{"nodes": []}{"nodes": []}',
        "comma_before_the_end": lambda: '{"nodes": [],}',
        "single_quotes": lambda: "{'nodes': []}",
        "comment": lambda: '{"nodes": [] /* none */}',
        "not_a_number": lambda: '{"nodes": [], "x": NaN}',
        "number_with_leading_zero": lambda: '{"nodes": [], "x": 01}',
        "number_without_digits": lambda: '{"nodes": [], "x": -}',
        "lone_high_surrogate": lambda: '{"nodes": [], "x": "\\ud800"}',
        "lone_low_surrogate": lambda: '{"nodes": [], "x": "a\\udc00b"}',
        "lone_surrogate_in_a_key": lambda: '{"nodes": [], "\\ud800x": 1}',
        "surrogates_the_wrong_way_round": lambda: '{"nodes": [], "x": "\\udc00\\ud800"}',
        "raw_line_break_in_a_text": lambda: '{"nodes": [], "x": "a\nb"}',
        "raw_nul_in_a_text": lambda: '{"nodes": [], "x": "a\0b"}',
        "unknown_escape": lambda: '{"nodes": [], "x": "\\x41"}',
        "key_without_quotes": lambda: "{nodes: []}",
        "byte_order_mark": lambda: '\ufeff{"nodes": []}',
        "neither_json_nor_base64": lambda: "hello, world!",
        "base64_of_plain_text": lambda: encoded("hello, world!"),
        "base64_of_truncated_json": lambda: encoded('{"nodes": ['),
        "base64_of_bytes_that_are_not_utf8": lambda: encoded(b'{"nodes": [], "x": "\xff\xfe"}'),
        "base64_of_base64": lambda: encoded(layered_graph(2).to_base64()),
        "base64_without_its_padding": lambda: base64_with_padding().rstrip("="),
        "base64_with_too_much_padding": lambda: base64_with_padding() + "=",
        "base64_cut_short": lambda: layered_graph(2).to_base64()[:-5],
        "base64_in_the_url_alphabet": base64_with_other_alphabet,
    },
)


# --- wrong shapes ---------------------------------------------------------------------------------

table(
    "dag_shape",
    "",
    {
        "root_is_a_list": lambda: "[]",
        "root_is_a_text": lambda: '"blake3:ab"',
        "base64_of_a_list": lambda: encoded("[]"),
        "base64_of_null": lambda: encoded("null"),
        "base64_of_a_number": lambda: encoded("123"),
    },
)
table(
    "dag_shape",
    "/nodes",
    {
        "no_nodes": lambda: {"schema_version": "v1"},
        "nodes_is_an_object": lambda: {"nodes": {"a": 1}},
        "nodes_is_a_text": lambda: {"nodes": "none"},
        "nodes_is_a_number": lambda: {"nodes": 7},
    },
)
case("dag_shape", "/meta", "meta_is_a_list")(lambda: with_root(meta=[1]))
case("dag_shape", "/compute_context", "compute_context_is_a_text")(
    lambda: with_root(compute_context="live")
)

WRONG_FIELDS = {
    "inputs": {"text": "blake3:ab", "object": {"a": 1}, "number": 5, "boolean": True},
    "dependencies": {"text": "blake3:ab", "object": {"a": 1}},
    "tags": {"text": "btc,eth", "object": {"btc": 1}, "number": 5},
    "interval": {"word": "hourly", "text_with_unit": "60s", "list": [60], "object": {"s": 60}},
    "period": {"word": "many", "fraction_as_text": "1.5", "list": [5]},
    "node_type": {"list": ["Node"], "object": {"name": "Node"}},
    "code_hash": {"list": ["c"], "object": {"sha": "c"}},
    "schema_hash": {"list": ["s"]},
    "schema_compat_id": {"object": {"id": 1}},
    "node_id": {"list": ["blake3:ab"], "object": {"id": "blake3:ab"}},
    "bucket": {"word": "first", "object": {"at": 1}},
}
for wrong_field, wrong_values in WRONG_FIELDS.items():
    for kind, wrong_value in wrong_values.items():
        case("dag_shape", f"/nodes/1/{wrong_field}", f"{wrong_field}_is_{kind}")(
            lambda field=wrong_field, value=wrong_value: changed(**{field: value})
        )
case("dag_shape", "/nodes/1/inputs/0", "input_is_an_object")(
    lambda: changed(inputs=[{"node_id": "blake3:ab"}])
)
case("dag_shape", "/nodes/1/params/query_tags", "query_tags_is_an_object")(
    lambda: changed(node_type="TagQueryNode", params={"query_tags": {"btc": 1}})
)
case("dag_shape", "/nodes/1/tags/0", "tag_is_an_object")(lambda: changed(tags=[{"a": 1}]))


# --- missing fields -------------------------------------------------------------------------------

for missing in ("node_id", "code_hash", "schema_hash"):
    case("missing_field", f"/nodes/1/{missing}", f"{missing}_is_missing")(
        lambda field=missing: changed(**{field: None})
    )
    case("missing_field", f"/nodes/1/{missing}", f"{missing}_is_empty")(
        lambda field=missing: changed(**{field: ""})
    )


@case("missing_field", "/nodes/1/node_id")
def node_id_is_null():
    return {"nodes": [layered_graph(1).nodes[0], {**layered_graph(1).nodes[0], "node_id": None}]}


@many_faults(
    ("missing_field", "/nodes/0/node_id"),
    ("missing_field", "/nodes/0/code_hash"),
    ("missing_field", "/nodes/0/schema_hash"),
)
def node_with_nothing_but_a_type():
    return {"nodes": [{"node_type": "Node"}]}


# --- schema ids -----------------------------------------------------------------------------------


@case("schema_compat_mismatch", "/nodes/1/schema_id")
def two_schema_ids():
    return changed(schema_compat_id="k1", schema_id="k2")


@case("schema_compat_mismatch", "/nodes/1/schema_id")
def two_schema_ids_with_blanks():
    return changed(schema_compat_id=" k1 ", schema_id=" k2 ")


# --- cycles ---------------------------------------------------------------------------------------


def ring(length, field="inputs"):
    """`length` nodes that read each other round and round, by ids that they only state."""
    graph = Graph()
    for index in range(length):
        graph.add(node_id=f"blake3:{index:064x}")
    for index, node in enumerate(graph.nodes):
        node["inputs"], node["dependencies"] = [], []
        node[field] = [graph.nodes[(index + 1) % length]["node_id"]]
    return graph.document()


table(
    "cycle",
    "/nodes/0",
    {
        "node_that_reads_itself": lambda: ring(1),
        "two_nodes_that_read_each_other": lambda: ring(2),
        "cycle_of_three": lambda: ring(3),
        "cycle_of_two_hundred": lambda: ring(200),
        "cycle_by_dependencies": lambda: ring(3, "dependencies"),
    },
)


# --- one id, two meanings -------------------------------------------------------------------------


def said_twice(**fields):
    graph = layered_graph(2)
    return {"nodes": [*graph.nodes, {**graph.nodes[1], **fields}]}


table(
    "node_conflict",
    "/nodes/2",
    {
        "same_id_with_other_params": lambda: said_twice(params={"n": 99}),
        "same_id_with_another_type": lambda: said_twice(node_type="Other"),
        "same_id_with_another_interval": lambda: said_twice(interval=300),
        "same_id_with_other_inputs": lambda: said_twice(inputs=["blake3:ab"]),
        "same_id_with_another_schema_hash": lambda: said_twice(schema_hash="s9"),
        "same_id_with_another_code_hash": lambda: said_twice(code_hash="c9"),
    },
)


# --- bounds ---------------------------------------------------------------------------------------


def nested(depth):
    """A document whose deepest value stands at that depth, the root being the first."""
    inner = depth - 1
    return '{"nodes": [], "x": ' + "[" * inner + "]" * inner + "}"


def long_text(length=TEXT_BYTES_MAX + 1):
    return "x" * length


table(
    "dag_bounds",
    "/x" + "/0" * (DEPTH_MAX - 1),
    {
        "one_level_too_deep": lambda: nested(DEPTH_MAX + 1),
        "depth_bomb_of_lists": lambda: nested(100_000),
        "depth_bomb_in_base64": lambda: encoded(nested(100_000)),
    },
)
case("dag_bounds", "/x" * DEPTH_MAX, "depth_bomb_of_objects")(
    lambda: '{"x":' * 100_000 + "1" + "}" * 100_000
)
case("dag_bounds", "/nodes/0/params/x" + "/0" * (DEPTH_MAX - 4), "depth_bomb_in_params")(
    lambda: '{"nodes": [{"params": ' + nested(5_000) + "}]}"
)


@case("dag_bounds", "/nodes")
def too_many_nodes():
    entries = (
        f'{{"node_id":"n{index}","node_type":"N","code_hash":"c","schema_hash":"s"}}'
        for index in range(NODES_MAX + 1)
    )
    return '{"nodes":[' + ",".join(entries) + "]}"


BEYOND_BOUNDS = {
    "too_many_inputs": ("inputs", [f"blake3:{i}" for i in range(INPUTS_MAX + 1)]),
    "too_many_tags": ("tags", [f"t{i}" for i in range(TAGS_MAX + 1)]),
    "name_too_long": ("name", long_text()),
    "node_id_too_long": ("node_id", "blake3:" + long_text()),
    "interval_beyond_64_bits": ("interval", 2**63),
    "interval_as_text_beyond_64_bits": ("interval", "9" * 400),
    "interval_of_many_digits": ("interval", 10**400),
    "period_beyond_32_bits": ("period", 2**31),
}
for bound_name, (bound_field, bound_value) in BEYOND_BOUNDS.items():
    case("dag_bounds", f"/nodes/1/{bound_field}", bound_name)(
        lambda field=bound_field, value=bound_value: changed(**{field: value})
    )
case("dag_bounds", "/nodes/1/tags/1", "tag_too_long")(lambda: changed(tags=["a", long_text()]))
case("dag_bounds", "/nodes/1/tags/0", "tag_too_long_in_bytes_only")(
    lambda: changed(tags=["€" * 400])
)
case("dag_bounds", "/nodes/1/inputs/0", "input_too_long")(lambda: changed(inputs=[long_text()]))


@case("dag_bounds", "/nodes/1/interval")
def interval_beyond_every_double():
    return json.dumps(changed(interval=-77)).replace("-77", "1e400")


# --- names that no broker can have ----------------------------------------------------------------

case("name_illegal", None, "world_with_a_letter_outside_ascii", world_id="wörld")(
    lambda: changed(name="a")
)
case("name_illegal", None, "world_of_250_characters", world_id="w" * 250)(lambda: changed(name="a"))
case("name_illegal", None, "namespace_of_meta_outside_ascii")(
    lambda: with_root(meta={"topic_namespace": "équipe.a"})
)
case("name_illegal", None, "world_of_the_document_outside_ascii")(
    lambda: with_root(compute_context={"world": "世界", "domain": "live"})
)
case("name_illegal", "/nodes/1/node_id", "node_id_with_the_mark_that_clients_cut_at")(
    lambda: changed(node_id="blake3:ab#ck=blake3:cd")
)
case("name_illegal", "/nodes/1", "node_type_of_250_characters")(
    lambda: changed(node_type="N" * 250)
)
case("name_illegal", "/nodes/1", "first_tag_of_250_characters")(lambda: changed(tags=["t" * 250]))


@many_faults(("name_illegal", "/nodes/0"), ("name_illegal", "/nodes/1"))
def version_of_250_characters():
    return with_root(version="v" * 250)


# --- artifacts ------------------------------------------------------------------------------------

GOOD_ARTIFACT = {"path": "models/a.onnx", "checksum": "sha256:" + "ab" * 32, "size": 10}


def with_artifact(**fields):
    given = {**GOOD_ARTIFACT, **fields}
    artifact = {key: value for key, value in given.items() if value is not None}
    return changed(artifacts=[artifact])


case("artifact_invalid", "/nodes/1/artifacts", "artifacts_is_an_object")(
    lambda: changed(artifacts={"a": GOOD_ARTIFACT})
)
case("artifact_invalid", "/nodes/1/artifacts", "too_many_artifacts")(
    lambda: changed(
        artifacts=[{**GOOD_ARTIFACT, "checksum": f"sha256:{i:064x}"} for i in range(65)]
    )
)
case("artifact_invalid", "/nodes/1/artifacts/0", "artifact_is_a_text")(
    lambda: changed(artifacts=["models/a.onnx"])
)
ARTIFACTS = {
    "artifact_without_path": ("path", None),
    "artifact_path_is_empty": ("path", ""),
    "artifact_path_too_long": ("path", long_text()),
    "artifact_without_checksum": ("checksum", None),
    "artifact_checksum_without_algorithm": ("checksum", "ab" * 32),
    "artifact_checksum_not_hex": ("checksum", "sha256:xyz"),
    "artifact_without_size": ("size", None),
    "artifact_size_is_negative": ("size", -1),
    "artifact_size_is_a_word": ("size", "large"),
    "artifact_framework_is_a_list": ("framework", ["onnx"]),
}
for artifact_name, (artifact_field, artifact_value) in ARTIFACTS.items():
    case("artifact_invalid", f"/nodes/1/artifacts/0/{artifact_field}", artifact_name)(
        lambda field=artifact_field, value=artifact_value: with_artifact(**{field: value})
    )


@case("artifact_invalid", "/nodes/1/artifacts/0/size")
def artifact_of_two_sizes():
    graph = layered_graph(2)
    graph.nodes[0]["artifacts"] = [GOOD_ARTIFACT]
    graph.nodes[1]["artifacts"] = [{**GOOD_ARTIFACT, "size": 11}]
    return graph.document()


# --- several at once ------------------------------------------------------------------------------


@many_faults(
    ("missing_field", "/nodes/0/code_hash"),
    ("dag_shape", "/nodes/1/inputs"),
    ("schema_compat_mismatch", "/nodes/2/schema_id"),
    ("dag_bounds", "/nodes/3/tags/0"),
    ("cycle", "/nodes/4"),
)
def five_faults_together():
    first, second, third, fourth = layered_graph(4, width=1).nodes
    del first["code_hash"]
    second["inputs"] = "blake3:ab"
    third["schema_id"] = "k9"
    fourth["tags"] = [long_text()]
    return {"nodes": [first, second, third, fourth, *ring(2)["nodes"]]}


@many_faults(
    ("dag_shape", "/nodes/0/tags"),
    ("node_conflict", "/nodes/2"),
    ("artifact_invalid", "/nodes/3/artifacts"),
    ("dag_bounds", "/nodes/4/period"),
    ("name_illegal", "/nodes/5/node_id"),
)
def five_other_faults_together():
    nodes = layered_graph(5, width=1).nodes
    nodes[0]["tags"] = "btc"
    nodes.insert(2, {**nodes[1], "params": {"n": 9}})
    nodes[3]["artifacts"] = 7
    nodes[4]["period"] = 10**12
    nodes[5]["node_id"] = "blake3:ab#"
    return {"nodes": nodes}


@many_faults(
    ("dag_shape", "/nodes/0/inputs"),
    ("dag_shape", "/nodes/0/tags"),
    ("dag_bounds", "/nodes/0/name"),
    ("dag_shape", "/nodes/0/interval"),
)
def four_faults_in_one_node_in_document_order():
    node = layered_graph(1).nodes[0]
    for field in ("inputs", "tags", "name", "interval"):
        del node[field]
    return {"nodes": [{**node, "inputs": 1, "tags": 1, "name": long_text(), "interval": "x"}]}
