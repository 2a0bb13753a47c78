"""clio-bench encode beside onnxruntime: fused fp32, and the same quantised by onnxruntime.quantization (dynamic int8).

The three take turns on the same texts with the same number of threads, round after round; the medians are printed, each with
the cosine of its vectors to those of the plain fp32 encoder. onnxruntime gets texts sorted by length in batches of 1, 8 and
32, and its best counts. Tokenising is in our time and not in the peers'. Needs requirements-encode.txt.

    python make_texts.py ~/.cache/clio/data/sharegpt.json texts --tokenizer MODEL/tokenizer.json
    python encode_peer.py texts25.jsonl texts100.jsonl texts250.jsonl --model minilm --bench ../../build/release/clio-bench
"""
import argparse
import json
import os
import resource
import statistics
import subprocess
import tempfile
import time

import numpy as np
import onnx
import onnxruntime as ort
from onnxruntime.quantization import QuantType, quantize_dynamic
from tokenizers import Tokenizer

from encode_model import make_onnx

FOLDERS = {"minilm": "all-MiniLM-L6-v2", "mpnet": "all-mpnet-base-v2"}


class Peer:
    def __init__(self, path, threads):
        options = ort.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
        self.session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])

    def encode(self, ids, batch):
        order = np.argsort([len(i) for i in ids], kind="stable")
        out = [None] * len(ids)
        for start in range(0, len(order), batch):
            rows = order[start:start + batch]
            width = max(len(ids[r]) for r in rows)
            x, mask = np.ones((len(rows), width), np.int64), np.zeros((len(rows), width), np.int64)
            for j, r in enumerate(rows):
                x[j, :len(ids[r])] = ids[r]
                mask[j, :len(ids[r])] = 1
            tokens, = self.session.run(None, {"input_ids": x, "attention_mask": mask})
            v = (tokens * mask[:, :, None].astype(np.float32)).sum(1)
            v /= np.linalg.norm(v, axis=1, keepdims=True)
            for j, r in enumerate(rows):
                out[r] = v[j]
        return np.array(out)


def clio(a, path, arithmetic, save):
    command = [a.bench, "encode", "--model", a.model, "--texts", path, "--threads", str(a.threads), "--limit",
               str(a.n), "--arithmetic", arithmetic, "--save", save]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def quality(v, oracle):
    c = (v * oracle).sum(1)
    return {"cosine_mean": round(float(c.mean()), 6), "cosine_worst": round(float(c.min()), 6)}


def compare(a, peers, tokenizer, path, scratch):
    texts = [json.loads(line) for line in open(path, encoding="utf-8")][:a.n]
    texts = [t["text"] if isinstance(t, dict) else t for t in texts]
    ids = [e.ids for e in tokenizer.encode_batch(texts)]
    tokens = sum(map(len, ids))
    saved = os.path.join(scratch, "v.npy")
    oracle_at = f"{path}.{a.model}.{len(texts)}.oracle.npy"  # kept: it takes long
    if not os.path.exists(oracle_at):
        clio(a, path, "floats", oracle_at)
    oracle = np.load(oracle_at)
    best, seconds, cosines, ours = {}, {}, {}, []
    for name, peer in peers.items():  # the best batch, on a part
        part, times = ids[:a.n // 4], {}
        for batch in (1, 8, 32):
            peer.encode(part[:2 * batch], batch)
            start = time.perf_counter()
            peer.encode(part, batch)
            times[batch] = time.perf_counter() - start
        best[name], seconds[name] = min(times, key=times.get), []
    for _ in range(a.rounds):
        for name, peer in peers.items():
            start = time.perf_counter()
            v = peer.encode(ids, best[name])
            seconds[name].append(time.perf_counter() - start)
            cosines[name] = quality(v, oracle)
        ours.append(clio(a, path, "bytes", saved))
        cosines["clio"] = quality(np.load(saved), oracle)
    seconds["clio"] = [o["seconds"] for o in ours]
    typical = {name: statistics.median(s) for name, s in seconds.items()}
    for name in typical:
        line = {"texts": os.path.basename(path), "model": a.model, "program": name, "n": len(texts), "tokens": tokens,
                "seconds": round(typical[name], 3), "tokens_per_s": round(tokens / typical[name]), **cosines[name],
                "clio_is_faster": round(typical[name] / typical["clio"], 2), "threads": a.threads, "rounds": a.rounds,
                "all_seconds": [round(s, 3) for s in seconds[name]]}
        if name == "clio":
            middle = sorted(ours, key=lambda o: o["seconds"])[len(ours) // 2]
            line.update({k: middle[k] for k in ("flops_share", "peak_gops", "rss_mb", "kernels", "cpu")})
        else:
            line.update(batch=best[name], onnxruntime=ort.__version__,
                        rss_mb_all_peers=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
        print(json.dumps(line), flush=True)


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("texts", nargs="+")
    ap.add_argument("--model", choices=FOLDERS, default="minilm")
    ap.add_argument("--bench", default="clio-bench")
    ap.add_argument("--models", default=os.path.expanduser("~/.cache/clio/models"))
    ap.add_argument("--threads", type=int, default=2)
    ap.add_argument("--rounds", type=int, default=5)
    ap.add_argument("-n", type=int, default=2000)
    a = ap.parse_args()
    folder = os.path.join(a.models, FOLDERS[a.model])
    tokenizer = Tokenizer.from_file(os.path.join(folder, "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(512)
    with tempfile.TemporaryDirectory() as scratch:
        fp32, int8 = os.path.join(scratch, "fp32.onnx"), os.path.join(scratch, "int8.onnx")
        make_onnx(folder, fp32)
        quantize_dynamic(fp32, int8, weight_type=QuantType.QInt8, per_channel=True,
                         extra_options={"DefaultTensorType": onnx.TensorProto.FLOAT})
        peers = {"onnxruntime fp32": Peer(fp32, a.threads), "onnxruntime int8": Peer(int8, a.threads)}
        for path in a.texts:
            compare(a, peers, tokenizer, path, scratch)


if __name__ == "__main__":
    main()
