#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""clang-format and clang-tidy over the tree, as scripts/lint prepares it. Run in the root folder.

The lint preset compiles the sources of a folder several at a time, so that clang-tidy walks through
the libraries' headers once for all of them, which is most of its work. The name of a stamp in
build/lint/clean is a hash of all that decides the findings in such a unit: the tool, .clang-tidy,
the compile command, the sources, and each header of ours they reach.
"""

import argparse
import hashlib
import json
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

FORMAT = "clang-format-19"
TIDY = "clang-tidy-19"
BUILD = Path("build/lint")
CLEAN = BUILD / "clean"
FORMATTED = ("src", "tests", "bench")
SUFFIXES = (".h", ".cc")
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*"([^"]+)"', re.MULTILINE)
FORMAT_BATCH = 40  # files a call of clang-format
STAMPS_MAX = 5000  # beyond, the folder is emptied


def sources(folders):
    found = (path for folder in folders for path in Path(folder).rglob("*"))
    return sorted(path for path in found if path.suffix in SUFFIXES)


def check_format(files, fix, jobs):
    """Gives how many of clang-format's batches found or could not mend something."""
    mode = ["-i"] if fix else ["--dry-run", "--Werror"]
    batches = [files[at : at + FORMAT_BATCH] for at in range(0, len(files), FORMAT_BATCH)]

    def run(batch):
        done = subprocess.run([FORMAT, *mode, *map(str, batch)], capture_output=True, text=True)
        lines = [line for line in done.stderr.split("\n") if "[-Wclang-format-violations]" in line]
        return done.returncode, lines or done.stderr.split("\n")

    with ThreadPoolExecutor(jobs) as pool:
        results = list(pool.map(run, batches))
    for _, lines in results:
        for line in filter(None, lines):
            print(line)
    return sum(1 for code, _ in results if code != 0)


class Includes:
    """The headers of ours that a file reaches, each read once."""

    def __init__(self, roots):
        self.roots = roots
        self.direct = {}

    def of(self, path):
        reached, waiting = set(), [path]
        while waiting:
            at = waiting.pop()
            if at not in reached:
                reached.add(at)
                waiting.extend(self._direct(at))
        return reached

    def _direct(self, path):
        if path not in self.direct:
            names = INCLUDE.findall(path.read_text(encoding="utf-8"))
            places = ((root / name for root in self.roots) for name in names)
            hits = (next((p for p in tried if p.exists()), None) for tried in places)
            self.direct[path] = [hit for hit in hits if hit]
        return self.direct[path]


def units_of(folder):
    """What the lint preset compiles of a folder: the path of a unit's source, its command, and the
    files of the folder that it is made of."""
    with open(BUILD / "compile_commands.json", encoding="utf-8") as listing:
        rows = json.load(listing)
    here = Path.cwd()
    for row in rows:
        unit = Path(row["file"])
        joined = "Unity" in unit.parts
        parts = map(Path, INCLUDE.findall(unit.read_text())) if joined else [unit]
        members = [path.relative_to(here) for path in parts if path.is_relative_to(here / folder)]
        if members:
            yield unit, row["command"], members


def stamp_of(unit, command, tool, includes):
    digest = hashlib.sha256(f"{tool}\n{command}\n".encode())
    digest.update(Path(".clang-tidy").read_bytes())
    for path in sorted(includes.of(unit)):
        digest.update(str(path).encode() + b"\0" + path.read_bytes())
    return CLEAN / digest.hexdigest()


def check_tidy(files, jobs):
    """Runs clang-tidy over the units of these files that have no stamp; gives how many units have
    findings."""
    tool = subprocess.run([TIDY, "--version"], check=True, capture_output=True, text=True).stdout
    includes = Includes([Path("src"), BUILD / "proto"])
    CLEAN.mkdir(parents=True, exist_ok=True)
    if sum(1 for _ in CLEAN.iterdir()) > STAMPS_MAX:
        for stamp in CLEAN.iterdir():
            stamp.unlink()
    asked = set(files)
    units = [unit for unit in units_of("src") if asked.intersection(unit[2])]
    stamps = {unit: stamp_of(unit, command, tool, includes) for unit, command, _ in units}
    due = [(unit, members) for unit, _, members in units if not stamps[unit].exists()]
    sources = sum(len(members) for _, _, members in units)
    print(
        f"clang-tidy: {sources} sources in {len(units)} units, {len(units) - len(due)} units known"
        " to be clean",
        flush=True,
    )

    def run(work):
        unit, members = work
        command = [TIDY, "--quiet", "-p", str(BUILD), str(unit)]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode == 0:
            stamps[unit].touch()
        return members, done.returncode, done.stdout

    faulty = 0
    with ThreadPoolExecutor(jobs) as pool:
        for number, (members, code, text) in enumerate(pool.map(run, due), 1):
            names = f"{members[0].parent}: {' '.join(path.stem for path in members)}"
            print(f"[{number}/{len(due)}] {names}{'' if code == 0 else ': findings'}", flush=True)
            if code != 0:
                faulty += 1
                print(text, flush=True)
    return faulty


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--fix", action="store_true", help="rewrite the format")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("files", nargs="*", type=Path)
    options = parser.parse_args()
    formatted = options.files or sources(FORMATTED)
    unformatted = check_format(formatted, options.fix, options.jobs)
    tidied = [path for path in options.files if path.parts[0] == "src"]
    faulty = check_tidy(tidied if options.files else sources(["src"]), options.jobs)
    verdict = "format " + ("differs (scripts/lint --fix mends it)" if unformatted else "holds")
    print(f"lint: {len(formatted)} files, {verdict}; {faulty} units with findings")
    return 1 if unformatted or faulty else 0


if __name__ == "__main__":
    sys.exit(main())
