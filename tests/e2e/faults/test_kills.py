# SPDX-License-Identifier: Apache-2.0
"""The sender of control events and brokers of the control bus are killed while graphs go in: every
revision reaches a consumer that is not ours, in order per key (contract section 1.4)."""

import uuid

from bus_reader import assert_all_arrived
from kill_rounds import kill_while_each_goes_in
from test_engines_away import status
from test_kill_events import graphs_of_one_tag
from test_kill_loops import wait_until

KILLS = 30
BETWEEN_BROKERS = 5  # kills of the sender from one killed broker to the next
AWAY = 2  # of these, as many without it
HEALED_SECONDS_MAX = 60


def test_kills_of_sender_and_brokers_lose_no_revision(start_server, postgres, brokers):
    """Each broker is killed twice, right after a graph went in: its event is on its way."""
    topic = f"queue-{uuid.uuid4()}"
    server = start_server(
        "postgres", controlbus_dsn=f"kafka://{brokers.address}", controlbus_queue_topic=topic)
    dsn = server.settings["graph_dsn"]
    killed = []
    away = None
    for kill in kill_while_each_goes_in(server, graphs_of_one_tag(KILLS, nodes=2)):
        if kill % BETWEEN_BROKERS == 0:
            away = len(killed) % 3 + 1
            brokers.kill(away)
            killed.append(away)
        elif kill % BETWEEN_BROKERS == AWAY:
            brokers.revive(away)
    assert sorted(killed) == [1, 1, 2, 2, 3, 3]
    assert_all_arrived(brokers.address, topic, dsn)
    wait_until(lambda: status(server)["engines"]["bus"] == "closed", HEALED_SECONDS_MAX)
    assert server.stop() == 0
