# SPDX-License-Identifier: Apache-2.0
"""What the comparison reads of processes: their CPU and memory, and PostgreSQL's answers."""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

TICK = os.sysconf("SC_CLK_TCK")


def cpu_of(pid, with_reaped=False):
    """User + system CPU seconds of one process."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return 0.0
    ticks = int(fields[11]) + int(fields[12])
    if with_reaped:
        ticks += int(fields[13]) + int(fields[14])
    return ticks / TICK


def children_of(pid):
    try:
        return [int(p) for p in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def status_kb(pid, key):
    try:
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith(key + ":"):
                return int(line.split()[1])
    except OSError:
        pass
    return 0


def machine_cpu():
    """Busy and stolen CPU seconds of the whole machine."""
    user, nice, system, _, _, irq, softirq, steal = map(
        int, Path("/proc/stat").read_text().split()[1:9]
    )
    return (user + nice + system + irq + softirq) / TICK, steal / TICK


@dataclass
class Postgres:
    bin: str
    socket_dir: str
    port: int
    pid: int

    def cpu(self):
        return cpu_of(self.pid, with_reaped=True) + sum(cpu_of(c) for c in children_of(self.pid))

    def url(self, database):
        return f"postgres://bench@127.0.0.1:{self.port}/{database}?sslmode=disable"

    def session(self, database="postgres"):
        return Psql(self, database)


class Psql:
    """One psql kept open; query() returns rows as lists of strings."""

    def __init__(self, pg, database):
        self.process = subprocess.Popen(
            [
                f"{pg.bin}/psql",
                "-X",
                "-q",
                "-A",
                "-t",
                "-F",
                "\t",
                "-h",
                pg.socket_dir,
                "-p",
                str(pg.port),
                "-U",
                "postgres",
                "-d",
                database,
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            bufsize=1,
        )

    def query(self, sql):
        self.process.stdin.write(sql.rstrip("; \n") + ";\n\\echo :::end\n")
        self.process.stdin.flush()
        rows = []
        for line in self.process.stdout:
            line = line.rstrip("\n")
            if line == ":::end":
                break
            rows.append(line.split("\t"))
        if rows and rows[0][0].startswith(("ERROR:", "FATAL:", "psql:")):
            raise RuntimeError(f"{sql}: {rows}")
        return rows

    def value(self, sql):
        return self.query(sql)[0][0]

    def close(self):
        self.process.stdin.close()
        self.process.wait(timeout=30)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
