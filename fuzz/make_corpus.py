#!/usr/bin/env python3
"""Writes the seeds that are binary files: corpus/langid, corpus/safetensors, corpus/vectors. All content is invented."""
import json
import pathlib
import struct

CORPUS = pathlib.Path(__file__).parent / "corpus"
DIM, LABELS, BUCKETS = 2, 3, 4


def write(name, data):
    path = CORPUS / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def quantiser(dim, step):
    parts = -(-dim // step)
    last = dim - (parts - 1) * step
    centroids = [((i * 37) % 101) / 101 - 0.5 for i in range(dim * 256)]
    return struct.pack("<4i", dim, parts, step, last) + struct.pack(f"<{dim * 256}f", *centroids)


def langid(pruned, norms):
    """A fastText classifier, quantised: two words, three languages."""
    words = [b"</s>", b"ab"]
    out = struct.pack("<2i", 793712314, 12)
    out += struct.pack("<12id", DIM, 5, 1, 1, 5, 1, 1, 3, BUCKETS, 2, 3, 100, 1e-4)
    kept = [(1, 0), (3, 1)]
    out += struct.pack("<3i2q", len(words) + LABELS, len(words), LABELS, 100, len(kept) if pruned else -1)
    for word in words:
        out += word + b"\0" + struct.pack("<qb", 10, 0)
    for code, count in ((b"en", 50), (b"de", 30), (b"zh", 20)):
        out += b"__label__" + code + b"\0" + struct.pack("<qb", count, 1)
    for bucket, row in kept if pruned else []:
        out += struct.pack("<2i", bucket, row)
    rows = len(words) + (len(kept) if pruned else BUCKETS)
    out += struct.pack("<2b2qi", 1, norms, rows, DIM, rows * DIM)
    out += bytes((i * 59) % 256 for i in range(rows * DIM)) + quantiser(DIM, 1)
    if norms:
        out += bytes(range(rows)) + quantiser(1, 1)
    out += struct.pack("<b2q", 0, LABELS, DIM)
    return out + struct.pack(f"<{LABELS * DIM}f", *[0.5 - 0.2 * i for i in range(LABELS * DIM)])


def safetensors(tensors, data):
    header = json.dumps(tensors, separators=(",", ":")).encode()
    return struct.pack("<Q", len(header)) + header + data


def vectors(recs, rows, mend=1):
    """The first byte asks the target to put the checksum right."""
    d = len(rows[0]) if rows else 0
    out = b"CLIOVEC1" + struct.pack("<2I2Q", 1, 0, len(recs), d) + bytes(32)
    out += struct.pack(f"<{len(recs)}q", *recs)
    out += bytes(-len(out) % 64)
    for row in rows:
        out += struct.pack(f"<{d}f", *row)
    return bytes([mend]) + out


def main():
    write("langid/pruned.ftz", langid(True, True))
    write("langid/whole.ftz", langid(False, False))
    write("safetensors/matrix", safetensors(
        {"w": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}, "__metadata__": {"format": "pt"}}, bytes(24)))
    write("safetensors/rows", safetensors(
        {"b": {"dtype": "I64", "shape": [], "data_offsets": [0, 8]},
         "w": {"dtype": "F32", "shape": [2], "data_offsets": [8, 16]}}, bytes(16)))
    write("safetensors/outside", safetensors({"w": {"dtype": "F32", "shape": [4], "data_offsets": [8, 24]}}, bytes(16)))
    write("vectors/three", vectors([2, 5, 9], [[1, 0], [0, 1], [0.6, 0.8]]))
    write("vectors/empty", vectors([], []))
    write("vectors/order", vectors([5, 2], [[1], [1]]))
    write("vectors/sum", vectors([1], [[1]], mend=0))


main()
