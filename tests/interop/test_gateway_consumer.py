# SPDX-License-Identifier: Apache-2.0
"""The consumer of `gateway_consumer.py` takes the golden events, each under the type and the etag
that section 1.4 gives it, and refuses what the public one refuses."""

import json

import pytest

from gateway_consumer import QUEUE, SENTINEL_WEIGHT, GatewayConsumer, address_of
from weir_server import ROOT

GOLDEN = sorted((ROOT / "tests" / "data" / "golden").glob("*.json"))
ENVELOPE = ["specversion", "id", "source", "type", "time", "datacontenttype", "data",
            "correlation_id"]
PREFIXES = {"queue_updated": "q:", "queue_lifecycle": "ql:", "sentinel_weight_updated": "sw:"}


def golden(name):
    [path] = [path for path in GOLDEN if path.stem == name]
    return json.loads(path.read_text())


def fed(*envelopes):
    consumer = GatewayConsumer()
    for envelope in envelopes:
        consumer.feed(*address_of(envelope), json.dumps(envelope).encode())
    return consumer


def changed(name, **fields):
    envelope = golden(name)
    envelope["data"].update(fields)
    return envelope


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_12_each_golden_event_is_taken(path):
    envelope = json.loads(path.read_text())
    assert list(envelope) == ENVELOPE
    assert (envelope["specversion"], envelope["source"]) == ("1.0", "qmtl.services.dagmanager")
    assert envelope["data"]["etag"].startswith(PREFIXES[envelope["type"]])
    consumer = fed(envelope)
    assert consumer.taken == [envelope["data"]["etag"]]
    assert not (consumer.dropped or consumer.invalid or consumer.unhandled)


def test_12_the_golden_events_are_of_each_type_with_and_without_world():
    kinds = {(json.loads(path.read_text())["type"], "world" in path.stem) for path in GOLDEN}
    assert kinds == {(kind, world) for kind in PREFIXES for world in (False, True)}


def test_12_together_they_leave_the_state_that_they_tell():
    consumer = fed(*(json.loads(path.read_text()) for path in GOLDEN))
    assert len(consumer.taken) == len(GOLDEN)
    assert consumer.queues[(("BTC", "price"), 60, "any", None, None)] == [
        ("btc_Indicator_6d6ee26c_v1", False)]
    assert consumer.queues[(("BTC",), 60, "any", "w1", "live")] == [
        ("w1.live.btc_Indicator_6d6ee26c_v1", False)]
    assert [action for _, action, _ in consumer.lifecycle] == ["drop", "recompute", "archive"]
    assert set(consumer.weights) == {"s1-sentinel"}


def test_a_repeat_of_the_last_of_a_key_is_dropped_and_a_rising_revision_is_not():
    first = golden("queue_updated")
    later = changed("queue_updated", etag="q:BTC.price:60:78")
    consumer = fed(first, first, later, later)
    assert consumer.taken == [first["data"]["etag"], later["data"]["etag"]]
    assert len(consumer.dropped) == 2


def test_another_version_of_the_shape_is_dropped():
    for version in (2, "1", True, None):
        consumer = fed(changed("queue_updated", version=version))
        assert (consumer.taken, len(consumer.dropped)) == ([], 1), version


@pytest.mark.parametrize("fields", (
    {"queues": ["plain text"]},
    {"queues": [{"queue": "", "global": False}]},
    {"tags": "BTC"},
    {"interval": "60"},
    {"match_mode": ""},
), ids=str)
def test_queues_of_another_shape_are_invalid(fields):
    consumer = fed(changed("queue_updated", **fields))
    assert (consumer.taken, len(consumer.invalid)) == ([], 1)


@pytest.mark.parametrize("fields", (
    {"weight": "0.5"}, {"weight": 1.5}, {"weight": True}, {"version": "1"}, {"version": None},
    {"sentinel_id": 7}, {"sentinel_version": 2}, {"world_id": 1},
), ids=str)
def test_weights_of_another_shape_are_invalid(fields):
    envelope = changed("sentinel_weight_updated", **fields)
    consumer = GatewayConsumer()
    consumer.feed(SENTINEL_WEIGHT, "key", json.dumps(envelope).encode())
    assert (consumer.taken, len(consumer.invalid)) == ([], 1)


def test_a_whole_number_is_a_weight_and_further_fields_are_ignored():
    assert fed(changed("sentinel_weight_updated", weight=1, more=[1])).weights == {"s1-sentinel": 1}


def test_an_unknown_topic_is_unhandled():
    consumer = GatewayConsumer()
    consumer.feed("queues", "", json.dumps(golden("queue_updated")).encode())
    assert consumer.unhandled == [("queues", "queue_updated")]
    assert QUEUE == "queue"
