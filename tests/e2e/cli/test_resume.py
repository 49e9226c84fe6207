# SPDX-License-Identifier: Apache-2.0
"""A stream that is cut is resumed: the answer is whole, and nothing is committed twice."""

import pytest
from conftest import STRATEGIES, ok_json, run
from cutting_proxy import CuttingProxy

FACTOR = STRATEGIES / "factor-1000.json"
LIVE = ("--world", "w1", "--domain", "live")


# An answer of 1,000 nodes is about 200 kB in ten chunks; the plan comes first, over the same
# connection.
@pytest.mark.parametrize(
    "cuts", [(60_000,), (400_000,), (480_000, 60_000), (30_000, 30_000, 30_000)]
)
def test_submit_resumes_a_cut_stream(server, cuts):
    proxy = CuttingProxy(server.target, cuts)
    try:
        answer = ok_json("dagmanager", "submit", "--file", FACTOR, "--target", proxy.target, *LIVE)
    finally:
        proxy.close()
    assert proxy.made == len(cuts), "every cut must have come about"
    assert len(answer["queue_map"]) == 1000
    assert len(answer["plan"]) == 1000
    direct = ok_json("dagmanager", "diff", "--file", FACTOR, "--target", server.target, *LIVE)
    assert direct["queue_map"] == answer["queue_map"]
    assert {row["decision"] for row in direct["plan"]} == {"reuse"}


def test_submit_gives_up_after_five_tries(server):
    proxy = CuttingProxy(server.target, [30_000] * 20)
    try:
        done = run("dagmanager", "submit", "--file", FACTOR, "--target", proxy.target, *LIVE)
    finally:
        proxy.close()
    # Each try may bring a chunk or two; the plan alone has ten, so one of both runs out of tries.
    assert done.returncode == 1
    assert any(line.startswith("gRPC error: UNAVAILABLE") for line in done.stderr.splitlines())
    assert done.stdout == ""
