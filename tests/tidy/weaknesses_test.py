#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""docs/weaknesses.md has a row for each weakness, and every test that it names exists.

usage: weaknesses_test.py [ROOT]"""

import re
import sys
import unittest
from pathlib import Path

ROWS = [f"W-{number:02}" for number in range(1, 59)]
ROW = re.compile(r"^\| (W-\d\d) \| ([^|]+) \| ([^|]+) \| ([^|]+) \| ([^|]+) \|$", re.MULTILINE)
NAMED = re.compile(r"`([^`]+)`")
CPP_TEST = re.compile(r"^\s*(?:TYPED_)?TEST(?:_F|_P)?\(\s*(\w+)\s*,\s*(\w+)\s*\)", re.MULTILINE)
PYTHON_TEST = re.compile(r"^\s*(?:async )?def (test_\w+)\(", re.MULTILINE)
# State → whether its row names tests: always, maybe, never.
STATES = {"answered": True, "partly": True, "cannot apply": None, "open": False}


def tests_of(root):
    names = set()
    for path in (root / "tests").rglob("*.cc"):
        text = path.read_text(encoding="utf-8")
        names |= {f"{suite}.{name}" for suite, name in CPP_TEST.findall(text)}
    for path in (root / "tests").rglob("test_*.py"):
        names |= set(PYTHON_TEST.findall(path.read_text(encoding="utf-8")))
    return names


def faults_of(page, tests):
    rows = ROW.findall(page)
    numbers = [row[0] for row in rows]
    if numbers != ROWS:
        odd = sorted(set(numbers).symmetric_difference(ROWS)) or "their order"
        yield f"the rows are not {ROWS[0]} to {ROWS[-1]}, once each: {odd}"
    for number, _, state, answer, shown in rows:
        named = NAMED.findall(shown)
        if state not in STATES:
            yield f"{number}: '{state}' is no state"
        elif STATES[state] is not None and STATES[state] != bool(named):
            yield f"{number}: {state} with {len(named)} tests"
        if not answer.strip():
            yield f"{number}: no word of what is done"
        for name in named:
            if name not in tests:
                yield f"{number}: there is no test {name}"


class Weaknesses(unittest.TestCase):
    ROOT = Path(__file__).resolve().parents[2]

    def page(self):
        return (self.ROOT / "docs" / "weaknesses.md").read_text(encoding="utf-8")

    def test_the_page_is_whole_and_names_tests_that_exist(self):
        self.assertEqual(list(faults_of(self.page(), tests_of(self.ROOT))), [])

    def test_each_fault_of_a_page_is_found(self):
        tests = tests_of(self.ROOT)
        page = self.page()
        missing = "\n".join(line for line in page.split("\n") if not line.startswith("| W-07"))
        unknown = page.replace("`test_01_status_is_true`", "`test_01_status_is_what`")
        stateless = page.replace("| W-49 | health is unknown in memory | answered |",
                                 "| W-49 | health is unknown in memory | done |")
        unproved = page.replace("`test_01_status_is_true`", "–")
        for bad in (missing, unknown, stateless, unproved):
            self.assertNotEqual(bad, page)
            self.assertEqual(len(list(faults_of(bad, tests))), 1)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        Weaknesses.ROOT = Path(sys.argv.pop(1)).resolve()
    unittest.main()
