#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs every task-queue driver against one PostgreSQL and prints one comparison.

Only the Python standard library and the PostgreSQL client are needed here. A driver is any program
that speaks the line protocol described in README.md.
"""

import argparse
import json
import os
import time
from pathlib import Path

from measures import Bench
from peer_driver import Peer
from processes import Postgres
from tables import report


def main():
    split = lambda kind: lambda text: [kind(x) for x in text.split(",") if x]
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--peers-file", required=True, help="JSON list of peers (run.sh writes it)"
    )
    parser.add_argument("--pg-bin", required=True)
    parser.add_argument("--pg-socket-dir", required=True)
    parser.add_argument("--pg-port", type=int, required=True)
    parser.add_argument("--pg-pid", type=int, required=True)
    parser.add_argument("--out", required=True, help="JSON lines are appended here")
    parser.add_argument("--only", type=split(str), default=[], help="peer names, comma separated")
    parser.add_argument(
        "--phases", type=split(str), default="drain,unanalyzed,held,start,idle".split(",")
    )
    parser.add_argument("--profiles", type=split(str), default=["tuned", "default"])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--n", type=split(int), default=[50_000, 200_000])
    parser.add_argument("--held-n", type=split(int), default=[50_000])
    parser.add_argument(
        "--limit", type=float, default=300, help="seconds after which a drain is cut"
    )
    parser.add_argument(
        "--slow",
        type=float,
        default=30,
        help="a peer with a drain longer than this runs one round",
    )
    parser.add_argument("--ours", help="name of our own peer: prints its multiples of the others")
    parser.add_argument("--idle", type=float, default=30)
    parser.add_argument("--starts", type=int, default=5)
    parser.add_argument("--latency-tasks", type=int, default=200)
    parser.add_argument("--latency-rate", type=int, default=5)
    options = parser.parse_args()

    peers = [Peer(**p) for p in json.loads(Path(options.peers_file).read_text())]
    if options.only:
        peers = [p for p in peers if p.name in options.only]
    pg = Postgres(options.pg_bin, options.pg_socket_dir, options.pg_port, options.pg_pid)
    with open(options.out, "a") as out:
        bench = Bench(pg, peers, out, options)
        bench.record(
            phase="machine",
            date=time.strftime("%Y-%m-%d"),
            cores=os.cpu_count(),
            postgres=bench.admin.value("show server_version"),
            load1=round(os.getloadavg()[0], 2),
            peers={p.name: p.version for p in peers},
        )
        bench.run()
    print(report(peers, bench.results, options))


if __name__ == "__main__":
    main()
