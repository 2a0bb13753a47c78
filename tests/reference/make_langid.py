"""Makes langid.json: the three best guesses of fastText itself (fasttext-predict 0.9.2.4 was used).

    python make_langid.py MODELS      MODELS holds lid.176.ftz
"""
import json
import os
import random
import sys

import fasttext

from texts import HOSTILE, SENTENCES, mixed


def main():
    model = fasttext.load_model(os.path.join(sys.argv[1], "lid.176.ftz"))
    r = random.Random(3)
    texts = SENTENCES + HOSTILE + mixed(50, 11)
    for s in SENTENCES * 5:
        words = s.split()
        start = r.randrange(len(words))
        texts.append(" ".join(words[start:start + r.randint(1, 6)]))
    rows = []
    for text in texts:
        text = text.replace("\n", " ")
        if not text.strip():
            continue
        labels, p = model.predict(text, k=3)
        rows.append([text, [[a[len("__label__"):], round(float(b), 6)] for a, b in zip(labels, p)]])
    with open(os.path.join(os.path.dirname(__file__), "langid.json"), "w", encoding="ascii") as f:
        f.write("[\n" + ",\n".join(json.dumps(row, separators=(",", ":")) for row in rows) + "\n]\n")


if __name__ == "__main__":
    main()
