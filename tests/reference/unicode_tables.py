"""Prints the tables of src/num/wordpiece_text.c: where the character classes of Hugging Face's tokenizers (0.23.3) differ
from utf8proc's (Unicode 15 was used)."""
import ctypes

from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer

NAMES = "Cn Lu Ll Lt Lm Lo Mn Mc Me Nd Nl No Pc Pd Ps Pe Pi Pf Po Sm Sc Sk So Zs Zl Zp Cc Cf Cs Co".split()


def ranges(chars):
    out = []
    for c in chars:
        if out and out[-1][1] == c - 1:
            out[-1][1] = c
        else:
            out.append([c, c])
    return ", ".join("{%#x, %#x}" % (a, b) for a, b in out)


def main():
    utf8proc = ctypes.CDLL("libutf8proc.so.2")
    clean, strip = BertNormalizer(True, False, False, False), BertNormalizer(False, False, True, False)
    split = BertPreTokenizer()
    young = {"Mn": [], "P": [], "Cf": []}
    left = {"Mn": [], "P": []}
    for c in range(0x80, 0x110000):
        if 0xd800 <= c < 0xe000:
            continue
        category, text = NAMES[utf8proc.utf8proc_category(c)], "a" + chr(c) + "b"
        alone = len(split.pre_tokenize_str(text)) == 3
        dropped = strip.normalize_str(text) == "ab"
        if category[0] == "P" and not alone:
            young["P"].append(c)
        if category[0] != "P" and alone:
            left["P"].append(c)
        if category == "Mn" and not dropped:
            young["Mn"].append(c)
        if category != "Mn" and dropped:
            left["Mn"].append(c)
        if category == "Cf" and clean.normalize_str(text) != "ab":
            young["Cf"].append(c)
    for name, chars in young.items():
        print("young", name, ranges(chars))
    for name, chars in left.items():
        print("have left", name, ranges(chars))


if __name__ == "__main__":
    main()
