"""An ONNX file of a sentence encoder (BERT or MPNet), made from its safetensors without torch.

onnxruntime's fused operators for processors are written down directly: Attention (query, key and value in one product, MPNet's
position bias as attention_bias), SkipLayerNormalization, BiasGelu. Input: input_ids, attention_mask; output: one vector a token.
"""
import json
import math
import os
import struct

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

FUSED = "com.microsoft"
NAMES = {
    "bert": {"q": "attention.self.query", "k": "attention.self.key", "v": "attention.self.value",
             "o": "attention.output.dense", "norm": "attention.output.LayerNorm"},
    "mpnet": {"q": "attention.attn.q", "k": "attention.attn.k", "v": "attention.attn.v",
              "o": "attention.attn.o", "norm": "attention.LayerNorm"},
}


def read_weights(path):
    with open(path, "rb") as f:
        length, = struct.unpack("<Q", f.read(8))
        header = json.loads(f.read(length))
    data = np.memmap(path, np.uint8, "r", offset=8 + length)
    return {name: data[slice(*t["data_offsets"])].view(np.float32).reshape(t["shape"])
            for name, t in header.items() if name != "__metadata__" and t["dtype"] == "F32"}


def buckets(length, count, far=128):
    """The relative-position bucket of every query (row) and key (column), as MPNet has them."""
    n = np.subtract.outer(np.arange(length), np.arange(length))
    half, near = count // 2, count // 4
    away = np.maximum(np.abs(n), 1).astype(np.float32)
    steps = (np.log(away / near) / math.log(far / near) * (half - near)).astype(np.int64)
    return np.where(n < 0, half, 0) + np.where(np.abs(n) < near, np.abs(n), np.minimum(near + steps, half - 1))


class Graph:
    def __init__(self):
        self.nodes, self.constants = [], []

    def constant(self, values):
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def whole(self, *numbers):
        return self.constant(np.array(numbers, np.int64))

    def add(self, kind, inputs, domain="", **attributes):
        out = f"t{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [out], domain=domain, **attributes))
        return out


def make_onnx(folder, out):
    with open(os.path.join(folder, "config.json"), encoding="utf-8") as f:
        config = json.load(f)
    w = read_weights(os.path.join(folder, "model.safetensors"))
    kind, heads, eps = config["model_type"], config["num_attention_heads"], config["layer_norm_eps"]
    first = 0 if kind == "bert" else config["pad_token_id"] + 1
    longest = config["max_position_embeddings"] - first
    g = Graph()

    def normed(x, skip, name):
        return g.add("SkipLayerNormalization",
                     [x, skip, g.constant(w[name + ".weight"]), g.constant(w[name + ".bias"])], FUSED, epsilon=eps)

    def product(x, name):
        return g.add("MatMul", [x, g.constant(w[name + ".weight"].T)])

    length = g.add("Slice", [g.add("Shape", ["input_ids"]), g.whole(1), g.whole(2), g.whole(0)])
    positions = w["embeddings.position_embeddings.weight"][first:first + longest]
    if kind == "bert":
        positions = positions + w["embeddings.token_type_embeddings.weight"][0]
    x = g.add("Add", [g.add("Gather", [g.constant(w["embeddings.word_embeddings.weight"]), "input_ids"]),
                      g.add("Slice", [g.constant(positions), g.whole(0), length, g.whole(0)])])
    x = g.add("LayerNormalization", [x, g.constant(w["embeddings.LayerNorm.weight"]),
                                     g.constant(w["embeddings.LayerNorm.bias"])], axis=-1, epsilon=eps)
    mask, bias = g.add("Cast", ["attention_mask"], to=TensorProto.INT32), []
    if kind == "mpnet":
        table = w["encoder.relative_attention_bias.weight"]
        near = table[buckets(longest, len(table))].transpose(2, 0, 1)[None]
        square = g.add("Concat", [length, length], axis=0)
        bias = ["", g.add("Slice", [g.constant(near), g.whole(0, 0), square, g.whole(2, 3)])]
    for i in range(config["num_hidden_layers"]):
        at = {k: f"encoder.layer.{i}.{v}" for k, v in NAMES[kind].items()}
        inner, outer = f"encoder.layer.{i}.intermediate.dense", f"encoder.layer.{i}.output"
        qkv = g.constant(np.concatenate([w[at[c] + ".weight"].T for c in "qkv"], 1))
        qkv_bias = g.constant(np.concatenate([w[at[c] + ".bias"] for c in "qkv"]))
        a = g.add("Attention", [x, qkv, qkv_bias, mask] + bias, FUSED, num_heads=heads)
        x = normed(g.add("Add", [product(a, at["o"]), g.constant(w[at["o"] + ".bias"])]), x, at["norm"])
        up = g.add("BiasGelu", [product(x, inner), g.constant(w[inner + ".bias"])], FUSED)
        down = g.add("Add", [product(up, outer + ".dense"), g.constant(w[outer + ".dense.bias"])])
        x = normed(down, x, outer + ".LayerNorm")
    g.nodes.append(helper.make_node("Identity", [x], ["tokens"]))

    def port(name, dtype, *shape):
        return helper.make_tensor_value_info(name, dtype, shape)

    graph = helper.make_graph(
        g.nodes, kind, [port(n, TensorProto.INT64, "texts", "length") for n in ("input_ids", "attention_mask")],
        [port("tokens", TensorProto.FLOAT, "texts", "length", config["hidden_size"])], g.constants)
    onnx.save(helper.make_model(graph, ir_version=9, opset_imports=[helper.make_opsetid("", 17),
                                                                    helper.make_opsetid(FUSED, 1)]), out)
