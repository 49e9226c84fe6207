#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the figures of bench/capacity/last_run.jsonl into docs/operations/capacity.md.

    bench/run capacity -o json > bench/capacity/last_run.jsonl && bench/capacity/page.py

With --check nothing is written: it exits with 1 if the page has other figures than the file.
"""

import json
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
RUN = ROOT / "bench" / "capacity" / "last_run.jsonl"
PAGE = ROOT / "docs" / "operations" / "capacity.md"
BEGIN = "<!-- figures of bench/capacity/last_run.jsonl -->\n"
END = "<!-- end of the figures -->\n"
STORES = ("memory", "postgresql")
TITLES = ("memory", "PostgreSQL")


def shown(figure):
    """A figure as a cell."""
    value = figure["value"]
    places = 0 if value >= 100 or value == int(value) else 1 if value >= 10 else 2
    text = f"{value:,.{places}f}"
    if figure["unit"]:
        text += " " + figure["unit"]
    if figure["ratio"] is not None and figure["against"]:
        text += f" ({figure['ratio']:.2f} of {figure['against']})"
    return text


def table(lines):
    """A row a figure, a column a store; goals stand behind the name."""
    rows = {}
    for line in lines:
        figure = json.loads(line)
        what, _, store = figure["name"].rpartition(", ")
        if store not in STORES:
            raise SystemExit(f"{RUN}: a figure of no store: {figure['name']}")
        goal = figure["goal"].removeprefix("value ")
        rows.setdefault((what, goal), {})[store] = shown(figure)
    out = "| | " + " | ".join(TITLES) + " | goal |\n|---|---|---|---|\n"
    for (what, goal), cells in rows.items():
        values = " | ".join(cells.get(store, "–") for store in STORES)
        out += f"| {what} | {values} | {goal} |\n"
    return out


def page_with(text, figures):
    """The page with these figures between its two marks."""
    begin = text.index(BEGIN) + len(BEGIN)
    return text[:begin] + figures + text[text.index(END):]


def main():
    text = PAGE.read_text()
    wanted = page_with(text, table(RUN.read_text().splitlines()))
    if "--check" not in sys.argv:
        PAGE.write_text(wanted)
        return 0
    if text == wanted:
        return 0
    print(f"{PAGE.relative_to(ROOT)} has other figures than {RUN.relative_to(ROOT)}: "
          "run bench/capacity/page.py")
    return 1


if __name__ == "__main__":
    sys.exit(main())
