# SPDX-License-Identifier: Apache-2.0
"""The phases of the comparison: what each measures of a peer, one recorded row each."""

import json
import queue
import statistics
import sys
import time
from dataclasses import dataclass

from peer_driver import Driver, once
from processes import cpu_of, machine_cpu, status_kb

PROBE_PAUSE_S = 0.002
SETTLE_S = 5.0
WARM_UP_TASKS = 5


@dataclass
class Progress:
    """How far the drivers of one drain are; times are of time.monotonic()."""

    counts: dict  # handled tasks by the driver's pid
    first: float | None = None
    last: float | None = None
    timed_out: bool = False

    def done(self):
        return sum(self.counts.values())


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
        """phase: "drain"; "unanalyzed" without fresh planner statistics; "held" beside an open
        snapshot."""
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
            if not row["timed_out"] and (
                row["left"],
                row["handled"],
                row.get("kept_rows", n),
            ) != (0, n, n):
                raise RuntimeError(f"{phase} of {n} is not whole: {row}")
        self.record(
            phase=phase,
            peer=peer.name,
            n=n,
            round=round_no,
            enqueue_per_s=round(n / enqueued["s"]),
            **row,
        )
        return row

    def _timed_drain(self, peer, n, url, probe):
        events = queue.Queue()
        drivers = [Driver(peer, "work", [], url, "tuned", events) for _ in range(peer.procs)]
        try:
            committed = self._all_loaded(peer, drivers, events)
            wal = self.admin.value("select pg_current_wal_lsn()")
            worker_cpu, pg_cpu, (busy, steal) = (
                sum(cpu_of(d.pid) for d in drivers),
                self.pg.cpu(),
                machine_cpu(),
            )
            start = time.monotonic()
            for driver in drivers:
                driver.tell("go")
            progress = self._count(peer, n, start, drivers, events)
            end = self._finished_at(peer, progress, committed, probe)
            worker_cpu = sum(cpu_of(d.pid) for d in drivers) - worker_cpu
            pg_cpu = self.pg.cpu() - pg_cpu
            busy, steal = (after - before for after, before in zip(machine_cpu(), (busy, steal)))
            rss = sum(status_kb(d.pid, "VmHWM") for d in drivers)
            wal = int(
                self.admin.value(f"select pg_wal_lsn_diff(pg_current_wal_lsn(), '{wal}')::bigint")
            )
            done = progress.done()
        finally:
            for driver in drivers:
                driver.stop()
        for driver in drivers:
            driver.reader.join()
        while not events.empty():  # a task that ran twice would still be counted here
            _, driver, event = events.get()
            if event["ev"] == "count":
                progress.counts[driver.pid] = event["n"]
        seconds = end - start
        return {
            "procs": peer.procs,
            "s": round(seconds, 3),
            "drain_per_s": round(done / seconds),
            "first_s": round(progress.first - start, 3) if progress.first else None,
            "handled": done,
            "timed_out": progress.timed_out,
            "worker_cpu_s": round(worker_cpu, 2),
            "pg_cpu_s": round(pg_cpu, 2),
            "other_cores": round(max(0.0, busy - worker_cpu - pg_cpu) / seconds, 2),
            "steal_cores": round(steal / seconds, 2),
            "wal_bytes_per_task": round(wal / max(1, done)),
            "rss_peak_mb": round(rss / 1024),
        }

    def _all_loaded(self, peer, drivers, events):
        """Waits until every driver is loaded; gives whether they count after the commit."""
        loaded, committed = 0, False
        while loaded < len(drivers):
            _, _, event = events.get(timeout=60)
            if event["ev"] == "eof":
                raise RuntimeError(f"{peer.name}: worker ended early")
            if event["ev"] == "loaded":
                loaded += 1
                committed = event["counts"] == "committed"
        return committed

    def _count(self, peer, n, start, drivers, events):
        """Follows the drivers' counts until they reach n together, or the time limit."""
        progress = Progress({d.pid: 0 for d in drivers})
        while progress.done() < n:
            try:
                at, driver, event = events.get(
                    timeout=max(0.01, start + self.options.limit - time.monotonic())
                )
            except queue.Empty:
                progress.timed_out = True
                break
            if event["ev"] == "eof":
                raise RuntimeError(f"{peer.name}: worker ended early")
            if event["ev"] == "first":
                progress.first = progress.first or at
            elif event["ev"] == "count":
                progress.counts[driver.pid] = event["n"]
                progress.last = at
        return progress

    def _finished_at(self, peer, progress, committed, probe):
        """When the last task was durably finished, or when the time limit cut the drain."""
        if progress.timed_out:
            return time.monotonic()
        if committed:
            if int(probe.value(peer.unfinished)) > 0:
                raise RuntimeError("said committed, but the database has unfinished tasks")
            return progress.last
        while int(probe.value(peer.unfinished)) > 0:
            time.sleep(PROBE_PAUSE_S)
        return time.monotonic()

    def start_to_ready(self, peer, profile):
        """Process start to the API's own "started", and to the handler of a task that was
        waiting."""
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
        self.record(
            phase="start",
            peer=peer.name,
            profile=profile,
            ready_ms=round(statistics.median(ready)),
            first_task_ms=round(statistics.median(first)),
        )

    def idle_and_latency(self, peer, profile):
        database = self.fresh(peer, profile)
        url = self.pg.url(database)
        driver = Driver(peer, "work", [], url, profile)
        try:
            driver.tell("go")
            driver.expect("ready", 60)
            self._idle(peer, profile, driver, database)
            n = self.options.latency_tasks + WARM_UP_TASKS
            busy, since = machine_cpu()[0], time.monotonic()
            once(peer, "trickle", [n, self.options.latency_rate], url, profile, event="trickled")
            busy = (machine_cpu()[0] - busy) / (time.monotonic() - since)
            time.sleep(3)
            driver.tell("stop")
            samples = sorted(driver.expect("latency", 60)[1]["ms"])
        finally:
            driver.stop()
        self._record_latency(peer, profile, samples, n, busy)

    def _idle(self, peer, profile, driver, database):
        """What a ready worker without tasks costs."""
        calls = (
            "select coalesce(sum(calls),0) from pg_stat_statements s"
            " join pg_roles r on r.oid=s.userid where r.rolname='bench'"
        )
        xacts = (
            f"select xact_commit+xact_rollback from pg_stat_database where datname='{database}'"
        )
        self.admin.query("alter system set pg_stat_statements.track='top'")
        self.admin.query("select pg_reload_conf()")
        time.sleep(SETTLE_S)
        before = (
            int(self.admin.value(calls)),
            int(self.admin.value(xacts)),
            cpu_of(driver.pid),
            self.pg.cpu(),
        )
        time.sleep(self.options.idle)
        after = (
            int(self.admin.value(calls)),
            int(self.admin.value(xacts)),
            cpu_of(driver.pid),
            self.pg.cpu(),
        )
        rss = status_kb(driver.pid, "VmRSS")
        conns = int(
            self.admin.value("select count(*) from pg_stat_activity where usename='bench'")
        )
        self.admin.query("alter system reset pg_stat_statements.track")
        self.admin.query("select pg_reload_conf()")
        rate = [(b - a) / self.options.idle for a, b in zip(before, after)]
        self.record(
            phase="idle",
            peer=peer.name,
            profile=profile,
            statements_per_s=round(rate[0], 2),
            xacts_per_s=round(rate[1], 2),
            worker_cpu_pct=round(rate[2] * 100, 2),
            pg_cpu_pct=round(rate[3] * 100, 2),
            rss_mb=round(rss / 1024),
            connections=conns,
        )

    def _record_latency(self, peer, profile, samples, n, busy):
        """samples: when and how long, for each of n sent tasks; busy: cores of the machine."""
        if len(samples) != n:  # its polling is slower than the arrivals
            self.record(
                phase="latency",
                peer=peer.name,
                profile=profile,
                fell_behind=True,
                ran=len(samples),
                sent=n,
            )
            return
        ms = sorted(latency for _, latency in samples[WARM_UP_TASKS:])
        at = lambda q: round(ms[min(len(ms) - 1, int(len(ms) * q))], 2)
        self.record(
            phase="latency",
            peer=peer.name,
            profile=profile,
            n=len(ms),
            p50_ms=at(0.5),
            p99_ms=at(0.99),
            max_ms=round(ms[-1], 2),
            busy_cores=round(busy, 2),
        )

    def run(self):
        slow, dropped = set(), set()

        def guarded(phase, peer, action, *args):
            if (
                peer.name in dropped
                or phase not in self.options.phases
                or (peer.phases and phase not in peer.phases)
            ):
                return
            try:
                row = action(peer, *args)
                if row and row["s"] > self.options.slow:
                    slow.add(peer.name)
            except Exception as error:  # one broken peer must not end the comparison
                self.record(
                    phase="error",
                    peer=peer.name,
                    step=phase,
                    error=f"{type(error).__name__} {error}"[:300],
                )
                dropped.add(peer.name)

        # Rounds are interleaved over the peers, so that noise of the machine meets all of them.
        for round_no in range(1, self.options.rounds + 1):
            sizes = {
                "drain": self.options.n,
                "unanalyzed": self.options.n,
                "held": self.options.held_n,
            }
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
