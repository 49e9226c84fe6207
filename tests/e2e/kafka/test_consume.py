# SPDX-License-Identifier: Apache-2.0
"""`weir dagmanager consume` and the Python consumer of examples/ on a log with repeats, rows out of
order, and holes (contract section 1.5): each row comes out once."""

import json
import os
import pathlib
import random
import subprocess
import sys
import time
import uuid

import confluent_kafka
import confluent_kafka.admin
import pytest

from test_kill_loops import wait_until
from test_topics import brokers  # noqa: F401
from weir_server import binary

ROOT = pathlib.Path(__file__).resolve().parents[3]
EXAMPLE = ROOT / "examples" / "commit_log" / "consume.py"
NODES = 4
WINDOWS = 50
SECONDS_MAX = 60
REPEATS = 5
SEGMENT_MS = 10_000  # of messages' time; more than a segment of a compacted log here takes
CLEANED_SECONDS_MAX = 120  # the cleaner looks every 15 s


def rows():
    """(key, row) of each window of each node, half of the nodes with a compute key."""
    for node in range(NODES):
        mark = f"#ck=blake3:c{node}" if node % 2 else ""
        for window in range(WINDOWS):
            row = [f"blake3:n{node}", 1_700_000_000 + window * 60, f"w{window}", {"v": window / 8}]
            yield f"blake3:n{node}:60:0{mark}:w{window}", row


def make_topic(brokers, partitions, **config):  # noqa: F811
    topic = f"commit-log-{uuid.uuid4()}"
    admin = confluent_kafka.admin.AdminClient({"bootstrap.servers": brokers})
    wanted = [confluent_kafka.admin.NewTopic(topic, partitions, 1, config=config)]
    for made in admin.create_topics(wanted).values():
        made.result(SECONDS_MAX)
    return topic


@pytest.fixture(scope="module")
def log(brokers):  # noqa: F811
    """A topic of four partitions; each row is in it one to three times, in no order."""
    topic = make_topic(brokers, 4)
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    messages = [message for message in rows() for _ in range(chance.randint(1, 3))]
    chance.shuffle(messages)
    producer = confluent_kafka.Producer({"bootstrap.servers": brokers})
    for key, row in messages:
        producer.produce(topic, key=key, value=json.dumps(row))
    assert producer.flush(SECONDS_MAX) == 0
    return topic, len(messages)


def environment(brokers):  # noqa: F811
    return {**os.environ, "QMTL__DAGMANAGER__TOPICS_DSN": f"kafka://{brokers}"}


def consume(brokers, topic, *flags):  # noqa: F811
    return subprocess.run(
        [binary(), "dagmanager", "consume", "--topic", topic, *flags], capture_output=True,
        text=True, timeout=SECONDS_MAX, check=False, env=environment(brokers))


def read_by_example(brokers, topic):  # noqa: F811
    """What the Python consumer prints of as many rows as there are."""
    done = subprocess.run(
        [sys.executable, str(EXAMPLE), "--brokers", brokers, "--topic", topic, "--max",
         str(NODES * WINDOWS)], capture_output=True, text=True, timeout=SECONDS_MAX, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def once(lines):
    """Every row there is, each once."""
    found = [json.loads(line) for line in lines]
    given = {(row["node_id"], row["bucket_ts"], row["input_window_hash"]) for row in found}
    assert len(found) == len(given) == NODES * WINDOWS
    for row in found:
        node = int(row["node_id"].removeprefix("blake3:n"))
        assert row["compute_key"] == (f"blake3:c{node}" if node % 2 else None)
        assert row["payload"] == {"v": int(row["input_window_hash"][1:]) / 8}
    return found


def test_each_row_once_by_the_command(brokers, log):  # noqa: F811
    topic, messages = log
    done = consume(brokers, topic, "--dedupe", "--max", str(NODES * WINDOWS))
    assert (done.returncode, done.stderr) == (0, "")
    assert {row["partition"] for row in once(done.stdout.splitlines())} <= set(range(4))
    plain = consume(brokers, topic, "--max", str(messages))
    assert plain.returncode == 0
    assert len(plain.stdout.splitlines()) == messages


def test_each_row_once_by_the_python_consumer(brokers, log):  # noqa: F811
    topic, _ = log
    once(read_by_example(brokers, topic))


def test_a_group_goes_on_where_it_was(brokers, log):  # noqa: F811
    topic, messages = log
    group = str(uuid.uuid4())
    seen = []
    for count in (messages // 2, messages - messages // 2):
        done = consume(brokers, topic, "--group", group, "--max", str(count))
        assert done.returncode == 0, done.stderr
        seen += [(row["partition"], row["offset"])
                 for row in map(json.loads, done.stdout.splitlines())]
    assert len(seen) == len(set(seen)) == messages


def test_a_log_with_holes_and_messages_that_are_no_rows(brokers):  # noqa: F811
    """A tombstone, a message of something else, and offsets that a transaction took back."""
    topic = make_topic(brokers, 1)
    producer = confluent_kafka.Producer(
        {"bootstrap.servers": brokers, "transactional.id": str(uuid.uuid4())})
    producer.init_transactions(SECONDS_MAX)
    wanted = list(rows())[:3]
    for committed, (key, row) in enumerate(wanted):
        producer.begin_transaction()
        producer.produce(topic, key=key, value=json.dumps(row))
        producer.commit_transaction(SECONDS_MAX)
        producer.begin_transaction()
        producer.produce(topic, key="taken:back", value="not there")
        assert producer.flush(SECONDS_MAX) == 0, "what is not there yet cannot be taken back"
        producer.abort_transaction(SECONDS_MAX)
        if committed == 0:
            producer.begin_transaction()
            producer.produce(topic, key=key, value=None)
            producer.produce(topic, key="other", value="{}")
            producer.commit_transaction(SECONDS_MAX)
    done = consume(brokers, topic, "--dedupe", "--max", "3")
    assert done.returncode == 1
    assert [json.loads(line)["node_id"] for line in done.stdout.splitlines()] == ["blake3:n0"] * 3
    assert done.stderr.count("bad_message: partition 0, offset ") == 2
    assert "taken" not in done.stderr


def offsets_left(brokers, topic):  # noqa: F811
    """What the log of one partition has, as a client that is not ours reads it."""
    done = subprocess.run(
        ["kcat", "-b", brokers, "-C", "-t", topic, "-o", "beginning", "-e", "-q", "-f", "%o\n"],
        capture_output=True, text=True, check=True, timeout=SECONDS_MAX)
    return [int(line) for line in done.stdout.split()]


@pytest.fixture(scope="module")
def compacted(brokers):  # noqa: F811
    """A log in which each row was five times, in another order each time, and of which the cleaner
    took all but the last of each key; the newest segment, which it leaves alone, repeats a row."""
    topic = make_topic(brokers, 1, **{
        "cleanup.policy": "compact", "segment.ms": "1000", "min.cleanable.dirty.ratio": "0.01"})
    producer = confluent_kafka.Producer({"bootstrap.servers": brokers})
    messages = list(rows())
    begun = int(time.time() * 1000) - REPEATS * SEGMENT_MS
    for repeat in range(REPEATS + 1):
        random.shuffle(messages)
        for key, row in messages if repeat < REPEATS else messages[:1]:
            producer.produce(
                topic, key=key, value=json.dumps(row), timestamp=begun + repeat * SEGMENT_MS)
        assert producer.flush(SECONDS_MAX) == 0
    wait_until(
        lambda: len(offsets_left(brokers, topic)) == len(messages) + 1, CLEANED_SECONDS_MAX)
    return topic


def test_each_row_that_compaction_left_once(brokers, compacted):  # noqa: F811
    left = offsets_left(brokers, compacted)
    assert left[-1] == REPEATS * NODES * WINDOWS
    done = consume(brokers, compacted, "--dedupe", "--max", str(NODES * WINDOWS))
    assert (done.returncode, done.stderr) == (0, "")
    assert [row["offset"] for row in once(done.stdout.splitlines())] == left[:-1]
    plain = consume(brokers, compacted, "--max", str(len(left)))
    assert (plain.returncode, plain.stderr) == (0, "")
    assert [json.loads(line)["offset"] for line in plain.stdout.splitlines()] == left


def test_each_row_that_compaction_left_once_by_the_python_consumer(
    brokers, compacted  # noqa: F811
):
    once(read_by_example(brokers, compacted))


def test_a_group_goes_on_over_the_gaps_of_compaction(brokers, compacted):  # noqa: F811
    left = offsets_left(brokers, compacted)
    group = str(uuid.uuid4())
    seen = []
    for count in (7, len(left) - 7):
        done = consume(brokers, compacted, "--group", group, "--max", str(count))
        assert (done.returncode, done.stderr) == (0, "")
        seen += [json.loads(line)["offset"] for line in done.stdout.splitlines()]
    assert seen == left


def test_what_is_wrong_with_the_call_is_said(brokers):  # noqa: F811
    missing = consume(brokers, f"nothing-{uuid.uuid4()}", "--max", "1")
    assert missing.returncode == 1
    assert "kafka_topic_unknown" in missing.stderr
    elsewhere = subprocess.run(
        [binary(), "dagmanager", "consume", "--topic", "t"], capture_output=True, text=True,
        timeout=SECONDS_MAX, check=False, env={"QMTL__DAGMANAGER__TOPICS_DSN": ""})
    assert elsewhere.returncode == 2
    assert "kafka://" in elsewhere.stderr
