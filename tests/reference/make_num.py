#!/usr/bin/env python3
"""Makes kmeans_reference.h, neighbours_reference.h and umap_reference.h: what scikit-learn and umap-learn answer.

Run by hand, once:  python3 -m venv v; v/bin/pip install numpy scikit-learn umap-learn; v/bin/python make_num.py
The points are not stored: tests/unit/num_data.h makes them from the same integers.
"""
import os
import platform

import numpy as np
import sklearn
import umap
from sklearn.cluster import KMeans, kmeans_plusplus
from sklearn.manifold import trustworthiness
from sklearn.neighbors import NearestNeighbors
from umap.umap_ import find_ab_params, fuzzy_simplicial_set

HERE = os.path.dirname(os.path.abspath(__file__))
VERSIONS = "numpy %s, scikit-learn %s, umap-learn %s, Python %s" % (
    np.__version__, sklearn.__version__, umap.__version__, platform.python_version())


def mix(i, j, seed):
    """num_data.h: data_mix. 32-bit integers that wrap."""
    i, j = np.broadcast_arrays(np.asarray(i, np.uint32), np.asarray(j, np.uint32))
    h = i * np.uint32(2654435761) + j * np.uint32(2246822519) + np.array([seed * 3266489917 % 2**32], np.uint32)
    h = (h ^ (h >> np.uint32(15))) * np.uint32(2246822519)
    h = (h ^ (h >> np.uint32(13))) * np.uint32(3266489917)
    return h ^ (h >> np.uint32(16))


def bell(i, j, seed):
    """num_data.h: data_bell. The sum of four 16-bit numbers, centred on 0, from -2 to 2."""
    total = sum((mix(i, j, 4 * seed + s) >> np.uint32(16)).astype(np.int64) for s in range(4))
    return ((total - 131072) / 65536.0).astype(np.float32)


def blobs(n, d, groups, seed):
    """num_data.h: data_blobs. Exact in float32."""
    i, j = np.arange(n)[:, None], np.arange(d)[None, :]
    return bell(i % groups, j, seed) + np.float32(0.5) * bell(i, j, seed + 1)


def unit(x):
    x = x.astype(np.float64)
    return (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32)


def array(kind, name, values, form):
    words = [form % v for v in np.asarray(values).ravel()]
    lines, line = [], "   "
    for w in words:
        if len(line) + len(w) > 116:
            lines.append(line)
            line = "   "
        line += " " + w + ","
    return "static const %s %s[] = {\n%s\n};\n" % (kind, name, "\n".join(lines + [line]))


def number(name, value):
    return "static const double %s = %.9g;\n" % (name, value)


def write(name, about, parts):
    with open(os.path.join(HERE, name), "w") as f:
        f.write("/* Made by make_num.py (%s).\n * %s */\n#include <stdint.h>\n\n/* clang-format off */\n%s"
                % (VERSIONS, about, "\n".join(parts)))


def kmeans():
    x = blobs(400, 19, 12, 1)
    start = x[np.arange(9) * 37]
    parts = []
    for name, most in (("two", 2), ("end", 300)):
        m = KMeans(9, init=start.astype(np.float64), n_init=1, max_iter=most, tol=0, algorithm="lloyd")
        m.fit(x.astype(np.float64))
        parts += [array("uint32_t", "lloyd_%s_labels" % name, m.labels_, "%d"),
                  number("lloyd_%s_wcss" % name, m.inertia_ / len(x)), number("lloyd_%s_iters" % name, m.n_iter_)]
    y = blobs(1000, 24, 40, 2).astype(np.float64)
    # n_local_trials=1 is the plain D^2 sampling of the paper; scikit-learn's default is greedy.
    starts = [kmeans_plusplus(y, 30, n_local_trials=1, random_state=s)[0] for s in range(2000)]
    plain = [KMeans(30, init=c, n_init=1, max_iter=100, tol=0).fit(y).inertia_ / len(y) for c in starts]
    runs = [KMeans(30, n_init=1, max_iter=100, tol=0, random_state=s).fit(y).inertia_ / len(y) for s in range(50)]
    print("plain", np.mean(plain), np.std(plain), np.min(plain), "greedy", np.mean(runs))
    best = KMeans(30, n_init=10, max_iter=100, tol=0, random_state=0).fit(y).inertia_ / len(y)
    parts += [number("plain_mean_wcss", np.mean(plain)), number("greedy_mean_wcss", np.mean(runs)),
              number("greedy_best_wcss", best)]
    write("kmeans_reference.h", "Lloyd from given centroids, stopped after 2 updates and run to the end; "
          "means over many seeds of plain and greedy k-means++, and greedy's best of 10.", parts)


def neighbours():
    x = unit(blobs(120, 20, 8, 3)).astype(np.float64)
    distances, ids = NearestNeighbors(n_neighbors=10, metric="cosine", algorithm="brute").fit(x).kneighbors(x)
    assert (ids[:, 0] == np.arange(120)).all()
    write("neighbours_reference.h", "The 9 nearest others of 120 rows by cosine, brute force in double.",
          [array("uint32_t", "nearest_ids", ids[:, 1:], "%d"),
           array("float", "nearest_distances", distances[:, 1:].astype(np.float32), "%.9gf")])
    distances[:, 0] = 0
    return ids, distances.astype(np.float32)


def graph(name, ids, distances):
    n, k = ids.shape
    g = fuzzy_simplicial_set(np.zeros((n, 1)), k, np.random.RandomState(0), "cosine", knn_indices=ids,
                             knn_dists=distances)[0].tocsr()
    g.sort_indices()
    g = g.tocoo()
    order = np.lexsort((g.col, g.row))
    return [array("uint8_t", name + "_heads", g.row[order], "%d"), array("uint8_t", name + "_tails", g.col[order], "%d"),
            array("float", name + "_weights", g.data[order], "%#.7gf")]


def made_up_lists():
    """test_umap.c: made_up_lists. Rows with some or only zero distances: equal points."""
    i, j = np.arange(44)[:, None], np.arange(5)[None, :]
    d = np.where((i % 3 > j) | (i % 11 == 0), 0, (j + 1) * 10 + i % 7).astype(np.float32) / np.float32(64)
    ids = (i + 1 + j * (1 + i % 2)) % 44
    return np.hstack([i, ids]), np.hstack([np.zeros((44, 1), np.float32), d])


def preservation(x, y, k):
    hi = NearestNeighbors(n_neighbors=k, metric="cosine", algorithm="brute").fit(x).kneighbors(return_distance=False)
    lo = NearestNeighbors(n_neighbors=k, algorithm="brute").fit(y).kneighbors(return_distance=False)
    return np.mean([len(set(a) & set(b)) / k for a, b in zip(hi, lo)])


def layouts():
    x = unit(blobs(600, 32, 10, 4))
    parts = []
    for init in ("spectral", "pca"):
        trust, kept = [], []
        for seed in range(5):
            y = umap.UMAP(n_neighbors=15, min_dist=0.0, metric="cosine", init=init, random_state=seed).fit_transform(x)
            trust.append(trustworthiness(x, y, n_neighbors=15, metric="cosine"))
            kept.append(preservation(x, y, 15))
        print(init, trust, kept)
        parts += [number(init + "_trust", np.mean(trust)), number(init + "_kept", np.mean(kept))]
    return parts


def main():
    kmeans()
    parts = graph("fuzzy", *neighbours()) + graph("equal", *made_up_lists())
    for name, min_dist in (("curve_0", 0.0), ("curve_01", 0.1), ("curve_05", 0.5), ("curve_1", 1.0)):
        a, b = find_ab_params(1.0, min_dist)
        parts += [number(name + "_a", a), number(name + "_b", b)]
    write("umap_reference.h", "Fuzzy graphs of given lists (n_neighbors 10 and 6), curves, "
          "and trustworthiness@15 and neighbours kept@15, means over 5 seeds.", parts + layouts())


main()
