# SPDX-License-Identifier: Apache-2.0
"""A reader of the event stream that sees to it that nothing is lost, doubled or out of order."""

import http.client
import json


class Unavailable(AssertionError):
    """The server takes no reader now; its argument is the answer's body."""


class EventReader:
    """Follows a server's events from the last one it saw, over one connection after the other."""

    def __init__(self, server):
        self.server = server
        self.last = 0
        self.events = {}  # by number, from whichever connection
        self.resets = []

    def read(self, enough):
        """Reads until `enough(self)`, then leaves without a word. A cut connection ends it too."""
        connection = http.client.HTTPConnection("127.0.0.1", self.server.http_port, timeout=60)
        try:
            connection.request(
                "GET", "/v1/events/stream", headers={"Last-Event-ID": str(self.last)})
            answer = connection.getresponse()
            if answer.status == 503:
                raise Unavailable(answer.read())
            assert answer.status == 200, answer.read()
            while not enough(self):
                if not self._take(answer):
                    return
        except (ConnectionError, http.client.IncompleteRead):
            return  # the server was killed
        finally:
            connection.close()

    def _take(self, answer):
        fields = {}
        while True:
            line = answer.readline().decode()
            if not line.endswith("\n"):
                return False  # cut off: what is not whole does not count
            if line == "\n":
                break
            name, _, value = line.rstrip("\n").partition(": ")
            fields[name] = value
        if fields.get("event") == "reset":
            self.resets.append(json.loads(fields["data"])["oldest"])
            self.last = self.resets[-1] - 1
        elif "id" in fields:
            number = int(fields["id"])
            assert number == self.last + 1, "every number once, in order"
            self.last = number
            assert json.loads(fields["data"])["type"] == fields["event"]
            self.events[number] = fields["data"]
        return True

    def envelopes(self):
        return [json.loads(self.events[number]) for number in sorted(self.events)]

    def assert_revisions_rise(self):
        """Of each tag list and interval, one by one; and no event was told as two."""
        last = {}
        for envelope in self.envelopes():
            data = envelope["data"]
            if envelope["type"] != "queue_updated":
                continue
            key = (tuple(data["tags"]), data["interval"])
            revision = int(data["etag"].rsplit(":", 1)[1])
            assert revision == last.get(key, 0) + 1, (key, revision, last.get(key))
            last[key] = revision
        ids = [envelope["id"] for envelope in self.envelopes()]
        assert len(set(ids)) == len(ids)
