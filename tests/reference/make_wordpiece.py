"""Makes wordpiece_minilm.json and wordpiece_mpnet.json with Hugging Face's tokenizers (0.23.3 was used).

    python make_wordpiece.py MODELS      MODELS holds all-MiniLM-L6-v2/tokenizer.json and all-mpnet-base-v2/tokenizer.json
"""
import json
import os
import sys

from tokenizers import Tokenizer

from texts import HOSTILE, SENTENCES, mixed


def main():
    texts = HOSTILE + SENTENCES + [s.upper() for s in SENTENCES] + mixed(150, 7)
    for name, folder in (("minilm", "all-MiniLM-L6-v2"), ("mpnet", "all-mpnet-base-v2")):
        tokenizer = Tokenizer.from_file(os.path.join(sys.argv[1], folder, "tokenizer.json"))
        tokenizer.no_padding()
        tokenizer.enable_truncation(64)
        rows = [[text, tokenizer.encode(text).ids] for text in texts]
        with open(os.path.join(os.path.dirname(__file__), f"wordpiece_{name}.json"), "w", encoding="ascii") as f:
            f.write("[\n" + ",\n".join(json.dumps(row, separators=(",", ":")) for row in rows) + "\n]\n")


if __name__ == "__main__":
    main()
