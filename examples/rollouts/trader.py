#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What follows a rollout, in small: a gateway that gives each version its share of the signals, and
the strategies that make them. It replays real one-minute bars, hears of the shares from Weir's event
stream, and tells a Prometheus what each version did. See README.md beside it."""

import argparse
import collections
import csv
import datetime
import http.server
import json
import pathlib
import statistics
import threading
import time
import urllib.request

SIGNALS_A_SECOND = 400
SHARE_OF = 200  # signals, those since the last change of the shares
SHARE_LEAST = 20
RETRY_SECONDS = 0.2
READ_SECONDS = 60  # Weir sends a comment every 15 s


class Trader:
    """Scores bars as each version's graph says, and counts."""

    def __init__(self, sentinel, graphs, closes):
        self.sentinel = sentinel
        self.params = graphs
        self.closes = closes
        self.lock = threading.Lock()
        self.live = None  # the version that has all that the candidate has not
        self.candidate = None
        self.weight = 1.0
        self.due = 0.0  # of the candidate, in signals
        self.skew = 0.0
        self.routed = collections.deque(maxlen=SHARE_OF)
        self.signals = collections.Counter()
        self.clipped = collections.Counter()

    def hear(self, envelope):
        """A sentinel_weight_updated. Of a switch within one sentinel the gaining side is told."""
        told = envelope["data"]
        version, weight = told.get("sentinel_version"), told["weight"]
        if told["sentinel_id"] != self.sentinel or version not in self.params or weight == 0:
            return
        with self.lock:
            if self.live is None:
                self.live = version
            self.candidate, self.weight, self.due = version, weight, 0.0
            self.skew = max(0.0, time.time() - seconds_of(envelope["time"]))
            self.routed.clear()
            if weight == 1:
                self.live = version

    def step(self, number):
        """One signal, by the version whose turn it is."""
        with self.lock:
            if self.live is None:
                return
            self.due += self.weight
            to_candidate = self.due >= 1
            if to_candidate:
                self.due -= 1
            version = self.candidate if to_candidate else self.live
            self.routed.append(to_candidate)
            self.signals[version] += 1
            if is_clipped(self.closes, number, self.params[version]):
                self.clipped[version] += 1

    def metrics(self):
        """Prometheus text."""
        with self.lock:
            lines = ["# TYPE signals_total counter"]
            lines += [f'signals_total{{version="{v}"}} {n}' for v, n in self.signals.items()]
            lines += ["# TYPE signals_clipped_total counter"]
            lines += [f'signals_clipped_total{{version="{v}"}} {self.clipped[v]}'
                      for v in self.signals]
            if len(self.routed) >= SHARE_LEAST:
                label = f'{{sentinel_id="{self.sentinel}"}}'
                share = sum(self.routed) / len(self.routed)
                lines += ["# TYPE gateway_sentinel_traffic_ratio gauge",
                          f"gateway_sentinel_traffic_ratio{label} {share}",
                          "# TYPE sentinel_skew_seconds gauge",
                          f"sentinel_skew_seconds{label} {self.skew:.6f}"]
        return "\n".join(lines) + "\n"


def seconds_of(text):
    """RFC 3339 in seconds since the epoch."""
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def is_clipped(closes, number, params):
    """Whether the score of a bar, its distance from the window's mean, is beyond the limit."""
    at = params["window"] + number % (len(closes) - params["window"])
    window = closes[at - params["window"]:at]
    deviation = statistics.pstdev(window)
    return deviation > 0 and abs(closes[at] - statistics.fmean(window)) > params["clip"] * deviation


def params_of(path):
    """What the graph says of its score."""
    for node in json.loads(pathlib.Path(path).read_text())["nodes"]:
        if "clip" in node.get("params", {}):
            return node["params"]
    raise SystemExit(f"{path}: no node has the parameter clip")


def follow(url, trader):
    """Reads the event stream for good; comes back after the last event that it had."""
    after = 0
    while True:
        asked = f"{url}/v1/events/stream?types=sentinel_weight_updated&after={after}"
        try:
            with urllib.request.urlopen(asked, timeout=READ_SECONDS) as stream:
                for line in stream:
                    name, _, value = line.decode().rstrip("\r\n").partition(": ")
                    if name == "id":
                        after = int(value)
                    elif name == "data" and "sentinel_id" in value:
                        trader.hear(json.loads(value))
        except OSError:
            pass
        time.sleep(RETRY_SECONDS)


def serve(trader):
    """Serves /metrics on a free port of loopback, and gives the port."""

    class Metrics(http.server.BaseHTTPRequestHandler):
        """The one page."""

        def do_GET(self):  # noqa: N802, the name is the base class's
            body = trader.metrics().encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_words):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Metrics)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_port


def main():
    """Until it is ended."""
    flags = argparse.ArgumentParser(description=__doc__)
    flags.add_argument("--weir", required=True, help="Weir's HTTP address, http://host:port")
    flags.add_argument("--sentinel", required=True)
    flags.add_argument("--bars", required=True, help="CSV with a column close")
    flags.add_argument("--targets", required=True,
                       help="file for Prometheus' file_sd_configs, written when ready")
    flags.add_argument("graphs", nargs="+", metavar="VERSION=FILE")
    given = flags.parse_args()
    graphs = {version: params_of(path)
              for version, _, path in (graph.partition("=") for graph in given.graphs)}
    with open(given.bars, encoding="utf-8") as file:
        closes = [float(bar["close"]) for bar in csv.DictReader(file)]
    trader = Trader(given.sentinel, graphs, closes)
    threading.Thread(target=follow, args=(given.weir, trader), daemon=True).start()
    targets = pathlib.Path(given.targets)
    unnamed = targets.with_suffix(".new")
    unnamed.write_text(json.dumps([{"targets": [f"127.0.0.1:{serve(trader)}"]}]))
    unnamed.rename(targets)
    number = 0
    while True:
        trader.step(number)
        number += 1
        time.sleep(1 / SIGNALS_A_SECOND)


if __name__ == "__main__":
    main()
