# SPDX-License-Identifier: Apache-2.0
"""The public gateway's consumer of control events, `qmtl.services.gateway.controlbus_consumer`, as
contract section 1.4 says it reads them, and what the SDK behind it takes. Fed with topic, key and
value.

It never raises: what it does not take is in `unhandled` (of no topic it knows), `dropped` (seen
before, or of another version) and `invalid`."""

import json

QUEUE, SENTINEL_WEIGHT = "queue", "sentinel_weight"
MATCH_MODES = ("any", "all")


def is_text(value):
    return isinstance(value, str)


def is_integer(value):
    return isinstance(value, int) and not isinstance(value, bool)


def is_number(value):
    return is_integer(value) or isinstance(value, float)


class GatewayConsumer:
    def __init__(self):
        self.queues = {}  # (tags, interval, match mode, world, domain) → the last set of queues
        self.lifecycle = []  # (queue, action, reason)
        self.weights = {}  # sentinel_id → weight
        self.taken = []  # etags, in order
        self.dropped, self.invalid, self.unhandled = [], [], []
        self._last = {}
        self._last_weight = {}

    def feed(self, topic, key, value):
        message = json.loads(value)
        data = message.get("data")
        data = data if isinstance(data, dict) else message
        mark = (data.get("etag"), data.get("run_id"))
        if mark != (None, None) and self._last.get((topic, key)) == mark:
            self.dropped.append(mark[0])
            return
        self._last[(topic, key)] = mark
        if topic == QUEUE:
            taken = self._queue(data)
        elif topic == SENTINEL_WEIGHT:
            taken = self._weight(key, data)
        else:
            self.unhandled.append((topic, message.get("type")))
            return
        if taken:
            self.taken.append(data.get("etag"))

    def _queue(self, data):
        if not is_integer(data.get("version")) or data["version"] != 1:
            self.dropped.append(data.get("etag"))
            return False
        if data.get("type") == "QueueLifecycle":
            fields = (data.get("queue"), data.get("action"), data.get("reason"))
            if not all(is_text(field) and field for field in fields):
                self.invalid.append(data)
                return False
            self.lifecycle.append(fields)
            return True
        tags, queues = data.get("tags"), data.get("queues")
        sound = (
            data.get("type") == "QueueUpdated"
            and isinstance(tags, list) and tags and all(map(is_text, tags))
            and is_integer(data.get("interval"))
            and data.get("match_mode") in MATCH_MODES
            and isinstance(queues, list) and all(map(self._is_queue, queues))
            and is_text(data.get("world_id", "")) and is_text(data.get("execution_domain", ""))
        )
        if not sound:
            self.invalid.append(data)
            return False
        asked = (tuple(tags), data["interval"], data["match_mode"], data.get("world_id"),
                 data.get("execution_domain"))
        self.queues[asked] = [(each["queue"], each["global"]) for each in queues]
        return True

    @staticmethod
    def _is_queue(each):
        """The SDK raises on a plain text and on an empty name."""
        return (isinstance(each, dict) and is_text(each.get("queue")) and each["queue"] != ""
                and isinstance(each.get("global"), bool))

    def _weight(self, key, data):
        sound = (
            is_text(data.get("sentinel_id")) and data["sentinel_id"]
            and is_number(data.get("weight")) and 0 <= data["weight"] <= 1
            and is_integer(data.get("version"))
            and is_text(data.get("sentinel_version", "")) and is_text(data.get("world_id", ""))
        )
        if not sound:
            self.invalid.append(data)
            return False
        mark = (data["sentinel_id"], data["weight"], data["version"])
        if self._last_weight.get(key) == mark:
            self.dropped.append(data.get("etag"))
            return False
        self._last_weight[key] = mark
        self.weights[data["sentinel_id"]] = data["weight"]
        return True


def address_of(envelope):
    """Topic and key of an envelope, as a broker would have them (section 1.4)."""
    data = envelope["data"]
    if envelope["type"] == "queue_updated":
        return QUEUE, f"{','.join(sorted(data['tags']))}:{data['interval']}"
    if envelope["type"] == "queue_lifecycle":
        return QUEUE, data["queue"]
    if envelope["type"] == "sentinel_weight_updated":
        return SENTINEL_WEIGHT, data["sentinel_id"]
    return envelope["type"], ""
