# SPDX-License-Identifier: Apache-2.0
"""One broker that asks who is there (contract section 3.25): logins, certificates, rights."""

import grpc
import pytest

from graphs import layered_graph
from test_kill import submit
from test_topics import ENGINES

NODES = 12
FOLDER = ENGINES / "kafka-sasl"


@pytest.fixture(scope="session")
def logins():
    """User and password by user."""
    if not (FOLDER / "address").exists():
        pytest.skip(f"no broker: WEIR_ENGINES={ENGINES} scripts/engines start kafka-sasl")
    return dict(line.split() for line in (FOLDER / "users").read_text().splitlines())


def properties(user, password, protocol, mechanism):
    chosen = {
        "security.protocol": protocol,
        "sasl.mechanisms": mechanism,
        "sasl.username": user,
        "sasl.password": password,
    }
    if protocol == "sasl_ssl":
        chosen["ssl.ca.location"] = str(FOLDER / "ca.pem")
    return chosen


def start(start_server, postgres, protocol, chosen):
    plain, tls = (FOLDER / "address").read_text().split()
    return start_server(
        "memory",
        graph_dsn=postgres.new_database(),
        topics_dsn=f"kafka://{tls if protocol == 'sasl_ssl' else plain}",
        kafka_properties=chosen,
    )


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256"])
@pytest.mark.parametrize("protocol", ["sasl_plaintext", "sasl_ssl"])
def test_a_login_makes_topics(start_server, postgres, logins, protocol, mechanism):
    chosen = properties("weir", logins["weir"], protocol, mechanism)
    server = start(start_server, postgres, protocol, chosen)
    graph = layered_graph(NODES, mark=f"login {protocol} {mechanism}")
    answer = submit(server, graph)
    assert answer.code == grpc.StatusCode.OK, answer
    assert len(answer.queue_map) == NODES
    # One broker holds one copy, and the log says so.
    assert "topics of type raw get 1 replicas instead of 3" in server.log_tail()


def test_a_wrong_password_is_no_broker(start_server, postgres, logins):
    chosen = properties("weir", "wrong", "sasl_plaintext", "PLAIN")
    server = start(start_server, postgres, "sasl_plaintext", chosen)
    refused = submit(server, layered_graph(NODES, mark="wrong"))
    assert (refused.code, refused.reason) == (grpc.StatusCode.UNAVAILABLE, "broker_unavailable")


def test_an_unknown_authority_is_no_broker(start_server, postgres, logins):
    chosen = properties("weir", logins["weir"], "sasl_ssl", "PLAIN")
    del chosen["ssl.ca.location"]
    server = start(start_server, postgres, "sasl_ssl", chosen)
    refused = submit(server, layered_graph(NODES, mark="authority"))
    assert (refused.code, refused.reason) == (grpc.StatusCode.UNAVAILABLE, "broker_unavailable")


def test_a_login_without_rights_is_told_so(start_server, postgres, logins):
    chosen = properties("guest", logins["guest"], "sasl_plaintext", "PLAIN")
    server = start(start_server, postgres, "sasl_plaintext", chosen)
    refused = submit(server, layered_graph(NODES, mark="guest"))
    assert (refused.code, refused.reason) == (grpc.StatusCode.UNAVAILABLE, "create_timeout")
    assert "may not make topics" in refused.details
