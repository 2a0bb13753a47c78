"""The distinct human turns of a ShareGPT file ([{"id", "conversations": [{"from", "value"}]}]) as JSON lines.

    python texts.py sharegpt.json turns.jsonl

A file that is cut off gives what is whole. Turns of fewer than 20 characters are left out.
"""
import argparse
import json


def conversations(text):
    """The whole elements of a JSON array."""
    decoder = json.JSONDecoder()
    at = text.index("[") + 1
    while True:
        while at < len(text) and text[at] in " \t\r\n,":
            at += 1
        if at >= len(text) or text[at] == "]":
            return
        try:
            element, at = decoder.raw_decode(text, at)
        except json.JSONDecodeError:
            return
        yield element


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("chats")
    ap.add_argument("out")
    ap.add_argument("--min-chars", type=int, default=20)
    a = ap.parse_args()
    seen = set()
    with open(a.chats, encoding="utf-8") as f, open(a.out, "w", encoding="utf-8") as out:
        for chat in conversations(f.read()):
            for turn in chat["conversations"]:
                text = turn["value"].strip()
                if turn["from"] == "human" and len(text) >= a.min_chars and text not in seen:
                    seen.add(text)
                    out.write(json.dumps({"text": text}, ensure_ascii=False) + "\n")
    print(json.dumps({"texts": len(seen)}))


if __name__ == "__main__":
    main()
