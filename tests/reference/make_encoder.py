"""Makes encoder_minilm.json, encoder_mpnet.json and encoder_tiny.json: sentence vectors, in numpy with float64, one text at
a time, without padding. Components are written as integers, times a million.

    python make_encoder.py MODELS      MODELS holds all-MiniLM-L6-v2 and all-mpnet-base-v2

The tiny model has MPNet's shape and weights from a formula that tests/unit/test_encoder.c repeats.
"""
import json
import math
import os
import struct
import sys

import numpy as np
from scipy.special import erf

from texts import SENTENCES


def load(path):
    """Tensors of a safetensors file by name, float64."""
    with open(path, "rb") as f:
        length, = struct.unpack("<Q", f.read(8))
        header = json.loads(f.read(length))
        data = f.read()
    out = {}
    for name, t in header.items():
        if t.get("dtype") == "F32":
            start, end = t["data_offsets"]
            out[name] = np.frombuffer(data[start:end], "<f4").reshape(t["shape"]).astype(np.float64)
    return out


def bucket(n):
    """n is the query's position minus the key's."""
    base, n = (16, -n) if n < 0 else (0, n)
    if n < 8:
        return base + n
    return base + min(15, 8 + int(math.log(n / 8) / math.log(16) * 8))


def layer_norm(x, w, name, eps):
    x = x - x.mean(axis=1, keepdims=True)
    x = x / np.sqrt((x ** 2).mean(axis=1, keepdims=True) + eps)
    return x * w[name + ".weight"] + w[name + ".bias"]


def linear(x, w, name):
    return x @ w[name + ".weight"].T + w[name + ".bias"]


def encode(w, config, ids):
    mpnet = config["model_type"] == "mpnet"
    names = (("attention.attn.q", "attention.attn.k", "attention.attn.v", "attention.attn.o", "attention.LayerNorm")
             if mpnet else ("attention.self.query", "attention.self.key", "attention.self.value",
                            "attention.output.dense", "attention.output.LayerNorm"))
    eps, heads, t = config["layer_norm_eps"], config["num_attention_heads"], len(ids)
    first = 2 if mpnet else 0
    x = w["embeddings.word_embeddings.weight"][ids] + w["embeddings.position_embeddings.weight"][first:first + t]
    near = np.zeros((heads, t, t))
    if mpnet:
        table = w["encoder.relative_attention_bias.weight"]
        for i in range(t):
            for j in range(t):
                near[:, i, j] = table[bucket(i - j)]
    else:
        x = x + w["embeddings.token_type_embeddings.weight"][0]
    x = layer_norm(x, w, "embeddings.LayerNorm", eps)
    width = x.shape[1] // heads
    for i in range(config["num_hidden_layers"]):
        p = f"encoder.layer.{i}."
        q, k, v = (linear(x, w, p + n) for n in names[:3])
        context = np.empty_like(x)
        for h in range(heads):
            part = slice(h * width, (h + 1) * width)
            s = q[:, part] @ k[:, part].T / math.sqrt(width) + near[h]
            s = np.exp(s - s.max(axis=1, keepdims=True))
            context[:, part] = s / s.sum(axis=1, keepdims=True) @ v[:, part]
        x = layer_norm(x + linear(context, w, p + names[3]), w, p + names[4], eps)
        y = linear(x, w, p + "intermediate.dense")
        y = y * 0.5 * (1 + erf(y / math.sqrt(2)))
        x = layer_norm(x + linear(y, w, p + "output.dense"), w, p + "output.LayerNorm", eps)
    mean = x.mean(axis=0)
    return mean / np.linalg.norm(mean)


def scaled(v):
    return [round(x * 1e6) for x in v]


def write(name, value):
    with open(os.path.join(os.path.dirname(__file__), name), "w", encoding="ascii") as f:
        f.write(json.dumps(value, separators=(",", ":")).replace("],[\"", "],\n[\"") + "\n")


def real(models, name, folder, extra):
    from tokenizers import Tokenizer
    folder = os.path.join(models, folder)
    with open(os.path.join(folder, "config.json"), encoding="utf-8") as f:
        config = json.load(f)
    w = load(os.path.join(folder, "model.safetensors"))
    tokenizer = Tokenizer.from_file(os.path.join(folder, "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(512)
    english = " ".join(SENTENCES[i] for i in (0, 1, 38, 37, 39, 7, 3))
    texts = ["", "hello", SENTENCES[0], SENTENCES[16], SENTENCES[29]]
    texts += [" ".join((english.split() * 9)[i:i + n]) for i, n in ((3, 55), (11, 130))] + [" ".join([english] * 5)]
    rows = []
    for text in texts[:len(texts) - extra]:
        ids = tokenizer.encode(text).ids
        rows.append([text, len(ids), scaled(encode(w, config, ids))])
        print(name, len(ids))
    write(f"encoder_{name}.json", rows)


def mix(k):
    """SplitMix64's finaliser."""
    m = (1 << 64) - 1
    k = (k + 0x9e3779b97f4a7c15) & m
    k = ((k ^ (k >> 30)) * 0xbf58476d1ce4e5b9) & m
    k = ((k ^ (k >> 27)) * 0x94d049bb133111eb) & m
    return k ^ (k >> 31)


TINY = {"model_type": "mpnet", "hidden_act": "gelu", "hidden_size": 64, "num_attention_heads": 2, "intermediate_size": 96,
        "num_hidden_layers": 2, "vocab_size": 30, "max_position_embeddings": 152, "pad_token_id": 1,
        "relative_attention_num_buckets": 32, "layer_norm_eps": 1e-5}


def tiny_shapes():
    d, f = TINY["hidden_size"], TINY["intermediate_size"]
    yield "embeddings.word_embeddings.weight", (TINY["vocab_size"], d)
    yield "embeddings.position_embeddings.weight", (TINY["max_position_embeddings"], d)
    yield "embeddings.LayerNorm.weight", (d,)
    yield "embeddings.LayerNorm.bias", (d,)
    yield "encoder.relative_attention_bias.weight", (32, TINY["num_attention_heads"])
    for i in range(TINY["num_hidden_layers"]):
        for name, rows, columns in (("attention.attn.q", d, d), ("attention.attn.k", d, d), ("attention.attn.v", d, d),
                                    ("attention.attn.o", d, d), ("attention.LayerNorm", d, 0),
                                    ("intermediate.dense", f, d), ("output.dense", d, f), ("output.LayerNorm", d, 0)):
            yield f"encoder.layer.{i}.{name}.weight", (rows, columns) if columns else (rows,)
            yield f"encoder.layer.{i}.{name}.bias", (rows,)


def tiny():
    """Element e of tensor number t is a quarter of a number in -1..1, in steps of 2^-15; norms' weights have 1 added."""
    w = {}
    for number, (name, shape) in enumerate(tiny_shapes()):
        size = math.prod(shape)
        values = np.array([(mix((number << 32) + e) >> 48) / 32768 - 1 for e in range(size)]) / 4
        w[name] = values.reshape(shape) + (1 if name.endswith("LayerNorm.weight") else 0)
    rows = []
    for length in (2, 3, 12, 33, 140, 150):
        ids = [0] + [3 + (7 * i + i // 9) % 26 for i in range(length - 2)] + [2]
        rows.append([ids, scaled(encode(w, TINY, np.array(ids)))])
    with open(os.path.join(os.path.dirname(__file__), "encoder_tiny.json"), "w", encoding="ascii") as f:
        f.write(json.dumps(rows, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    tiny()
    real(sys.argv[1], "minilm", "all-MiniLM-L6-v2", 0)
    real(sys.argv[1], "mpnet", "all-mpnet-base-v2", 0)
