"""clio-bench tokenise against the `tokenizers` package: the same ids for every turn of a ShareGPT file and for made-up texts?

The made-up ones are joined from pieces that are hard to read: marks, letters of many scripts, controls, added tokens, long words.
Prints one JSON line; exit status 1 when a text's ids differ (its number is named, never the text).

    python tokenise_peer.py ~/.cache/clio/data/sharegpt.json --model minilm --bench ../../build/release/clio-bench --fuzz 100000
"""
import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time

import numpy as np
from tokenizers import Tokenizer

from make_texts import chats

FOLDERS = {"minilm": "all-MiniLM-L6-v2", "mpnet": "all-mpnet-base-v2"}
RANGES = [(0, 0x7f), (0x20, 0x7e), (0x80, 0x24f), (0x300, 0x36f), (0x370, 0x52f), (0x590, 0x6ff), (0x900, 0x97f),
          (0xe00, 0xe7f), (0x1100, 0x11ff), (0x1e00, 0x1fff), (0x2000, 0x206f), (0x2100, 0x2bff), (0x3000, 0x30ff),
          (0x4e00, 0x4fff), (0xac00, 0xad00), (0xf900, 0xfaff), (0xfe00, 0xfeff), (0xff00, 0xffef), (0x1d400, 0x1d4ff),
          (0x1f300, 0x1f6ff), (0x20000, 0x20100), (0xe0000, 0xe007f)]
PIECES = ["[SEP]", "[CLS]", "[MASK]", "[UNK]", "[PAD]", "<s>", "</s>", "<mask>", "<pad>", "<unk>", "[sep]", "##ing", "don't", "naïve",
          "A\u030a", "İ", "ſ", "ß", "\u200b", "\u00ad", "\ufeff", "\r\n", "\t", "x" * 99, "y" * 100, "z" * 101, "supercalifragilistic"]


def made_up(rng):
    parts = []
    for _ in range(rng.randrange(1, 12)):
        if rng.random() < 0.3:
            parts.append(rng.choice(PIECES))
        else:
            low, high = rng.choice(RANGES)
            parts.append("".join(chr(rng.randint(low, high)) for _ in range(rng.randrange(1, 8))))
        if rng.random() < 0.5:
            parts.append(" ")
    return "".join(parts)


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("chats")
    ap.add_argument("--model", choices=FOLDERS, default="minilm")
    ap.add_argument("--bench", default="clio-bench")
    ap.add_argument("--models", default=os.path.expanduser("~/.cache/clio/models"))
    ap.add_argument("--threads", type=int, default=2)
    ap.add_argument("--fuzz", type=int, default=100000)
    ap.add_argument("--seed", type=int, default=1)
    a = ap.parse_args()
    texts = [t["value"] for c in chats(a.chats) for t in c["conversations"]]
    turns = len(texts)
    rng = random.Random(a.seed)
    texts += [made_up(rng) for _ in range(a.fuzz)]
    tokenizer = Tokenizer.from_file(os.path.join(a.models, FOLDERS[a.model], "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    with tempfile.TemporaryDirectory() as scratch:
        path, saved = os.path.join(scratch, "texts.jsonl"), os.path.join(scratch, "ids.npy")
        with open(path, "w", encoding="utf-8") as f:
            f.writelines(json.dumps(t) + "\n" for t in texts)
        ran = subprocess.run([a.bench, "tokenise", "--model", a.model, "--texts", path, "--threads", str(a.threads), "--save",
                              saved], check=True, capture_output=True, text=True)
        ours = np.load(saved).reshape(-1)
    at, seconds, different = 0, 0.0, []
    for start in range(0, len(texts), 2000):
        began = time.perf_counter()
        encoded = tokenizer.encode_batch_fast(texts[start:start + 2000])
        seconds += time.perf_counter() - began
        for i, e in enumerate(encoded):
            want = np.array(e.ids, np.int32)
            if not np.array_equal(ours[at:at + len(want)], want):
                different.append(start + i)
                break
            at += len(want)
        if different:
            break
    line = json.loads(ran.stdout)
    line.update(turns=turns, made_up=a.fuzz, equal=not different and at == len(ours), first_difference=different[:1],
                tokenizers_seconds=round(seconds, 2), tokenizers_mb_per_s=round(line["mb"] / seconds, 1))
    print(json.dumps(line))
    sys.exit(bool(different) or at != len(ours))


if __name__ == "__main__":
    main()
