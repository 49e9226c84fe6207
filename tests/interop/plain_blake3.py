# SPDX-License-Identifier: Apache-2.0
"""BLAKE3 in plain Python, after the algorithm's public specification.

The suites name their own nodes with it, so that a node id is computed by code that shares nothing
with the server under test. It is slow (about 1 MiB/s) and meant for ids only. The class has the
shape of the `blake3` package, so it can also stand in for that where it cannot be installed.
"""

import struct

_IV = (
    0x6A09E667,
    0xBB67AE85,
    0x3C6EF372,
    0xA54FF53A,
    0x510E527F,
    0x9B05688C,
    0x1F83D9AB,
    0x5BE0CD19,
)
_PERMUTATION = (2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8)
_CHUNK_START, _CHUNK_END, _PARENT, _ROOT = 1, 2, 4, 8
_BLOCK_BYTES, _CHUNK_BYTES = 64, 1024
_MASK = 0xFFFFFFFF


def _schedule():
    """The order of the message words in each of the seven rounds."""
    rounds, order = [], tuple(range(16))
    for _ in range(7):
        rounds.append(order)
        order = tuple(order[i] for i in _PERMUTATION)
    return rounds


# The columns, then the diagonals of the state, with the pair of message words each one takes.
_QUARTERS = (
    (0, 4, 8, 12),
    (1, 5, 9, 13),
    (2, 6, 10, 14),
    (3, 7, 11, 15),
    (0, 5, 10, 15),
    (1, 6, 11, 12),
    (2, 7, 8, 13),
    (3, 4, 9, 14),
)
_STEPS = [
    quarter + (order[2 * i], order[2 * i + 1])
    for order in _schedule()
    for i, quarter in enumerate(_QUARTERS)
]


def _compress(cv, block, counter, length, flags):
    """One block; gives the 16 words of output."""
    words = struct.unpack("<16I", block)
    v = list(cv) + list(_IV[:4]) + [counter & _MASK, counter >> 32, length, flags]
    for a, b, c, d, x, y in _STEPS:
        va, vb, vc = v[a] + v[b] + words[x] & _MASK, v[b], v[c]
        vd = v[d] ^ va
        vd = (vd >> 16 | vd << 16) & _MASK
        vc = vc + vd & _MASK
        vb ^= vc
        vb = (vb >> 12 | vb << 20) & _MASK
        va = va + vb + words[y] & _MASK
        vd ^= va
        vd = (vd >> 8 | vd << 24) & _MASK
        vc = vc + vd & _MASK
        vb ^= vc
        v[a], v[b], v[c], v[d] = va, (vb >> 7 | vb << 25) & _MASK, vc, vd
    return [v[i] ^ v[i + 8] for i in range(8)] + [v[i + 8] ^ cv[i] for i in range(8)]


class _Output:
    """A node of the tree, not yet compressed: as a chaining value, or as the root."""

    def __init__(self, cv, block, counter, length, flags):
        self._parts = (cv, block, counter, length, flags)

    def chaining_value(self):
        return _compress(*self._parts)[:8]

    def root_bytes(self, length):
        cv, block, _, block_length, flags = self._parts
        out = b""
        counter = 0
        while len(out) < length:
            words = _compress(cv, block, counter, block_length, flags | _ROOT)
            out += struct.pack("<16I", *words)
            counter += 1
        return out[:length]


def _chunk(data, counter):
    blocks = [data[i : i + _BLOCK_BYTES] for i in range(0, len(data), _BLOCK_BYTES)] or [b""]
    cv = list(_IV)
    for i, block in enumerate(blocks[:-1]):
        flags = _CHUNK_START if i == 0 else 0
        cv = _compress(cv, block, counter, _BLOCK_BYTES, flags)[:8]
    flags = _CHUNK_END | (_CHUNK_START if len(blocks) == 1 else 0)
    last = blocks[-1]
    return _Output(cv, last.ljust(_BLOCK_BYTES, b"\0"), counter, len(last), flags)


def _tree(data, counter):
    if len(data) <= _CHUNK_BYTES:
        return _chunk(data, counter)
    chunks = (len(data) + _CHUNK_BYTES - 1) // _CHUNK_BYTES
    left_chunks = 1 << (chunks - 1).bit_length() - 1  # the largest power of two below `chunks`
    cut = left_chunks * _CHUNK_BYTES
    left = _tree(data[:cut], counter).chaining_value()
    right = _tree(data[cut:], counter + left_chunks).chaining_value()
    return _Output(list(_IV), struct.pack("<16I", *left, *right), 0, _BLOCK_BYTES, _PARENT)


class blake3:  # noqa: N801, the name of the package's class
    """Collects bytes and hashes them all when asked."""

    def __init__(self, data=b""):
        self._data = bytearray(data)

    def update(self, data):
        self._data += data
        return self

    def digest(self, length=32):
        return _tree(bytes(self._data), 0).root_bytes(length)

    def hexdigest(self, length=32):
        return self.digest(length).hex()
