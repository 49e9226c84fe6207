# SPDX-License-Identifier: Apache-2.0
"""Every bad graph gets its code, its reason, and a pointer to each fault (sections 1.1 and 3.1)."""

import json

import grpc
import pytest

import expectations
from expectations import assert_refused, diff_once, fault_lines
from graph_cases import CASES, TAGS_MAX, TEXT_BYTES_MAX, changed, encoded, nested
from graphs import Graph, layered_graph


@pytest.mark.parametrize("name", CASES)
def test_refused_graph(server, name):
    case = CASES[name]
    outcome = diff_once(server, dag_json=case.text(), **case.fields)
    assert_refused(outcome, "INVALID_ARGUMENT", case.reason)
    if case.faults is not None:
        assert fault_lines(outcome) == case.faults, outcome.details


@pytest.mark.parametrize("name", ["five_faults_together", "truncated_list", "cycle_of_three"])
def test_plan_refuses_what_the_diff_refuses(server, name):
    case = CASES[name]
    outcome = diff_once(server, dag_json=case.text(), plan_only=True)
    assert_refused(outcome, "INVALID_ARGUMENT", case.reason)
    if case.faults is not None:
        assert fault_lines(outcome) == case.faults


def test_faults_are_the_same_in_base64(server):
    case = CASES["five_faults_together"]
    outcome = diff_once(server, dag_json=encoded(case.text()))
    assert fault_lines(outcome) == case.faults


def test_cycle_is_named_with_its_nodes(server):
    outcome = diff_once(server, dag_json=CASES["cycle_of_three"].text())
    (line,) = outcome.details.split("\n")[1:]
    for index in range(3):
        assert f"/nodes/{index}" in line.split(": ", 1)[1]


def test_more_than_twenty_faults_are_counted(server):
    graph = layered_graph(30)
    for node in graph.nodes:
        del node["code_hash"]
    outcome = diff_once(server, dag_json=graph.to_json())
    assert_refused(outcome, "INVALID_ARGUMENT", "missing_field")
    told = fault_lines(outcome)
    assert told == [("missing_field", f"/nodes/{i}/code_hash") for i in range(len(told))]
    assert len(told) <= expectations.FAULT_LINES_MAX
    assert outcome.details.endswith(f"\nand {30 - len(told)} more")


def test_message_stays_below_4_kib(server):
    graph = layered_graph(20)
    for node in graph.nodes:
        node["schema_id"] = "k" * 1000
    outcome = diff_once(server, dag_json=graph.to_json())
    assert_refused(outcome, "INVALID_ARGUMENT", "schema_compat_mismatch")
    # The line that counts the rest comes on top.
    assert len(outcome.details.encode()) <= expectations.MESSAGE_BYTES_MAX + 32
    assert outcome.details.split("\n")[-1].startswith("and ")


def accepted(server, dag_json, entries):
    outcome = diff_once(server, dag_json=dag_json)
    assert outcome.code == grpc.StatusCode.OK, outcome.details
    assert len(outcome.queue_map) == entries
    return outcome


# The good neighbours of the cases above: each bound's last value, each tolerated oddity.
NEIGHBOURS = {
    "deepest_nesting": (lambda: nested(64), 0),
    "longest_name": (lambda: changed(name="x" * TEXT_BYTES_MAX), 2),
    "most_tags": (lambda: changed(tags=[f"t{i}" for i in range(TAGS_MAX)]), 2),
    "null_inputs": (lambda: changed(inputs=None, dependencies=None), 2),
    "numbers_of_many_digits_in_params": (lambda: changed(params={"n": 10**400}), 2),
    "interval_as_text": (lambda: changed(interval=" 60 "), 2),
    "interval_as_a_double": (lambda: changed(interval=60.9), 2),
    "unknown_input": (lambda: changed(inputs=["blake3:" + "0" * 64]), 2),
    "entries_that_are_no_objects": (lambda: {"nodes": [1, "a", None, []]}, 0),
    "line_end_after_base64": (lambda: layered_graph(2).to_base64() + "\n", 2),
    "blanks_around_the_document": (lambda: f"\n {layered_graph(2).to_json()} \n", 2),
    "schema_ids_that_are_equal": (lambda: changed(schema_compat_id="k", schema_id=" k "), 2),
    "no_artifacts": (lambda: changed(artifacts=[]), 2),
}


@pytest.mark.parametrize("name", NEIGHBOURS)
def test_good_neighbour_is_accepted(server, name):
    make, entries = NEIGHBOURS[name]
    made = make()
    accepted(server, made if isinstance(made, str) else json.dumps(made), entries)


def test_repeated_node_that_differs_in_tags_only_is_united_with_a_warning(server):
    graph = layered_graph(2)
    graph.nodes.append({**graph.nodes[1], "tags": ["other"], "name": "again"})
    outcome = accepted(server, graph.to_json(), 2)
    assert any("/nodes/1" in text and "/nodes/2" in text for text in outcome.warnings)


def test_last_of_two_equal_keys_counts(server):
    text = layered_graph(1).to_json().replace('"code_hash"', '"code_hash": [], "code_hash"', 1)
    accepted(server, text, 1)


# --- the identity check (section 2.12) ------------------------------------------------------------


def strict_graph():
    graph = Graph()
    graph.add()
    graph.add([graph.ids[0]])
    return graph


def test_strict_server_takes_a_graph_whose_ids_are_right(strict_server):
    accepted(strict_server, strict_graph().to_json(), 2)


@pytest.mark.parametrize("field", ["config_hash", "schema_compat_id", "node_type"])
def test_strict_server_refuses_a_node_without(strict_server, field):
    graph = strict_graph()
    del graph.nodes[1][field]
    outcome = diff_once(strict_server, dag_json=graph.to_json())
    assert_refused(outcome, "INVALID_ARGUMENT", "E_NODE_ID_FIELDS")
    assert ("E_NODE_ID_FIELDS", "/nodes/1") in fault_lines(outcome)


WRONG_IDS = {
    "another_hash": "blake3:" + "0" * 64,
    "no_prefix": "A",
    "upper_case": "BLAKE3:" + "0" * 64,
}


@pytest.mark.parametrize("name", WRONG_IDS)
def test_strict_server_refuses_an_id_that_is_not_its_content(strict_server, name):
    graph = strict_graph()
    graph.nodes[1]["node_id"] = WRONG_IDS[name]
    outcome = diff_once(strict_server, dag_json=graph.to_json())
    assert_refused(outcome, "INVALID_ARGUMENT", "E_NODE_ID_MISMATCH")
    assert fault_lines(outcome) == [("E_NODE_ID_MISMATCH", "/nodes/1")]


def test_strict_server_refuses_a_tag_query_without_interval(strict_server):
    graph = strict_graph()
    graph.add(node_type="TagQueryNode", params={"query_tags": ["a"], "match_mode": "any"})
    del graph.nodes[2]["interval"]
    outcome = diff_once(strict_server, dag_json=graph.to_json())
    assert_refused(outcome, "INVALID_ARGUMENT", "E_NODE_ID_FIELDS")


def test_default_server_warns_where_the_strict_one_refuses(server):
    graph = strict_graph()
    graph.nodes[1]["node_id"] = "A"
    outcome = accepted(server, graph.to_json(), 2)
    assert any("/nodes/1" in text for text in outcome.warnings)
