#!/usr/bin/env python3
"""Score a run against the labelled sets in this folder. Prints JSON; see README.md.

score.py assignments LABELS.tsv ASSIGNMENTS.tsv [--column topic]
score.py facet       LABELS.tsv FACETS.tsv [--column concern]
score.py audit       AUDIT.tsv RATINGS.tsv [--least 3]
score.py selftest
"""
import argparse
import collections
import json
import math
import sys

UNPLACED = "-"


class InputError(Exception):
    """A file that cannot be scored, in words for whoever made it."""


# --- reading ---------------------------------------------------------------------------------------------------------

def read_rows(path):
    with open(path, encoding="utf-8") as file:
        lines = [line.rstrip("\r\n") for line in file]
    return [line.split("\t") for line in lines if line and not line.startswith("#")]


def read_table(path, wanted):
    """Rows as dictionaries, named by the header line."""
    rows = read_rows(path)
    header = rows[0] if rows else []
    for column in wanted:
        if column not in header:
            raise InputError(f"{path}: no column '{column}' (it has: {', '.join(header)})")
    for number, row in enumerate(rows[1:], 2):
        if len(row) != len(header):
            raise InputError(f"{path}: row {number} has {len(row)} cells, its header has {len(header)}")
    return [dict(zip(header, row)) for row in rows[1:]]


def by_key(rows, path):
    """{first cell: the other cells}. One answer per key: two would make the score depend on their order."""
    found = {}
    for row in rows:
        if len(row) < 2:
            raise InputError(f"{path}: '{row[0]}' has no value")
        if row[0] in found:
            raise InputError(f"{path}: '{row[0]}' occurs twice")
        found[row[0]] = row[1:]
    return found


def rounded(value):
    return None if value is None else round(value, 4)


def share(part, whole):
    return rounded(part / whole) if whole else None


# --- clusters --------------------------------------------------------------------------------------------------------

def entropy(counts):
    total = sum(counts)
    return -sum(count / total * math.log(count / total) for count in counts if count)


def conditional_entropy(pairs):
    """H(first | second)."""
    groups = collections.defaultdict(collections.Counter)
    for first, second in pairs:
        groups[second][first] += 1
    return sum(sum(group.values()) / len(pairs) * entropy(group.values()) for group in groups.values())


def v_measure(pairs):
    """(homogeneity, completeness, V) of (label, cluster) pairs, as Rosenberg and Hirschberg define them."""
    h_label = entropy(collections.Counter(label for label, _ in pairs).values())
    h_cluster = entropy(collections.Counter(cluster for _, cluster in pairs).values())
    homogeneity = 1 - conditional_entropy(pairs) / h_label if h_label else 1.0
    completeness = 1 - conditional_entropy([(c, l) for l, c in pairs]) / h_cluster if h_cluster else 1.0
    both = homogeneity + completeness
    return homogeneity, completeness, 2 * homogeneity * completeness / both if both else 0.0


def majority_labels(pairs):
    """{cluster: its most frequent label}; a tie goes to the first in the alphabet."""
    groups = collections.defaultdict(collections.Counter)
    for label, cluster in pairs:
        groups[cluster][label] += 1
    return {cluster: min(group, key=lambda label: (-group[label], label)) for cluster, group in groups.items()}


def score_level(labelled):
    """labelled: (label, cluster or None, language or None) of every labelled conversation."""
    pairs = [(label, cluster) for label, cluster, _ in labelled if cluster is not None]
    result = {"placed": len(pairs), "clusters": len({cluster for _, cluster in pairs})}
    if not pairs:
        return result
    majority = majority_labels(pairs)
    right = sum(majority[cluster] == label for label, cluster in pairs)
    homogeneity, completeness, v = v_measure(pairs)

    clusters_of = collections.defaultdict(collections.Counter)
    for label, cluster in pairs:
        clusters_of[label][cluster] += 1
    spilled = sum(len(clusters) > 1 for clusters in clusters_of.values())
    outside = sum(sum(c.values()) - max(c.values()) for c in clusters_of.values())

    result.update({
        "homogeneity": rounded(homogeneity), "completeness": rounded(completeness), "v_measure": rounded(v),
        "purity": share(right, len(pairs)),
        "purity_of_all": share(right, len(labelled)),  # An unplaced conversation counts as wrong.
        "spillover": share(spilled, len(clusters_of)),
        "outside_main_cluster": share(outside, len(pairs)),
    })
    languages = sorted({language for _, _, language in labelled if language is not None})
    if languages:
        result["purity_by_language"] = {
            name: share(sum(majority[c] == l for l, c, g in labelled if g == name and c is not None),
                        sum(c is not None for _, c, g in labelled if g == name))
            for name in languages}
    return result


def score_assignments(labels, assigned, column):
    """labels: rows with an id; assigned: {id: [leaf, its parent, ..., top]}."""
    def placed(row, index):
        path = assigned.get(row["id"])
        return None if path is None or path[index] == UNPLACED else path[index]

    ids = {row["id"] for row in labels}
    topics = collections.Counter(row[column] for row in labels)
    result = {"n": len(labels), "labels": len(topics), "largest_label": share(max(topics.values(), default=0), len(labels)),
              "not_in_assignments": len(ids - assigned.keys()), "not_in_labels": len(assigned.keys() - ids)}
    for name, index in (("leaf", 0), ("top", -1)):
        result[name] = score_level([(row[column], placed(row, index), row.get("language")) for row in labels])
    return result


# --- facets ----------------------------------------------------------------------------------------------------------

def ranks(values):
    """Ranks from 1; equal values share the mean of theirs."""
    order = sorted(range(len(values)), key=lambda i: values[i])
    result = [0.0] * len(values)
    start = 0
    while start < len(order):
        end = start
        while end < len(order) and values[order[end]] == values[order[start]]:
            end += 1
        for i in order[start:end]:
            result[i] = (start + 1 + end) / 2
        start = end
    return result


def spearman(xs, ys):
    """None where one side never varies: then there is no order to agree on."""
    if not xs:
        return None
    a, b = ranks(xs), ranks(ys)
    mean = (len(xs) + 1) / 2
    covariance = sum((x - mean) * (y - mean) for x, y in zip(a, b))
    spread = math.sqrt(sum((x - mean) ** 2 for x in a) * sum((y - mean) ** 2 for y in b))
    return covariance / spread if spread else None


def number(text):
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def score_facet(labels, answers, column):
    """Numbers are compared as an ordinal scale; anything else as names, of which an answer may give several."""
    wanted = [(row["id"], row[column]) for row in labels]
    given = [(want, answers[id][0].strip()) for id, want in wanted if id in answers]
    result = {"n": len(wanted)}
    if all(number(want) is not None for _, want in wanted):
        pairs = [(number(want), number(got)) for want, got in given if number(got) is not None]
        distances = [abs(want - got) for want, got in pairs]
        rho = spearman([w for w, _ in pairs], [g for _, g in pairs])
        result.update({"answered": len(pairs), "spearman": rounded(rho),
                       "exact": share(sum(d == 0 for d in distances), len(pairs)),
                       "within_one": share(sum(d <= 1 for d in distances), len(pairs))})
        result["mean_by_label"] = {
            f"{level:g}": rounded(sum(g for w, g in pairs if w == level) / sum(w == level for w, _ in pairs))
            for level in sorted({w for w, _ in pairs})}
    else:
        pairs = [(want.casefold(), got.casefold()) for want, got in given if got not in ("", UNPLACED)]
        among = sum(want in [part.strip() for part in got.replace(";", ",").split(",")] for want, got in pairs)
        result.update({"answered": len(pairs), "exact": share(sum(w == g for w, g in pairs), len(pairs)),
                       "among": share(among, len(pairs))})
    return result


# --- privacy auditor -------------------------------------------------------------------------------------------------

def score_audit(texts, ratings, least):
    """ratings: {row number from 1, or name: [rating]}. A text is removed if it is rated below `least`.

    A text without a usable rating counts as removed, as the program does, and is reported: a broken
    auditor must not look like a strict one.
    """
    removed, unrated, rated = {}, [], {"bad": [], "clean": []}
    for index, text in enumerate(texts, 1):
        answer = ratings.get(str(index), ratings.get(text["name"]))
        rating = number(answer[0]) if answer else None
        if rating is None:
            unrated.append(text["name"])
        else:
            rated[text["label"]].append(rating)
        removed[index] = rating is None or rating < least

    def rate(label, part, want_removed):
        chosen = [removed[i] for i, t in enumerate(texts, 1) if t["label"] == label and part(t["class"])]
        return share(sum(r == want_removed for r in chosen), len(chosen))

    def rates(label, want_removed, classes):
        return {name: rate(label, lambda c, name=name: name in c.split("/"), want_removed) for name in sorted(classes)}

    names = {label: {part for t in texts if t["label"] == label for part in t["class"].split("/")}
             for label in ("bad", "clean")}
    right = sum(removed[i] == (t["label"] == "bad") for i, t in enumerate(texts, 1))
    return {
        "n": len(texts), "unrated": unrated, "accuracy": share(right, len(texts)),
        "bad_removed": rate("bad", lambda c: True, True), "clean_kept": rate("clean", lambda c: True, False),
        "mean_rating": {label: rounded(sum(r) / len(r)) if r else None for label, r in rated.items()},
        "bad_removed_by_class": rates("bad", True, names["bad"]),
        "clean_kept_by_class": rates("clean", False, names["clean"]),
        "missed": [t["name"] for i, t in enumerate(texts, 1) if t["label"] == "bad" and not removed[i]],
        "removed_for_nothing": [t["name"] for i, t in enumerate(texts, 1) if t["label"] == "clean" and removed[i]],
    }


# --- self-test: every expected number below was worked out by hand ---------------------------------------------------

def selftest():
    failures = []

    def expect(what, got, want):
        same = got == want if got is None or want is None or not isinstance(want, float) else abs(got - want) < 1e-4
        if not same:
            failures.append(f"{what}: {got}, expected {want}")

    # Perfect clustering, and one cluster for everything.
    expect("V of a perfect clustering", v_measure([("a", 1), ("a", 1), ("b", 2)])[2], 1.0)
    expect("V of one single cluster", v_measure([("a", 1), ("b", 1)]), (0.0, 1.0, 0.0))
    # a a | a b over two clusters of two. H(label) = 0.562335, H(label|cluster) = ln2 / 2 = 0.346574, so h = 0.383689.
    # H(cluster) = ln2; within a: two in 1, one in 2 = 0.636514, times 3/4 = 0.477386, so c = 1 - 0.477386/0.693147.
    h, c, v = v_measure([("a", 1), ("a", 1), ("a", 2), ("b", 2)])
    expect("homogeneity", h, 0.383689)
    expect("completeness", c, 0.311278)
    expect("V", v, 0.343711)

    # Six conversations; x1 is unplaced, x9 unknown. Leaves: p = {a, a, b}, q = {b, b}. Top: all five in T.
    labels = [{"id": f"x{i}", "topic": t, "language": g} for i, t, g in
              [(1, "a", "L"), (2, "a", "L"), (3, "a", "M"), (4, "b", "M"), (5, "b", "L"), (6, "b", "M")]]
    assigned = {"x1": ["-", "-"], "x2": ["p", "T"], "x3": ["p", "T"], "x4": ["p", "T"], "x5": ["q", "T"],
                "x6": ["q", "T"], "x9": ["q", "T"]}
    got = score_assignments(labels, assigned, "topic")
    expect("n", got["n"], 6)
    expect("unknown ids", got["not_in_labels"], 1)
    expect("placed", got["leaf"]["placed"], 5)
    expect("purity", got["leaf"]["purity"], 0.8)                    # x4 is the odd one in p.
    expect("purity of all", got["leaf"]["purity_of_all"], 0.6667)   # 4 of 6.
    expect("spillover", got["leaf"]["spillover"], 0.5)              # b is in p and q, a only in p.
    expect("outside", got["leaf"]["outside_main_cluster"], 0.2)     # x4.
    expect("by language", got["leaf"]["purity_by_language"], {"L": 1.0, "M": 0.6667})
    expect("purity at the top", got["top"]["purity"], 0.6)          # T is mostly b: 3 of 5.
    expect("spillover at the top", got["top"]["spillover"], 0.0)

    expect("ranks with ties", ranks([10, 20, 20, 5]), [2.0, 3.5, 3.5, 1.0])
    expect("Spearman, same order", spearman([1, 2, 3], [10, 20, 90]), 1.0)
    expect("Spearman, opposite order", spearman([1, 2, 3], [3, 2, 1]), -1.0)
    expect("Spearman, two swapped", spearman([1, 2, 3, 4], [1, 3, 2, 4]), 0.8)  # 1 - 6*2 / (4*15)
    expect("Spearman, constant", spearman([1, 2], [3, 3]), None)

    labels = [{"id": i, "concern": c} for i, c in [("a", "1"), ("b", "2"), ("c", "4"), ("d", "5"), ("e", "5")]]
    got = score_facet(labels, {"a": ["1"], "b": ["3"], "c": ["4"], "d": ["3"], "e": ["?"]}, "concern")
    expect("answered", got["answered"], 4)
    expect("exact", got["exact"], 0.5)
    expect("within one", got["within_one"], 0.75)
    labels = [{"id": "a", "language": "Hindi"}, {"id": "b", "language": "French"}]
    got = score_facet(labels, {"a": ["English, Hindi"], "b": ["french"]}, "language")
    expect("exact names", got["exact"], 0.5)
    expect("one among several", got["among"], 1.0)

    texts = [{"label": "bad", "class": "x/blatant", "name": "A"}, {"label": "bad", "class": "x/subtle", "name": "B"},
             {"label": "clean", "class": "y", "name": "C"}, {"label": "clean", "class": "y", "name": "D"}]
    got = score_audit(texts, {"1": ["1"], "B": ["3"], "C": ["5"]}, 3)
    expect("accuracy", got["accuracy"], 0.5)                # A removed and C kept; B missed, D has no rating.
    expect("bad removed", got["bad_removed"], 0.5)
    expect("by class", got["bad_removed_by_class"], {"blatant": 1.0, "subtle": 0.0, "x": 0.5})
    expect("missed", got["missed"], ["B"])
    expect("unrated", got["unrated"], ["D"])

    for failure in failures:
        print(failure, file=sys.stderr)
    print("selftest failed" if failures else "selftest passed")
    return 1 if failures else 0


# --- command line ----------------------------------------------------------------------------------------------------

def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    one = commands.add_parser("assignments", help="how well clusters give back the labels")
    one.add_argument("labels")
    one.add_argument("assignments", help="id, leaf, ..., top per row; '-' is unplaced")
    one.add_argument("--column", default="topic")
    one = commands.add_parser("facet", help="how well a facet agrees with the labels")
    one.add_argument("labels")
    one.add_argument("facets", help="id and value per row")
    one.add_argument("--column", default="concern")
    one = commands.add_parser("audit", help="how well the privacy auditor tells identifying texts from general ones")
    one.add_argument("texts")
    one.add_argument("ratings", help="name, or row number from 1 without the header, and rating per row")
    one.add_argument("--least", type=float, default=3, help="lowest rating that is kept")
    commands.add_parser("selftest")
    return parser.parse_args()


def run(args):
    if args.command == "assignments":
        labels = read_table(args.labels, ["id", args.column])
        rows = [row for row in read_rows(args.assignments) if row[0] not in ("id", "conversation", "conversation_id")]
        return score_assignments(labels, by_key(rows, args.assignments), args.column)
    if args.command == "facet":
        labels = read_table(args.labels, ["id", args.column])
        return score_facet(labels, by_key(read_rows(args.facets), args.facets), args.column)
    texts = read_table(args.texts, ["label", "class", "name"])
    return score_audit(texts, by_key(read_rows(args.ratings), args.ratings), args.least)


def main():
    args = parse_arguments()
    if args.command == "selftest":
        return selftest()
    try:
        print(json.dumps(run(args), indent=2, ensure_ascii=False))
    except (InputError, OSError) as error:
        print(f"score.py: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
