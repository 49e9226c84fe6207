# SPDX-License-Identifier: Apache-2.0
"""The tables of the comparison, from its recorded rows."""

import statistics


def table(title, head, rows):
    if not rows:
        return ""
    cells = [head] + [[str(c) for c in row] for row in rows]
    widths = [max(len(r[i]) for r in cells) for i in range(len(head))]
    line = lambda r: "| " + " | ".join(c.ljust(w) for c, w in zip(r, widths)) + " |"
    return "\n".join(
        [
            title,
            "",
            line(cells[0]),
            "|" + "|".join("-" * (w + 2) for w in widths) + "|",
            *map(line, cells[1:]),
        ]
    )


class Figures:
    """Medians over the recorded rows."""

    def __init__(self, results):
        self.results = results

    def rows(self, peer, **want):
        return [
            r
            for r in self.results
            if r.get("peer") == peer.name and all(r.get(k) == v for k, v in want.items())
        ]

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
        rows.append(
            [
                p.name,
                p.version,
                p.procs,
                figures.text(p, "enqueue_per_s", **want),
                figures.rate(p, **want),
                figures.rate(p, phase="unanalyzed", n=n),
                figures.text(p, "worker_cpu_s", 2, **want),
                figures.text(p, "pg_cpu_s", 2, **want),
                f"{cpu / figures.median(p, 'handled', **want) * 1e6:,.0f}",
                figures.text(p, "wal_bytes_per_task", **want),
                figures.text(p, "rss_peak_mb", **want),
            ]
        )
    return table(
        f"N = {n:,}",
        [
            "peer",
            "version",
            "procs",
            "enqueue/s",
            "drain/s (range)",
            "drain/s, no statistics",
            "worker CPU s",
            "PG CPU s",
            "CPU us/task",
            "WAL B/task",
            "peak RSS MB",
        ],
        rows,
    )


def held_table(figures, peers, n):
    rows = []
    for p in peers:
        want = dict(phase="held", n=n)
        free, held = (
            figures.median(p, "drain_per_s", phase="drain", n=n),
            figures.median(p, "drain_per_s", **want),
        )
        if held is not None:
            rows.append(
                [
                    p.name,
                    figures.text(p, "drain_per_s", phase="drain", n=n),
                    figures.rate(p, **want),
                    f"{100 - held / free * 100:.0f} %" if free else "-",
                    figures.text(p, "worker_cpu_s", 2, **want),
                    figures.text(p, "pg_cpu_s", 2, **want),
                ]
            )
    return table(
        f"One REPEATABLE READ snapshot held, N = {n:,}",
        ["peer", "drain/s free", "drain/s held (range)", "loss", "worker CPU s", "PG CPU s"],
        rows,
    )


def idle_table(figures, peers, profiles):
    rows = []
    for p in peers:
        for profile in profiles:
            want = dict(profile=profile)
            if not figures.rows(p, **want):
                continue
            behind = any(r.get("fell_behind") for r in figures.rows(p, **want))
            p50, p99 = (
                ("behind",) * 2
                if behind
                else (figures.text(p, k, 1, **want) for k in ("p50_ms", "p99_ms"))
            )
            rows.append(
                [p.name, profile, p50, p99]
                + [
                    figures.text(p, key, digits, **want)
                    for key, digits in (
                        ("statements_per_s", 2),
                        ("worker_cpu_pct", 1),
                        ("pg_cpu_pct", 1),
                        ("rss_mb", 0),
                        ("connections", 0),
                        ("ready_ms", 0),
                        ("first_task_ms", 0),
                    )
                ]
            )
    return table(
        "One worker process, idle; latency of single tasks",
        [
            "peer",
            "profile",
            "p50 ms",
            "p99 ms",
            "statements/s",
            "worker CPU %",
            "PG CPU %",
            "RSS MB",
            "conns",
            "started ms",
            "first task ms",
        ],
        rows,
    )


def ratio_table(figures, peers, ours, sizes, held_sizes):
    mine = next(p for p in peers if p.name == ours)
    columns = (
        [("drain", n) for n in sizes]
        + [("unanalyzed", n) for n in sizes]
        + [("held", n) for n in held_sizes]
    )
    rows = []
    for p in peers:
        cells = []
        for phase, n in columns:
            us, them = (figures.median(q, "drain_per_s", phase=phase, n=n) for q in (mine, p))
            cells.append(f"{us / them:.2f}" if us and them else "-")
        if p is not mine:
            rows.append([p.name] + cells)
    return table(
        f"Drain rate of {ours}, as a multiple",
        ["peer"] + [f"{a} {n:,}" for a, n in columns],
        rows,
    )


def report(peers, results, options):
    figures = Figures(results)
    parts = [drain_table(figures, peers, n) for n in options.n]
    parts += [held_table(figures, peers, n) for n in options.held_n]
    parts.append(idle_table(figures, peers, options.profiles))
    if options.ours:
        parts.append(ratio_table(figures, peers, options.ours, options.n, options.held_n))
    for key, what in (
        ("other_cores", "taken by others during the drains"),
        ("busy_cores", "busy in the latency runs"),
    ):
        cores = [r[key] for r in results if key in r]
        if cores:
            parts.append(
                f"Cores {what}: median {statistics.median(cores):.1f}, most {max(cores):.1f}."
            )
    errors = [
        f"{r['peer']}: {r['step']}: {r['error']}" for r in results if r.get("phase") == "error"
    ]
    if errors:
        parts.append("Errors:\n" + "\n".join(errors))
    return "\n\n".join(part for part in parts if part)
