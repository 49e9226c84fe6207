# SPDX-License-Identifier: Apache-2.0
"""Control events reach their readers whole, in order and under the same ids (contract sections 1.3
and 1.4), whatever is killed or cut in between."""

import json
import os
import signal
import subprocess
import threading

import grpc
import pytest

from event_reader import EventReader
from graphs import layered_graph, nonce
from kill_rounds import kill_while_each_goes_in
from test_kill import KILLED, query, submit
from weir_server import binary

GRAPHS = 6
CUTS = 1000
KILLS = 100


def graphs_of_one_tag(count, nodes=5):
    """Each changes the answer to the same query, whose revisions show what is missing. More than
    256 queues would not be told any longer."""
    tag = nonce()
    graphs = [layered_graph(nodes) for _ in range(count)]
    for graph in graphs:
        for node in graph.nodes:
            node["tags"] = [tag]
    return graphs


def submit_all(server, graphs):
    for graph in graphs:
        outcome = submit(server, graph)
        assert outcome.code == grpc.StatusCode.OK, outcome.details


def committed_events(dsn):
    return [
        identity
        for [identity] in query(dsn, "SELECT id FROM weir_dagmanager.outbox ORDER BY key_seq")
    ]


def wait_for(holds):
    for _ in range(200):
        if holds():
            return
        threading.Event().wait(0.05)
    raise AssertionError("it did not come to hold in 10 s")


def assert_all_reached(reader, dsn):
    committed = committed_events(dsn)
    assert committed
    reader.read(lambda self: self.last >= len(committed))
    assert [envelope["id"] for envelope in reader.envelopes()] == committed
    reader.assert_revisions_rise()
    assert not reader.resets
    assert query(dsn, "SELECT count(*) FROM weir_dagmanager.outbox"
                      " WHERE sent_at IS NULL OR number <> key_seq") == [["0"]]


@pytest.mark.parametrize("passing", (1, 2, 3))
@pytest.mark.parametrize("label", ("store.after_commit", "events.before_number",
                                   "events.after_number"))
def test_a_kill_between_commit_and_delivery_loses_nothing(
        start_server, monkeypatch, label, passing):
    graphs = graphs_of_one_tag(GRAPHS)
    monkeypatch.setenv("WEIR_CRASH_AT", f"{label}:{passing}")
    server = start_server("postgres")
    dsn = server.settings["graph_dsn"]
    reader = EventReader(server)
    reading = threading.Thread(target=reader.read, args=(lambda self: False,))
    reading.start()
    for graph in graphs:
        submit(server, graph)
        if server.process.poll() is not None:
            break
    assert server.process.wait(10) == KILLED, f"{label} was not passed {passing} times"
    reading.join(60)
    assert not reading.is_alive()
    monkeypatch.delenv("WEIR_CRASH_AT")
    server.start()
    seen = dict(reader.events)
    submit_all(server, graphs)
    assert_all_reached(reader, dsn)
    again = EventReader(server)  # from the first: the same under the same numbers
    again.read(lambda self: self.last >= reader.last)
    assert again.events == reader.events
    assert all(again.events[number] == data for number, data in seen.items())
    server.stop()


def test_a_hundred_kills_of_whoever_numbers_events_lose_none(start_server):
    server = start_server("postgres")
    dsn = server.settings["graph_dsn"]
    reader = EventReader(server)
    for kill in kill_while_each_goes_in(server, graphs_of_one_tag(KILLS, nodes=2)):
        if kill % 10 == 0:  # it follows all along, from where it is
            reader.read(lambda self: self.last >= 1)
    assert_all_reached(reader, dsn)
    again = EventReader(server)
    again.read(lambda self: self.last >= reader.last)
    assert again.events == reader.events
    server.stop()


@pytest.mark.parametrize("store", ("memory", "postgres"))
def test_a_reader_that_is_cut_a_thousand_times_misses_nothing(start_server, store):
    server = start_server(store)
    graphs = graphs_of_one_tag(40)
    written = []

    def write():
        for graph in graphs:
            submit_all(server, [graph])
            written.append(graph)

    writing = threading.Thread(target=write)
    writing.start()
    reader = EventReader(server)
    first_pass = {}
    cut = 0
    while cut < CUTS or not first_pass:
        cut += 1
        wanted = min(reader.last + cut % 3, len(written))
        reader.read(lambda self, wanted=wanted: self.last >= wanted)
        if reader.last == len(graphs):  # once more from the first: the same as before
            first_pass = first_pass or dict(reader.events)
            assert reader.events == first_pass
            reader.events, reader.last = {}, 0
    writing.join(120)
    reader.read(lambda self: self.last >= len(graphs))  # the rest of this pass
    whole = EventReader(server)
    whole.read(lambda self: self.last >= len(graphs))
    assert reader.events == whole.events == first_pass
    reader.assert_revisions_rise()
    assert not reader.resets
    shown = subprocess.run(
        [binary(), "-o", "json", "dagmanager", "events", "--http", server.http],
        capture_output=True, text=True, timeout=60, check=True).stdout
    assert shown.splitlines() == [whole.events[number] for number in sorted(whole.events)]
    server.stop()


def test_events_past_their_retention_are_gone_and_late_readers_are_told(start_server):
    server = start_server("postgres")
    dsn = server.settings["graph_dsn"]
    submit_all(server, graphs_of_one_tag(3))
    EventReader(server).read(lambda self: self.last >= len(committed_events(dsn)))
    newest = len(committed_events(dsn))
    query(dsn, "UPDATE weir_dagmanager.outbox SET sent_at = sent_at - interval '25 hours'"
               f" WHERE number < {newest}")
    server.stop()
    server.start()  # forgets at its start, and again when the next are due
    reader = EventReader(server)
    wait_for(lambda: committed_events(dsn)[1:] == [])
    reader.read(lambda self: self.last >= newest)
    assert reader.resets == [newest]
    assert list(reader.events) == [newest]
    server.stop()


def test_a_kill_before_events_are_forgotten_takes_none_that_is_not_due(start_server, monkeypatch):
    server = start_server("postgres")
    dsn = server.settings["graph_dsn"]
    submit_all(server, graphs_of_one_tag(3))
    before = committed_events(dsn)
    EventReader(server).read(lambda self: self.last >= len(before))
    newest = len(before)
    server.stop()
    query(dsn, "UPDATE weir_dagmanager.outbox SET sent_at = sent_at - interval '25 hours'"
               f" WHERE number < {newest}")
    monkeypatch.setenv("WEIR_CRASH_AT", "events.before_prune:1")
    for _ in range(3):
        server.write_config()
        command = [binary(), "dagmanager", "server", "--config", server.config]
        assert subprocess.run(command, capture_output=True, timeout=60).returncode == KILLED
        assert committed_events(dsn) == before
    monkeypatch.delenv("WEIR_CRASH_AT")
    server.start()
    wait_for(lambda: committed_events(dsn) == before[newest - 1:])
    submit_all(server, graphs_of_one_tag(1))
    reader = EventReader(server)
    reader.read(lambda self: self.last >= newest + 1)
    assert reader.resets == [newest]
    assert [envelope["id"] for envelope in reader.envelopes()] == committed_events(dsn)
    server.stop()


def test_a_follower_on_the_command_line_outlives_the_server(start_server):
    server = start_server("postgres")
    dsn = server.settings["graph_dsn"]
    follower = subprocess.Popen(
        [binary(), "-o", "json", "dagmanager", "events", "--follow", "--after", "0", "--http",
         server.http],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        lines = []
        for graph in graphs_of_one_tag(4):
            submit_all(server, [graph])
            while len(lines) < len(committed_events(dsn)):
                lines.append(follower.stdout.readline())
            os.kill(server.process.pid, signal.SIGKILL)
            server.process.wait(10)
            server.start()
        assert [json.loads(line)["id"] for line in lines] == committed_events(dsn)
    finally:
        follower.kill()
        follower.communicate()
    server.stop()


def test_an_instance_tells_what_another_committed(start_server):
    first = start_server("postgres")
    second = start_server(**{key: first.settings[key] for key in ("graph_dsn", "topics_dsn")})
    dsn = first.settings["graph_dsn"]
    reader = EventReader(second)
    submit_all(first, graphs_of_one_tag(3))
    assert_all_reached(reader, dsn)
    first.kill()
    submit_all(second, graphs_of_one_tag(2))
    assert_all_reached(reader, dsn)
    second.stop()
