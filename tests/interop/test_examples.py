# SPDX-License-Identifier: Apache-2.0
"""The table of examples/README.md says what is in the files."""

import base64
import json
import re

import pytest

from graphs import node_id
from weir_server import ROOT

EXAMPLES = ROOT / "examples"
FILES = sorted((EXAMPLES / "strategies").iterdir())


def load(path):
    text = path.read_text()
    return json.loads(base64.b64decode(text, validate=True) if path.suffix == ".b64" else text)


def longest_chain(nodes):
    inputs = {node["node_id"]: node.get("inputs", []) for node in nodes}
    layers = {}
    for node in nodes:  # all files are written in topological order
        above = [layers[upstream] for upstream in inputs[node["node_id"]] if upstream in layers]
        layers[node["node_id"]] = 1 + max(above, default=0)
    return max(layers.values())


def counted(nodes):
    ids = {node["node_id"] for node in nodes}
    inputs = [upstream for node in nodes for upstream in node.get("inputs", [])]
    return [
        len(nodes),
        len(ids),
        longest_chain(nodes),
        len(inputs),
        sum(upstream not in ids for upstream in inputs),
        len({tag for node in nodes for tag in node.get("tags", [])}),
        sum(node["node_type"] == "TagQueryNode" for node in nodes),
    ]


def table():
    text = (EXAMPLES / "README.md").read_text()
    rows = re.findall(r"^\| (\S+\.(?:json|b64)) \| (.*) \|$", text, re.M)
    return {name: cells.split(" | ") for name, cells in rows}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_row_of_the_table_is_what_the_file_holds(path):
    *figures, page = table()[path.name]
    assert [int(figure) for figure in figures] == counted(load(path)["nodes"])
    target = re.fullmatch(r"\[page\]\((.*)\)", page).group(1)
    assert f"examples/strategies/{path.name}" in (EXAMPLES / target).read_text() or (
        path.name.startswith("factor-1000")
    )


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_node_bears_the_id_that_its_content_has(path):
    for node in load(path)["nodes"]:
        if node["node_type"] != "VersionSentinel":
            assert node_id(node) == node["node_id"]


def test_table_names_every_file_and_no_other():
    assert sorted(table()) == [path.name for path in FILES]
