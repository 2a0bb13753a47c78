"""clio run on made-up conversations with scripted answers and ready vectors, a row of the file for each.

    python whole_run.py VECTORS.npy --clio ../../build/release/clio --data FOLDER

Prints one JSON line {"seconds", "cpu_seconds", "rss_mb", "conversations"}; the conversations stay in FOLDER.
"""
import argparse
import json
import os
import subprocess
import sys
import tempfile
import time

import numpy as np

GENERATE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "tests", "tools", "generate.awk")


def conversations(folder, n):
    path = os.path.join(folder, f"conversations{n}.jsonl")
    if not os.path.exists(path):
        with open(path + ".part", "wb") as out:
            subprocess.run(["awk", "-v", f"n={n}", "-f", GENERATE], stdout=out, check=True)
        os.replace(path + ".part", path)
    return path


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("vectors")
    ap.add_argument("--clio", default="clio")
    ap.add_argument("--data", default=".")
    ap.add_argument("--threads", type=int, default=2)
    a = ap.parse_args()
    n = len(np.load(a.vectors, mmap_mode="r"))
    texts = conversations(a.data, n)
    with tempfile.TemporaryDirectory(dir=a.data) as scratch:
        config, run = os.path.join(scratch, "config.json"), os.path.join(scratch, "run")
        with open(config, "w", encoding="utf-8") as f:
            json.dump({"models": {"fast": "script:", "strong": "script:", "embed": "file:" + os.path.abspath(a.vectors)}}, f)
        start = time.perf_counter()
        child = subprocess.Popen([a.clio, "run", texts, "--run", run, "--config", config, "--public",
                                  "--account-per-conversation", "--progress", "none"], stdout=sys.stderr)
        _, status, use = os.wait4(child.pid, 0)
        seconds = time.perf_counter() - start
        if status:
            sys.exit(f"whole_run: clio ended with {os.waitstatus_to_exitcode(status)}")
    print(json.dumps({"seconds": round(seconds, 2), "cpu_seconds": round(use.ru_utime + use.ru_stime, 2),
                      "rss_mb": use.ru_maxrss // 1024, "conversations": n}))


if __name__ == "__main__":
    main()
