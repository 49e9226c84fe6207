#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""At every labelled point of the sources where a test build can be killed, some test kills it.

usage: crash_points_test.py [ROOT]"""

import re
import sys
import unittest
from pathlib import Path

POINT = re.compile(r'\bWEIR_CRASH_POINT\("([^"]+)"\)')
# As an argument of its own, or with the count of its passing behind a colon.
NAMED = re.compile(r"""["']([a-z_]+(?:\.[a-z_]+)*)(?::[^"']*)?["']""")
# Label to the reason why no test dies there. The list can only shrink.
EXCEPTIONS = {}


def labels_of(root):
    found = set()
    for path in (root / "src").rglob("*.cc"):
        found |= set(POINT.findall(path.read_text(encoding="utf-8")))
    return found


def named_in(root):
    found = set()
    for suite in ("e2e", "integration"):
        for path in (root / "tests" / suite).rglob("*"):
            if path.suffix in (".cc", ".py"):
                found |= set(NAMED.findall(path.read_text(encoding="utf-8")))
    return found


def faults_of(labels, named, exceptions):
    for label in sorted(labels - named - set(exceptions)):
        yield f"{label}: no test is killed there"
    for label in sorted(set(exceptions) - (labels - named)):
        yield f"{label}: is no exception any more"


class CrashPoints(unittest.TestCase):
    ROOT = Path(__file__).resolve().parents[2]

    def test_at_every_point_some_test_dies(self):
        labels = labels_of(self.ROOT)
        self.assertTrue(labels)
        self.assertEqual(list(faults_of(labels, named_in(self.ROOT), EXCEPTIONS)), [])

    def test_a_point_without_a_test_is_found(self):
        labels = labels_of(self.ROOT) | {"gc.newest"}
        found = list(faults_of(labels, named_in(self.ROOT), EXCEPTIONS))
        self.assertEqual(found, ["gc.newest: no test is killed there"])

    def test_an_exception_that_is_none_any_more_is_found(self):
        found = list(faults_of({"gc.one"}, {"gc.one"}, {"gc.one": "cannot"}))
        self.assertEqual(found, ["gc.one: is no exception any more"])

    def test_a_label_is_named_with_and_without_the_count_of_its_passing(self):
        text = '("gc.one", 1) f"gc.two:{n}" \'gc.three:1\' "gc.four_five" "no gc.six"'
        self.assertEqual(set(NAMED.findall(text)), {"gc.one", "gc.two", "gc.three", "gc.four_five"})


if __name__ == "__main__":
    if len(sys.argv) > 1:
        CrashPoints.ROOT = Path(sys.argv.pop(1)).resolve()
    unittest.main(verbosity=2)
