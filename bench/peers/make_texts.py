"""Texts of about so many tokens, cut at token boundaries from the distinct turns of a ShareGPT file, as JSON lines.

Writes PREFIX25.jsonl, PREFIX100.jsonl ... : the same texts for the same arguments. The file may be cut off, as the copy in
the cache is: what comes before the cut is used.
"""
import argparse
import json
import random


def chats(path):
    """The conversations of the array one after another, up to its end or to where it is cut off."""
    with open(path, encoding="utf-8", errors="replace") as f:
        text = f.read()
    decoder, at = json.JSONDecoder(), text.index("[") + 1
    while True:
        while at < len(text) and text[at] in " \r\n\t,":
            at += 1
        if at >= len(text) or text[at] == "]":
            return
        try:
            chat, at = decoder.raw_decode(text, at)
        except json.JSONDecodeError:
            return
        yield chat


def turns(path):
    seen = set()
    for chat in chats(path):
        for turn in chat["conversations"]:
            text = turn["value"].strip()
            if turn["from"] in ("human", "gpt") and text not in seen:
                seen.add(text)
                yield text


def write(path, texts):
    with open(path, "w", encoding="utf-8") as f:
        f.writelines(json.dumps(t, ensure_ascii=False) + "\n" for t in texts)
    print(json.dumps({"file": path, "texts": len(texts)}))


def main():
    from tokenizers import Tokenizer
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("chats", help="a ShareGPT file, for example the one tools/deps installs")
    ap.add_argument("prefix")
    ap.add_argument("--tokenizer", required=True, help="tokenizer.json")
    ap.add_argument("-n", type=int, default=2000)
    ap.add_argument("--tokens", type=int, nargs="+", default=[25, 100, 250])
    ap.add_argument("--seed", type=int, default=1)
    a = ap.parse_args()

    tokenizer = Tokenizer.from_file(a.tokenizer)
    tokenizer.no_padding()
    tokenizer.no_truncation()
    pool = list(turns(a.chats))
    random.Random(a.seed).shuffle(pool)
    at, rng = 0, random.Random(a.seed + 1)
    for want in a.tokens:
        picked = []
        while len(picked) < a.n and at < len(pool):
            text = pool[at][:16 * want]
            at += 1
            e = tokenizer.encode(text, add_special_tokens=False)
            cut = round(want * rng.uniform(0.8, 1.2)) - 2  # two for the tokens at both ends
            if len(e.ids) >= cut:
                picked.append(text[:e.offsets[cut - 1][1]])
        write(f"{a.prefix}{want}.jsonl", picked)


if __name__ == "__main__":
    main()
