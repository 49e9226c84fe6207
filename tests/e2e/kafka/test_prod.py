# SPDX-License-Identifier: Apache-2.0
"""Profile prod on brokers (contract sections 3.7, 3.25, 4): it starts and serves where what it
promises can be had, and where not says so and does not start."""

import json
import uuid

import grpc
import pytest

from bus_reader import ARRIVED_SECONDS_MAX, assert_all_arrived, unsent
from graphs import Graph
from suite_support import run_weir
from test_acls import ACLS, Client, acl_lines, address, clients  # noqa: F401
from test_kill import submit
from test_kill_events import committed_events
from test_kill_loops import wait_until
from test_logins import logins, properties  # noqa: F401
from test_topics import brokers, status, topics_in_the_end  # noqa: F401

SHAPES = {"RawPrices": (3, 3), "Indicator": (1, 2), "TradeExecution": (1, 3)}
ONE_BROKER = {kind: {"replication": 1} for kind in ("raw", "indicator", "trade_exec")}
IN_THE_END = 30


@pytest.fixture
def prod(postgres):
    """Settings of a server of profile prod on those brokers."""

    def settings(at, **more):
        return {"graph_dsn": postgres.new_database(), "topics_dsn": f"kafka://{at}",
                "controlbus_dsn": f"kafka://{at}",
                "controlbus_queue_topic": f"queue-{uuid.uuid4()}", **more}

    return settings


def login(user, password):
    return properties(user, password, "sasl_plaintext", "PLAIN")


def graph_of_all_types():
    graph = Graph()
    for node_type in SHAPES:
        graph.add(node_type=node_type)
    return graph


def topics_of(server, graph):
    """By node type."""
    answer = submit(server, graph)
    assert answer.code == grpc.StatusCode.OK, answer
    assert submit(server, graph).queue_map == answer.queue_map
    types = {node["node_id"]: node["node_type"] for node in graph.nodes}
    return {types[key.split(":60:")[0]]: topic for key, topic in answer.queue_map.items()}


def refused(tmp_path, settings):
    """What is said by a start that ends with exit 2."""
    path = tmp_path / "weir.yml"
    path.write_text(json.dumps({"profile": "prod", "dagmanager": {
        **settings, "grpc_port": 0, "http_port": 0}}))
    done = run_weir("dagmanager", "server", "--config", path, cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    return done.stderr


def test_it_serves_on_three_brokers_without_rights(start_server, prod, brokers):  # noqa: F811
    settings = prod(brokers)
    server = start_server("memory", top={"profile": "prod"}, **settings)
    topics = topics_of(server, graph_of_all_types())
    assert topics_in_the_end(brokers, set(topics.values())) == {
        topic: SHAPES[node_type] for node_type, topic in topics.items()}
    assert "has no authorizer" in json.dumps(status(server)["warnings"])
    assert status(server)["engines"] == {"graph": "closed", "broker": "closed", "bus": "closed"}
    assert_all_arrived(brokers, settings["controlbus_queue_topic"], settings["graph_dsn"])
    assert server.stop() == 0


def test_it_serves_on_a_broker_with_rights(
    start_server, prod, logins, clients, acl_lines  # noqa: F811
):
    settings = prod(address(), acl=ACLS, topic_overrides=ONE_BROKER,
                    kafka_properties=login("weir", logins["weir"]))
    server = start_server("memory", top={"profile": "prod"}, **settings)
    topics = set(topics_of(server, graph_of_all_types()).values())
    for topic in topics:
        assert len(acl_lines(topic)) == 4
        wait_until(lambda topic=topic: clients["guest"].read(topic) == [], IN_THE_END)
        assert not clients["guest"].write(topic, "no\n")
    assert not topics & clients["stranger"].topics()
    assert not [text for text in status(server)["warnings"] if "acl" in text or "author" in text]
    wait_until(lambda: unsent(settings["graph_dsn"]) == 0, ARRIVED_SECONDS_MAX)
    told = clients["weir"].run(
        "-C", "-e", "-q", "-o", "beginning", "-t", settings["controlbus_queue_topic"])
    assert {json.loads(line)["id"] for line in told.stdout.splitlines()} == set(
        committed_events(settings["graph_dsn"]))
    assert server.stop() == 0


def test_it_makes_no_topic_with_fewer_replicas_than_asked_for(
    start_server, prod, logins, clients  # noqa: F811
):
    settings = prod(address(), kafka_properties=login("weir", logins["weir"]))
    server = start_server("memory", top={"profile": "prod"}, **settings)
    before = clients["weir"].topics()
    answer = submit(server, graph_of_all_types())
    assert (answer.code, answer.reason) == (grpc.StatusCode.UNAVAILABLE, "create_timeout")
    assert "the brokers do not make a topic now" in server.log_tail()
    assert "replication" in server.log_tail()
    made = clients["weir"].topics() - before - {settings["controlbus_queue_topic"]}
    assert not made - {"sentinel_weight"}
    assert server.stop() == 0


@pytest.mark.parametrize("keys", (["readers"], ["writers"], ["readers", "writers"]), ids="_".join)
def test_it_does_not_start_where_nobody_keeps_rights(tmp_path, prod, brokers, keys):  # noqa: F811
    said = refused(tmp_path, prod(brokers, acl={key: ACLS[key] for key in keys}))
    assert "acl_unavailable" in said
    assert "authorizer" in said


def test_it_does_not_start_where_it_may_not_give_rights(tmp_path, prod, logins):  # noqa: F811
    said = refused(tmp_path, prod(address(), acl=ACLS, topic_overrides=ONE_BROKER,
                                  kafka_properties=login("guest", logins["guest"])))
    assert "acl_unavailable" in said
