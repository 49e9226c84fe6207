# SPDX-License-Identifier: Apache-2.0
"""What loads a server from several sides while a test does something to it."""

import threading


class BackgroundLoad:
    """Does each of `works` in a thread of its own within a `with`. A work goes on until `_stop` is
    set; what it raises is in `faults`, and fails the test at the end of the `with`."""

    def __init__(self, *works):
        self.faults = []
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._guard, args=(work,)) for work in works]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        for thread in self._threads:
            thread.join()
        assert not self.faults, self.faults

    def _guard(self, work):
        try:
            work()
        except Exception as fault:  # noqa: BLE001 - told to the test
            self.faults.append(repr(fault))
