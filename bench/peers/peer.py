"""What the scripts of peers share.

Every script takes a method and --npy FILE (float32 [n][d]), gets ready (loads, warms up what compiles), runs once and
prints one JSON line {"method", "seconds", "cpu_seconds", "quality", "rss_mb", ...}. With --wait it runs once for every
line on standard input, so that bench/compare can take turns between programs without paying for their start.

    python peer.py        a probe: what numpy's matrix product of 2048 x 2048 reaches, as {"gflops"}
"""
import argparse
import json
import resource
import sys
import time

import numpy as np


def arguments(methods, doc):
    ap = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("method", choices=methods)
    ap.add_argument("--npy", required=True, help="float32 [n][d]")
    ap.add_argument("--threads", type=int, default=2)
    ap.add_argument("--seed", type=int, default=1)
    ap.add_argument("--wait", action="store_true", help="run once for each line on standard input")
    return ap


def unit_rows(path):
    x = np.ascontiguousarray(np.load(path), dtype=np.float32)
    x /= np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-30)
    return x


def rss_mb():
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def serve(args, run):
    """run() -> fields of the line, `quality` among them; only what it times itself counts."""
    turns = sys.stdin if args.wait else [""]
    if args.wait:
        print(json.dumps({"ready": True}), flush=True)
    for _ in turns:
        print(json.dumps({"method": args.method, "threads": args.threads, **run(), "rss_mb": rss_mb()}), flush=True)


class Clock:
    """with Clock() as c: ...; c.fields() are its wall and processor seconds."""

    def __enter__(self):
        self.wall, self.cpu = time.perf_counter(), time.process_time()
        return self

    def __exit__(self, *exc):
        self.wall, self.cpu = time.perf_counter() - self.wall, time.process_time() - self.cpu

    def fields(self):
        return {"seconds": round(self.wall, 4), "cpu_seconds": round(self.cpu, 4)}


def probe(n=2048):
    a = np.random.default_rng(1).standard_normal((n, n), dtype=np.float32)
    best = 0.0
    for _ in range(5):
        start = time.perf_counter()
        a @ a
        best = max(best, 2 * n**3 / (time.perf_counter() - start) / 1e9)
    return best


if __name__ == "__main__":
    print(json.dumps({"gflops": round(probe())}))
