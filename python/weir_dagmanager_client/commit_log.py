# SPDX-License-Identifier: Apache-2.0
"""The commit log, each row once.

A message's key is `<partition_key>:<input_window_hash>`, where the partition key is
`<node_id>:<interval>:<bucket>`, with `#ck=<compute key>` behind it where there is one; its value is
the JSON array [node_id, bucket_ts, input_window_hash, payload]. Repeats have equal node, time,
window, and compute key."""

import collections
import json

REMEMBERED_MAX = 1_000_000


class CommitLogReader:
    """Remembers the last `remembered_max` rows that it handed out."""

    def __init__(self, remembered_max=REMEMBERED_MAX):
        self._seen = collections.OrderedDict()
        self._remembered_max = remembered_max

    def read(self, key, value):
        """(node_id, bucket_ts, input_window_hash, payload) of a message, or None for a repeat.
        Raises ValueError for what is no row of a commit log, and for a key of another row."""
        row = json.loads(value)
        if not isinstance(row, list) or len(row) != 4:
            raise ValueError("a commit-log value is an array of four")
        node, time, window, _ = row
        text = key.decode() if isinstance(key, bytes) else key
        partition, _, compute_key = text.partition("#ck=")
        if not partition.startswith(f"{node}:") or not text.endswith(f":{window}"):
            raise ValueError(f"key {text!r} is of another row")
        if compute_key:
            compute_key = compute_key[: -len(f":{window}")]
        seen = (node, time, window, compute_key)
        if seen in self._seen:
            self._seen.move_to_end(seen)
            return None
        self._seen[seen] = None
        if len(self._seen) > self._remembered_max:
            self._seen.popitem(last=False)
        return tuple(row)
