# SPDX-License-Identifier: Apache-2.0
"""Rights on topics (contract section 3.25) on a broker that keeps them, as other clients have
them; kill -9 between a topic and its rights."""

import json
import pathlib
import subprocess
import uuid

import grpc
import pytest

from graphs import layered_graph
from suite_support import run_weir
from test_kill import KILLED, query, submit
from test_kill_loops import wait_until
from test_kill_reconciler import free_loops
from test_logins import FOLDER, logins, properties  # noqa: F401
from test_topics import brokers  # noqa: F401

NODES = 3
RUN = uuid.uuid4().hex  # brokers may have the topics of an earlier one
IN_THE_END = 30
JARS = pathlib.Path(__file__).resolve().parents[3] / "build/deps/engines/kafka-sasl/lib/*"
ACLS = {"readers": ["User:guest"], "writers": ["User:writer"]}
GONE_AT_ONCE = {
    "gc_interval_seconds": 1,
    "gc_policies": {
        tag: {"ttl_days": 0, "grace_days": 0, "action": "delete"}
        for tag in ("raw", "indicator", "trade_exec")
    },
}


def address():
    return (FOLDER / "address").read_text().split()[0]


class Client:
    """kcat with a login."""

    def __init__(self, user, password):
        self._command = ["kcat", "-b", address(), "-X", "security.protocol=SASL_PLAINTEXT"]
        self._command += ["-X", "sasl.mechanism=PLAIN", "-X", f"sasl.username={user}"]
        self._command += ["-X", f"sasl.password={password}", "-X", "message.timeout.ms=5000"]

    def run(self, *words, given=None):
        return subprocess.run(
            [*self._command, *words], input=given, capture_output=True, text=True, timeout=60,
            check=False,
        )

    def topics(self):
        done = self.run("-L", "-J")
        return {one["topic"] for one in json.loads(done.stdout)["topics"]}

    def read(self, topic):
        """Messages from the beginning; nothing where it may not."""
        done = self.run("-C", "-e", "-q", "-o", "beginning", "-t", topic)
        return done.stdout.split() if done.returncode == 0 else None

    def write(self, topic, text):
        return self.run("-P", "-t", topic, given=text).returncode == 0


@pytest.fixture
def clients(logins):  # noqa: F811
    return {user: Client(user, password) for user, password in logins.items()}


@pytest.fixture
def acl_lines(logins, tmp_path):  # noqa: F811
    """What the broker's own tool lists of a topic's rights."""
    login = tmp_path / "login.properties"
    module = "org.apache.kafka.common.security.plain.PlainLoginModule required"
    login.write_text(
        "security.protocol=SASL_PLAINTEXT\nsasl.mechanism=PLAIN\nsasl.jaas.config="
        f'{module} username="weir" password="{logins["weir"]}";\n'
    )

    def ask(topic):
        done = subprocess.run(
            ["java", "-cp", str(JARS), "kafka.admin.AclCommand", "--bootstrap-server", address(),
             "--command-config", str(login), "--list", "--topic", topic],
            capture_output=True, text=True, timeout=60, check=True,
        )
        return [line.strip() for line in done.stdout.splitlines() if "principal=" in line]

    return ask


@pytest.fixture
def start(start_server, postgres, logins):  # noqa: F811
    started = []

    def start_one(**more):
        login = properties("weir", logins["weir"], "sasl_plaintext", "PLAIN")
        settings = {"graph_dsn": postgres.new_database(), "topics_dsn": f"kafka://{address()}",
                    "reconciler_interval_seconds": 1, "acl": ACLS, "kafka_properties": login}
        started.append(start_server("memory", **{**settings, **more}))
        return started[-1]

    yield start_one
    for server in started:  # or its reconciler mends what the next test has broken
        server.kill()


def topics_of(server, mark):
    answer = submit(server, layered_graph(NODES, mark=f"{mark} {RUN}"))
    assert answer.code == grpc.StatusCode.OK, answer
    return sorted(set(answer.queue_map.values()))


def end_deploys(server):
    done = run_weir("dagmanager", "gc", "--sentinel", "killed", "--target", server.target)
    assert done.returncode == 0, done.stderr


def test_readers_read_writers_write_and_strangers_see_nothing(start, clients, acl_lines):
    topics = topics_of(start(), "rights")
    for topic in topics:
        wait_until(lambda topic=topic: clients["writer"].write(topic, f"{topic}\n"), IN_THE_END)
        assert clients["guest"].read(topic) == [topic]
        assert clients["writer"].read(topic) is None
        assert not clients["guest"].write(topic, "no\n")
        wait_until(lambda topic=topic: len(acl_lines(topic)) == 4, IN_THE_END)
    assert set(topics) <= clients["guest"].topics()
    assert not set(topics) & clients["stranger"].topics()
    assert clients["stranger"].read(topics[0]) is None
    assert not clients["stranger"].write(topics[0], "no\n")
    assert clients["guest"].read(topics[0]) == [topics[0]]


def test_a_collected_topic_leaves_no_right(start, clients, acl_lines):
    server = start(**GONE_AT_ONCE)
    topics = topics_of(server, "collected")
    wait_until(lambda: len(acl_lines(topics[0])) == 4, IN_THE_END)
    end_deploys(server)
    wait_until(lambda: not set(topics) & clients["weir"].topics(), IN_THE_END)
    for topic in topics:
        wait_until(lambda topic=topic: not acl_lines(topic), IN_THE_END)


def test_another_configuration_takes_back_what_was_given_and_no_more(start, acl_lines):
    server = start()
    topics = topics_of(server, "changed")
    server.stop()
    server.settings["acl"] = {"readers": ["User:stranger"], "writers": []}
    server.start()
    wanted = {("User:stranger", "READ"), ("User:stranger", "DESCRIBE")}

    def rights(topic):
        pairs = set()
        for line in acl_lines(topic):
            pairs.add((line.split("principal=")[1].split(",")[0],
                       line.split("operation=")[1].split(",")[0]))
        return pairs

    for topic in topics:
        wait_until(lambda topic=topic: rights(topic) == wanted, IN_THE_END)
    rows = query(server.settings["graph_dsn"],
                 "SELECT result FROM weir_dagmanager.topic_log WHERE action = 'acl'")
    assert len(rows) == NODES
    assert "User:stranger +read" in rows[0][0]
    assert "User:guest -read" in rows[0][0]


@pytest.mark.parametrize("label", ("topics.before_grant", "reconciler.before_rights"))
def test_a_kill_before_the_rights_are_given_leaves_them_to_the_next(
    start, clients, acl_lines, monkeypatch, label
):
    monkeypatch.setenv("WEIR_CRASH_AT", "topics.before_grant:1")
    server = start()
    dsn = server.settings["graph_dsn"]
    submit(server, layered_graph(NODES, mark=f"{label} {RUN}"))
    assert server.process.wait(30) == KILLED
    free_loops(dsn)
    monkeypatch.setenv("WEIR_CRASH_AT", f"{label}:1")
    if label == "reconciler.before_rights":
        server.start()
        topics = topics_of(server, label)  # adopts what is there: nothing is given at once
        assert server.process.wait(30) == KILLED
        free_loops(dsn)
    monkeypatch.delenv("WEIR_CRASH_AT")
    server.start()
    topics = topics_of(server, label)
    for topic in topics:
        wait_until(lambda topic=topic: len(acl_lines(topic)) == 4, IN_THE_END)
        wait_until(lambda topic=topic: clients["guest"].read(topic) == [], IN_THE_END)


def test_a_kill_before_the_rights_are_taken_leaves_that_to_the_next(start, acl_lines, monkeypatch):
    server = start(**GONE_AT_ONCE)
    dsn = server.settings["graph_dsn"]
    topics = topics_of(server, "revoke")
    wait_until(lambda: all(len(acl_lines(topic)) == 4 for topic in topics), IN_THE_END)
    server.stop()
    free_loops(dsn)
    monkeypatch.setenv("WEIR_CRASH_AT", "topics.before_revoke:1")
    server.start()
    run_weir("dagmanager", "gc", "--sentinel", "killed", "--target", server.target)
    assert server.process.wait(30) == KILLED
    assert any(acl_lines(topic) for topic in topics)
    monkeypatch.delenv("WEIR_CRASH_AT")
    free_loops(dsn)
    server.start()
    for topic in topics:
        wait_until(lambda topic=topic: not acl_lines(topic), IN_THE_END)


def test_brokers_that_keep_no_rights_are_told_of(start_server, postgres, brokers):  # noqa: F811
    settings = {"graph_dsn": postgres.new_database(), "topics_dsn": f"kafka://{brokers}"}
    plain = start_server("memory", **settings)
    assert "has no authorizer" in json.dumps(json.loads(plain.get("/status")[1])["warnings"])
    plain.stop()
    server = start_server("memory", **settings, acl=ACLS)
    warnings = json.loads(server.get("/status")[1])["warnings"]
    assert "acl.readers and acl.writers have no effect" in json.dumps(warnings)
