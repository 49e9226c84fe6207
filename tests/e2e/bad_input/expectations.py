# SPDX-License-Identifier: Apache-2.0
"""How a refusal is asked for and read (contract section 1.1, "Faults")."""

import asyncio
import re
import uuid

import grpc

from wire import Wire

FAULT_LINE = re.compile(r"(?P<reason>\w+) (?P<pointer>(?:/[^:]*)?): (?P<text>.+)")
FAULT_LINES_MAX = 20
MESSAGE_BYTES_MAX = 4096
ANSWER_SECONDS_MAX = 30


def run(asking):
    """Runs the coroutine to its end; TimeoutError where a server does not answer."""
    return asyncio.run(asyncio.wait_for(asking, ANSWER_SECONDS_MAX))


def diff_once(server, **fields):
    """One Diff in the live domain, unless `fields` say otherwise."""

    async def ask():
        async with Wire(server.target) as wire:
            request = {"strategy_id": str(uuid.uuid4()), "execution_domain": "live", **fields}
            return await wire.diff(**request)

    return run(ask())


def fault_lines(outcome):
    """(reason, pointer) of each line after the first; fails on a line of another form."""
    faults = []
    for line in outcome.details.split("\n")[1:]:
        if re.fullmatch(r"and \d+ more", line):
            continue
        match = FAULT_LINE.fullmatch(line)
        assert match, f"not a fault line: {line!r} in {outcome.details!r}"
        faults.append((match["reason"], match["pointer"]))
    return faults


def assert_refused(outcome, code, reason):
    """The code, the reason word in the metadata and before the message, a text, and no chunk."""
    told = f"{outcome.code} {outcome.details!r}"
    assert outcome.code == grpc.StatusCode[code], told
    assert outcome.reason == reason, told
    first = outcome.details.split("\n")[0]
    assert re.fullmatch(rf"{reason}: .+", first), told
    assert outcome.chunks == []
