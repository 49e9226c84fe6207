# SPDX-License-Identifier: Apache-2.0
"""Kills of a server while graphs go in."""

import signal
import threading

import grpc

from test_kill import submit

LATEST_KILL_SECONDS = 0.1  # a diff is through by then


def kill_while_each_goes_in(server, graphs):
    """For each graph: the server is killed while it goes in, at a moment that moves on from kill to
    kill, is started, and takes it. Gives the number of each kill, from 0, when that is over."""
    pause = threading.Event()
    for kill, graph in enumerate(graphs):
        submitting = threading.Thread(target=submit, args=(server, graph))
        submitting.start()
        pause.wait(kill * LATEST_KILL_SECONDS / len(graphs))
        server.process.send_signal(signal.SIGKILL)
        server.process.wait(10)
        submitting.join(60)
        server.start()
        assert submit(server, graph).code == grpc.StatusCode.OK
        yield kill
