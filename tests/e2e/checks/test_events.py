# SPDX-License-Identifier: Apache-2.0
"""The event stream of the task plane (contract section 3.5.2): part of check B34."""

import json
import os
import signal

from harness import dag, until


class Reader:
    """Follows the stream from the last event it saw, over one connection after the other."""

    def __init__(self, plane):
        self.plane = plane
        self.last = 0
        self.events = []

    def read(self, enough):
        """Reads until `enough(events)`, then lets go of the connection."""
        connection = self.plane.connect("user")
        try:
            headers = {
                "Authorization": f"Bearer {self.plane.user_token()}",
                "Last-Event-ID": str(self.last),
            }
            connection.request("GET", "/v1/events/stream", headers=headers)
            answer = connection.getresponse()
            assert answer.status == 200, answer.read()
            assert answer.headers["Content-Type"] == "text/event-stream"
            while not enough(self.events):
                self.take(answer)
        finally:
            connection.close()

    def take(self, answer):
        fields = {}
        while line := answer.readline().decode().rstrip("\n"):
            name, _, value = line.partition(": ")
            fields[name] = value
        if "id" not in fields:
            return  # a comment
        assert int(fields["id"]) == self.last + 1, "every number once, in order"
        self.last = int(fields["id"])
        envelope = json.loads(fields["data"])
        assert envelope["type"] == fields["event"]
        assert envelope["source"] == "weir.dispatcher"
        self.events.append(envelope)


def about(events, name):
    return [event["type"] for event in events if event["data"].get("dag") == name]


def test_b34_a_reader_sees_every_event_once_in_order_though_the_dispatcher_is_killed(plane):
    reader = Reader(plane)
    names = [f"told{number}" for number in range(4)]
    for number, name in enumerate(names):
        plane.deploy(dag(name, {"job": "step"}))
        if number == 2:
            before = plane.pid_of("dispatcher")
            os.kill(before, signal.SIGKILL)
            until(lambda: plane.pid_of("dispatcher") not in (None, before), 60)
            plane.ok("dag", "list")  # tries until somebody answers
        reader.read(lambda events, name=name: "dag_cutover" in about(events, name))
    for name in names:
        told = about(reader.events, name)
        assert told.count("dag_cutover") == 1, told
        assert told.index("deploy_changed") < told.index("dag_cutover"), told
    ids = [event["id"] for event in reader.events]
    assert len(set(ids)) == len(ids)


def test_b34_a_reader_whose_events_are_gone_is_told_to_read_the_state_anew(plane):
    plane.deploy(dag("gone", {"job": "step"}))
    Reader(plane).read(lambda events: "dag_cutover" in about(events, "gone"))
    newest = plane.number("SELECT max(event_no) FROM control_events")
    plane.query("DELETE FROM control_events WHERE event_no < (SELECT max(event_no) FROM"
                " control_events)")
    connection = plane.connect("user")
    headers = {"Authorization": f"Bearer {plane.user_token()}"}
    connection.request("GET", "/v1/events/stream?after=0", headers=headers)
    answer = connection.getresponse()
    lines = [answer.readline().decode().rstrip("\n") for _ in range(4)]
    connection.close()
    assert lines == ["event: reset", f'data: {{"oldest":{newest}}}', "", f"id: {newest}"]
