# SPDX-License-Identifier: Apache-2.0
"""The order of the compute-context release and its way back (contract section 1.7): at no step does
a client meet a key that it cannot read."""

import pytest

from graphs import layered_graph
from stubs import pb2
from suite_support import asynchronous
from wire import Wire

GRAPH = layered_graph(250, tags=["back-out"])  # three chunks
LIVE = {"world_id": "w1", "execution_domain": "live"}


class OldClient:
    """Reads `<node_id>:<interval>:<bucket>`, and refuses a `#`."""

    @staticmethod
    def read(key):
        assert "#" not in key, f"{key}: cannot read it"
        return key


class NewClient:
    """Cuts `#ck=` and what is behind it off, and still reads keys without it."""

    @staticmethod
    def read(key):
        return key.partition("#ck=")[0]


class Pool:
    """Two instances on one database, whose keys are switched one after the other."""

    def __init__(self, start_server):
        self.servers = [start_server("postgres", compute_key_in_queue_map=False)]
        dsn = self.servers[0].settings["graph_dsn"]
        self.servers.append(start_server("postgres", graph_dsn=dsn, topics_dsn=dsn,
                                         compute_key_in_queue_map=False))
        self.topics = None

    def switch(self, number, with_keys):
        """A drained restart."""
        server = self.servers[number]
        assert server.stop() == 0
        server.settings["compute_key_in_queue_map"] = with_keys
        server.start()

    async def serves(self, client):
        """Every instance answers as before, in keys that the client can read."""
        for server in self.servers:
            async with Wire(server.target) as wire:
                answer = await wire.diff(strategy_id="s", dag_json=GRAPH.to_json(), **LIVE)
                assert answer.details == ""
                topics = {client.read(key): topic for key, topic in answer.queue_map.items()}
                assert len(topics) == len(GRAPH.nodes)
                self.topics = self.topics or topics
                assert topics == self.topics
                found = await wire.tags.GetQueues(pb2.TagQueryRequest(
                    tags=["back-out"], interval=60, match_mode="any", world_id="w1",
                    execution_domain="live"))
                assert {one.queue for one in found.queues} == set(self.topics.values())


@asynchronous
async def test_no_client_meets_a_key_that_it_cannot_read(start_server):
    pool = Pool(start_server)
    await pool.serves(OldClient)
    await pool.serves(NewClient)  # gateways first
    for number in (0, 1):  # then the DAG managers, one by one
        pool.switch(number, with_keys=True)
        await pool.serves(NewClient)
    with pytest.raises(AssertionError, match="cannot read it"):
        await pool.serves(OldClient)
    for number in (0, 1):  # back: first the keys, on every instance
        pool.switch(number, with_keys=False)
        await pool.serves(NewClient)
    await pool.serves(OldClient)  # then the gateway
