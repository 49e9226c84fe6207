#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs every task-queue driver against one PostgreSQL and prints one comparison.

Only the Python standard library and the PostgreSQL client are needed here. A driver is any program
that speaks the line protocol described in README.md.
"""

import argparse
import json
import os
import queue
import statistics
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

TICK = os.sysconf("SC_CLK_TCK")
PROBE_PAUSE_S = 0.002
SETTLE_S = 5.0
WARM_UP_TASKS = 5


# ---------------------------------------------------------------- processes

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
    user, nice, system, _, _, irq, softirq, steal = map(int, Path("/proc/stat").read_text().split()[1:9])
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
            [f"{pg.bin}/psql", "-X", "-q", "-A", "-t", "-F", "\t", "-h", pg.socket_dir, "-p", str(pg.port),
             "-U", "postgres", "-d", database],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, bufsize=1)

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


@dataclass
class Peer:
    name: str
    argv: list
    unfinished: str  # SQL, a count: tasks not yet durably finished
    handled_rows: str = ""  # SQL, a count: rows kept for finished tasks; empty when they are deleted
    procs: int = 1  # worker processes in drains
    version: str = ""
    env: dict = field(default_factory=dict)
    phases: list = field(default_factory=list)  # empty: all; a variant of a peer may take part in drains only


class Driver:
    """One running driver process. Events are queued with the time of their arrival."""

    def __init__(self, peer, role, args, url, profile, events=None):
        self.peer, self.role = peer, role
        self.events = events if events is not None else queue.Queue()
        self.started = time.monotonic()
        self.process = subprocess.Popen(
            [*peer.argv, role, *map(str, args)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env={**os.environ, **peer.env, "DATABASE_URL": url, "PEER_PROFILE": profile})
        self.pid = self.process.pid
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        for line in self.process.stdout:
            if line.startswith("{"):
                self.events.put((time.monotonic(), self, json.loads(line)))
        self.events.put((time.monotonic(), self, {"ev": "eof"}))

    def tell(self, word):
        try:
            self.process.stdin.write(word + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            pass

    def expect(self, name, timeout):
        """The named event and its arrival time; other events on the way are dropped."""
        end = time.monotonic() + timeout
        while True:
            at, _, event = self.events.get(timeout=max(0.01, end - time.monotonic()))
            if event["ev"] == name:
                return at, event
            if event["ev"] == "eof":
                raise RuntimeError(f"{self.peer.name} {self.role}: ended before '{name}'")

    def stop(self, timeout=30):
        self.tell("stop")
        try:
            self.process.wait(timeout=timeout)
        except subprocess.TimeoutExpired:
            self.process.terminate()
            try:
                self.process.wait(timeout=5)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


def once(peer, role, args, url, profile="tuned", event=None, timeout=900):
    driver = Driver(peer, role, args, url, profile)
    try:
        said = driver.expect(event, timeout)[1] if event else None
        if driver.process.wait(timeout=timeout) != 0:
            raise RuntimeError(f"{peer.name} {role} failed")
        return said
    finally:
        if driver.process.poll() is None:
            driver.process.kill()
            driver.process.wait()


# ---------------------------------------------------------------- phases

class Bench:
    def __init__(self, pg, peers, out, options):
        self.pg, self.peers, self.out, self.options = pg, peers, out, options
        self.admin = pg.session()
        self.results = []

    def record(self, **row):
        self.results.append(row)
        self.out.write(json.dumps(row) + "\n")
        self.out.flush()
        print("  " + json.dumps(row), file=sys.stderr, flush=True)

    def fresh(self, peer, profile="tuned"):
        name = "peer_" + "".join(c if c.isalnum() else "_" for c in peer.name.lower())
        self.admin.query(f"drop database if exists {name} with (force)")
        self.admin.query(f"create database {name} owner bench")
        once(peer, "setup", [], self.pg.url(name), profile)
        return name

    def drain(self, peer, phase, n, round_no):
        """phase: "drain"; "unanalyzed" without fresh planner statistics; "held" beside an open snapshot."""
        database = self.fresh(peer)
        url = self.pg.url(database)
        with self.pg.session(database) as probe:
            enqueued = once(peer, "enqueue", [n], url, event="enqueued")
            if int(probe.value(peer.unfinished)) != n:
                raise RuntimeError(f"{peer.name}: {n} enqueued, database says otherwise")
            if phase != "unanalyzed":
                probe.query("analyze")
            self.admin.query("checkpoint")
            holder = None
            if phase == "held":
                holder = self.pg.session(database)
                holder.query("begin isolation level repeatable read")
                holder.query("select txid_current_snapshot()")
            try:
                row = self._timed_drain(peer, n, url, probe)
            finally:
                if holder:
                    holder.query("rollback")
                    holder.close()
            row["left"] = int(probe.value(peer.unfinished))
            if peer.handled_rows:
                row["kept_rows"] = int(probe.value(peer.handled_rows))
            if not row["timed_out"] and (row["left"], row["handled"], row.get("kept_rows", n)) != (0, n, n):
                raise RuntimeError(f"{phase} of {n} is not whole: {row}")
        self.record(phase=phase, peer=peer.name, n=n, round=round_no, enqueue_per_s=round(n / enqueued["s"]), **row)
        return row

    def _timed_drain(self, peer, n, url, probe):
        events = queue.Queue()
        drivers = [Driver(peer, "work", [], url, "tuned", events) for _ in range(peer.procs)]
        try:
            loaded, committed = 0, False
            while loaded < len(drivers):
                _, _, event = events.get(timeout=60)
                if event["ev"] == "eof":
                    raise RuntimeError(f"{peer.name}: worker ended early")
                if event["ev"] == "loaded":
                    loaded += 1
                    committed = event["counts"] == "committed"
            wal = self.admin.value("select pg_current_wal_lsn()")
            worker_cpu, pg_cpu, (busy, steal) = sum(cpu_of(d.pid) for d in drivers), self.pg.cpu(), machine_cpu()
            start = time.monotonic()
            for driver in drivers:
                driver.tell("go")
            counts, first, end, timed_out = {d.pid: 0 for d in drivers}, None, None, False
            while sum(counts.values()) < n:
                try:
                    at, driver, event = events.get(timeout=max(0.01, start + self.options.limit - time.monotonic()))
                except queue.Empty:
                    timed_out = True
                    break
                if event["ev"] == "eof":
                    raise RuntimeError(f"{peer.name}: worker ended early")
                if event["ev"] == "first":
                    first = first or at
                elif event["ev"] == "count":
                    counts[driver.pid] = event["n"]
                    end = at
            if timed_out:
                end = time.monotonic()
            elif committed:
                if int(probe.value(peer.unfinished)) > 0:
                    raise RuntimeError("said committed, but the database has unfinished tasks")
            else:
                while int(probe.value(peer.unfinished)) > 0:
                    time.sleep(PROBE_PAUSE_S)
                end = time.monotonic()
            worker_cpu = sum(cpu_of(d.pid) for d in drivers) - worker_cpu
            pg_cpu = self.pg.cpu() - pg_cpu
            busy, steal = (after - before for after, before in zip(machine_cpu(), (busy, steal)))
            rss = sum(status_kb(d.pid, "VmHWM") for d in drivers)
            wal = int(self.admin.value(f"select pg_wal_lsn_diff(pg_current_wal_lsn(), '{wal}')::bigint"))
            done = sum(counts.values())
        finally:
            for driver in drivers:
                driver.stop()
        for driver in drivers:
            driver.reader.join()
        while not events.empty():  # a task that ran twice would still be counted here
            _, driver, event = events.get()
            if event["ev"] == "count":
                counts[driver.pid] = event["n"]
        seconds = end - start
        return {"procs": peer.procs, "s": round(seconds, 3), "drain_per_s": round(done / seconds),
                "first_s": round(first - start, 3) if first else None, "handled": done, "timed_out": timed_out,
                "worker_cpu_s": round(worker_cpu, 2), "pg_cpu_s": round(pg_cpu, 2),
                "other_cores": round(max(0.0, busy - worker_cpu - pg_cpu) / seconds, 2),
                "steal_cores": round(steal / seconds, 2), "wal_bytes_per_task": round(wal / max(1, done)),
                "rss_peak_mb": round(rss / 1024)}

    def start_to_ready(self, peer, profile):
        """Process start to the API's own "started", and to the handler of a task that was waiting."""
        database = self.fresh(peer, profile)
        url = self.pg.url(database)
        ready, first = [], []
        for _ in range(self.options.starts):
            once(peer, "enqueue", [1], url, profile, event="enqueued")
            driver = Driver(peer, "work", [], url, profile)
            driver.tell("go")
            seen = {}
            while len(seen) < 2:
                at, _, event = driver.events.get(timeout=60)
                if event["ev"] in ("ready", "first"):
                    seen[event["ev"]] = (at - driver.started) * 1000
                elif event["ev"] == "eof":
                    raise RuntimeError(f"{peer.name}: worker ended early")
            ready.append(seen["ready"])
            first.append(seen["first"])
            time.sleep(0.5)
            driver.stop()
        self.record(phase="start", peer=peer.name, profile=profile,
                    ready_ms=round(statistics.median(ready)), first_task_ms=round(statistics.median(first)))

    def idle_and_latency(self, peer, profile):
        database = self.fresh(peer, profile)
        url = self.pg.url(database)
        calls = ("select coalesce(sum(calls),0) from pg_stat_statements s join pg_roles r on r.oid=s.userid "
                 "where r.rolname='bench'")
        xacts = f"select xact_commit+xact_rollback from pg_stat_database where datname='{database}'"
        driver = Driver(peer, "work", [], url, profile)
        try:
            driver.tell("go")
            driver.expect("ready", 60)
            self.admin.query("alter system set pg_stat_statements.track='top'")
            self.admin.query("select pg_reload_conf()")
            time.sleep(SETTLE_S)
            before = int(self.admin.value(calls)), int(self.admin.value(xacts)), cpu_of(driver.pid), self.pg.cpu()
            time.sleep(self.options.idle)
            after = int(self.admin.value(calls)), int(self.admin.value(xacts)), cpu_of(driver.pid), self.pg.cpu()
            rss = status_kb(driver.pid, "VmRSS")
            conns = int(self.admin.value("select count(*) from pg_stat_activity where usename='bench'"))
            self.admin.query("alter system reset pg_stat_statements.track")
            self.admin.query("select pg_reload_conf()")
            rate = [(b - a) / self.options.idle for a, b in zip(before, after)]
            self.record(phase="idle", peer=peer.name, profile=profile, statements_per_s=round(rate[0], 2),
                        xacts_per_s=round(rate[1], 2), worker_cpu_pct=round(rate[2] * 100, 2),
                        pg_cpu_pct=round(rate[3] * 100, 2), rss_mb=round(rss / 1024), connections=conns)
            n = self.options.latency_tasks + WARM_UP_TASKS
            busy, since = machine_cpu()[0], time.monotonic()
            once(peer, "trickle", [n, self.options.latency_rate], url, profile, event="trickled")
            busy = (machine_cpu()[0] - busy) / (time.monotonic() - since)
            time.sleep(3)
            driver.tell("stop")
            samples = sorted(driver.expect("latency", 60)[1]["ms"])
        finally:
            driver.stop()
        if len(samples) != n:  # its polling is slower than the arrivals
            self.record(phase="latency", peer=peer.name, profile=profile, fell_behind=True, ran=len(samples), sent=n)
            return
        ms = sorted(latency for _, latency in samples[WARM_UP_TASKS:])
        at = lambda q: round(ms[min(len(ms) - 1, int(len(ms) * q))], 2)
        self.record(phase="latency", peer=peer.name, profile=profile, n=len(ms), p50_ms=at(0.5), p99_ms=at(0.99),
                    max_ms=round(ms[-1], 2), busy_cores=round(busy, 2))

    def run(self):
        slow, dropped = set(), set()

        def guarded(phase, peer, action, *args):
            if peer.name in dropped or phase not in self.options.phases or (peer.phases and phase not in peer.phases):
                return
            try:
                row = action(peer, *args)
                if row and row["s"] > self.options.slow:
                    slow.add(peer.name)
            except Exception as error:  # one broken peer must not end the comparison
                self.record(phase="error", peer=peer.name, step=phase, error=f"{type(error).__name__} {error}"[:300])
                dropped.add(peer.name)

        # Rounds are interleaved over the peers, so that noise of the machine meets all of them.
        for round_no in range(1, self.options.rounds + 1):
            sizes = {"drain": self.options.n, "unanalyzed": self.options.n, "held": self.options.held_n}
            for phase in sizes:
                for n in sizes[phase]:
                    for peer in self.peers:
                        if round_no == 1 or peer.name not in slow:
                            guarded(phase, peer, self.drain, phase, n, round_no)
        for peer in self.peers:
            for profile in self.options.profiles:
                guarded("start", peer, self.start_to_ready, profile)
                guarded("idle", peer, self.idle_and_latency, profile)
        self.admin.close()


# ---------------------------------------------------------------- the table

def table(title, head, rows):
    if not rows:
        return ""
    cells = [head] + [[str(c) for c in row] for row in rows]
    widths = [max(len(r[i]) for r in cells) for i in range(len(head))]
    line = lambda r: "| " + " | ".join(c.ljust(w) for c, w in zip(r, widths)) + " |"
    return "\n".join([title, "", line(cells[0]), "|" + "|".join("-" * (w + 2) for w in widths) + "|",
                      *map(line, cells[1:])])


class Figures:
    """Medians over the recorded rows."""

    def __init__(self, results):
        self.results = results

    def rows(self, peer, **want):
        return [r for r in self.results if r.get("peer") == peer.name and all(r.get(k) == v for k, v in want.items())]

    def median(self, peer, key, **want):
        values = [r[key] for r in self.rows(peer, **want) if r.get(key) is not None]
        return statistics.median(values) if values else None

    def text(self, peer, key, digits=0, **want):
        value = self.median(peer, key, **want)
        return "-" if value is None else f"{value:,.{digits}f}"

    def rate(self, peer, **want):
        """Median drain rate with its range; "cut" when the time limit ended a run."""
        rows = self.rows(peer, **want)
        values = [r["drain_per_s"] for r in rows]
        if not values:
            return "-"
        text = f"{statistics.median(values):,.0f}"
        if len(values) > 1:
            text += f" ({min(values):,}-{max(values):,})"
        return text + (" cut" if any(r["timed_out"] for r in rows) else "")


def drain_table(figures, peers, n):
    rows = []
    for p in peers:
        want = dict(phase="drain", n=n)
        if not figures.rows(p, **want):
            continue
        cpu = figures.median(p, "worker_cpu_s", **want) + figures.median(p, "pg_cpu_s", **want)
        rows.append([p.name, p.version, p.procs, figures.text(p, "enqueue_per_s", **want), figures.rate(p, **want),
                     figures.rate(p, phase="unanalyzed", n=n), figures.text(p, "worker_cpu_s", 2, **want),
                     figures.text(p, "pg_cpu_s", 2, **want), f"{cpu / figures.median(p, 'handled', **want) * 1e6:,.0f}",
                     figures.text(p, "wal_bytes_per_task", **want), figures.text(p, "rss_peak_mb", **want)])
    return table(
        f"N = {n:,}",
        ["peer", "version", "procs", "enqueue/s", "drain/s (range)", "drain/s, no statistics", "worker CPU s",
         "PG CPU s", "CPU us/task", "WAL B/task", "peak RSS MB"], rows)


def held_table(figures, peers, n):
    rows = []
    for p in peers:
        want = dict(phase="held", n=n)
        free, held = figures.median(p, "drain_per_s", phase="drain", n=n), figures.median(p, "drain_per_s", **want)
        if held is not None:
            rows.append([p.name, figures.text(p, "drain_per_s", phase="drain", n=n), figures.rate(p, **want),
                         f"{100 - held / free * 100:.0f} %" if free else "-",
                         figures.text(p, "worker_cpu_s", 2, **want), figures.text(p, "pg_cpu_s", 2, **want)])
    return table(
        f"One REPEATABLE READ snapshot held, N = {n:,}",
        ["peer", "drain/s free", "drain/s held (range)", "loss", "worker CPU s", "PG CPU s"], rows)


def idle_table(figures, peers, profiles):
    rows = []
    for p in peers:
        for profile in profiles:
            want = dict(profile=profile)
            if not figures.rows(p, **want):
                continue
            behind = any(r.get("fell_behind") for r in figures.rows(p, **want))
            p50, p99 = ("behind",) * 2 if behind else (figures.text(p, k, 1, **want) for k in ("p50_ms", "p99_ms"))
            rows.append([p.name, profile, p50, p99] + [figures.text(p, key, digits, **want) for key, digits in (
                ("statements_per_s", 2), ("worker_cpu_pct", 1), ("pg_cpu_pct", 1), ("rss_mb", 0), ("connections", 0),
                ("ready_ms", 0), ("first_task_ms", 0))])
    return table(
        "One worker process, idle; latency of single tasks",
        ["peer", "profile", "p50 ms", "p99 ms", "statements/s", "worker CPU %", "PG CPU %", "RSS MB", "conns",
         "started ms", "first task ms"], rows)


def ratio_table(figures, peers, ours, sizes, held_sizes):
    mine = next(p for p in peers if p.name == ours)
    columns = [("drain", n) for n in sizes] + [("unanalyzed", n) for n in sizes] + [("held", n) for n in held_sizes]
    rows = []
    for p in peers:
        cells = []
        for phase, n in columns:
            us, them = (figures.median(q, "drain_per_s", phase=phase, n=n) for q in (mine, p))
            cells.append(f"{us / them:.2f}" if us and them else "-")
        if p is not mine:
            rows.append([p.name] + cells)
    return table(f"Drain rate of {ours}, as a multiple", ["peer"] + [f"{a} {n:,}" for a, n in columns], rows)


def report(peers, results, options):
    figures = Figures(results)
    parts = [drain_table(figures, peers, n) for n in options.n]
    parts += [held_table(figures, peers, n) for n in options.held_n]
    parts.append(idle_table(figures, peers, options.profiles))
    if options.ours:
        parts.append(ratio_table(figures, peers, options.ours, options.n, options.held_n))
    for key, what in (("other_cores", "taken by others during the drains"), ("busy_cores", "busy in the latency runs")):
        cores = [r[key] for r in results if key in r]
        if cores:
            parts.append(f"Cores {what}: median {statistics.median(cores):.1f}, most {max(cores):.1f}.")
    errors = [f"{r['peer']}: {r['step']}: {r['error']}" for r in results if r.get("phase") == "error"]
    if errors:
        parts.append("Errors:\n" + "\n".join(errors))
    return "\n\n".join(part for part in parts if part)


def main():
    split = lambda kind: lambda text: [kind(x) for x in text.split(",") if x]
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peers-file", required=True, help="JSON list of peers (run.sh writes it)")
    parser.add_argument("--pg-bin", required=True)
    parser.add_argument("--pg-socket-dir", required=True)
    parser.add_argument("--pg-port", type=int, required=True)
    parser.add_argument("--pg-pid", type=int, required=True)
    parser.add_argument("--out", required=True, help="JSON lines are appended here")
    parser.add_argument("--only", type=split(str), default=[], help="peer names, comma separated")
    parser.add_argument("--phases", type=split(str), default="drain,unanalyzed,held,start,idle".split(","))
    parser.add_argument("--profiles", type=split(str), default=["tuned", "default"])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--n", type=split(int), default=[50_000, 200_000])
    parser.add_argument("--held-n", type=split(int), default=[50_000])
    parser.add_argument("--limit", type=float, default=300, help="seconds after which a drain is cut")
    parser.add_argument("--slow", type=float, default=30, help="a peer with a drain longer than this runs one round")
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
        bench.record(phase="machine", date=time.strftime("%Y-%m-%d"), cores=os.cpu_count(),
                     postgres=bench.admin.value("show server_version"), load1=round(os.getloadavg()[0], 2),
                     peers={p.name: p.version for p in peers})
        bench.run()
    print(report(peers, bench.results, options))


if __name__ == "__main__":
    main()
