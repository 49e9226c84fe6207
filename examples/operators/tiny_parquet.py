# SPDX-License-Identifier: Apache-2.0
"""The smallest parquet file that is one: columns of integers without nulls. Standard library only."""
import struct


def number(n, zigzag=True):  # Thrift's compact protocol, as much of it as such a file needs
    n, out = n << 1 if zigzag else n, b""
    while n > 127:
        n, out = n >> 7, out + bytes([n & 127 | 128])
    return out + bytes([n])


def record(**fields):  # i3=5: field 3 is the 32-bit integer 5; l: 64 bits, s: text, a: list, r: record
    out, last = b"", 0
    for name, value in fields.items():
        kind, at = {"i": 5, "l": 6, "s": 8, "a": 9, "r": 12}[name[0]], int(name[1:])
        raw = number(value) if kind < 8 else value
        out += bytes([at - last << 4 | kind]) + (number(len(raw), False) if kind == 8 else b"") + raw
        last = at
    return out + b"\0"


def parquet(columns):
    """The file's bytes, of at most 13 columns name -> list of integers, all of one length."""
    out, chunks, leaves, rows = b"PAR1", b"", b"", 0
    for name, values in columns.items():
        data, at, rows, label = struct.pack(f"<{len(values)}q", *values), len(out), len(values), name.encode()
        header = record(i1=0, i2=len(data), i3=len(data), r5=record(i1=rows, i2=0, i3=3, i4=3))
        out, size = out + header + data, len(header + data)
        path = b"\x18" + number(len(label), False) + label
        chunks += record(l2=at, r3=record(i1=2, a2=b"\x15\0", a3=path, i4=0, l5=rows, l6=size, l7=size, l9=at))
        leaves += record(i1=2, i3=0, s4=label)
    width = len(columns) << 4 | 12
    group = record(a1=bytes([width]) + chunks, l2=len(out), l3=rows)
    schema = bytes([width + 16]) + record(s4=b"schema", i5=len(columns)) + leaves
    foot = record(i1=1, a2=schema, l3=rows, a4=b"\x1c" + group)
    return out + foot + struct.pack("<I", len(foot)) + b"PAR1"
