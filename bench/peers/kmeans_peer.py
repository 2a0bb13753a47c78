"""k-means by FAISS or scikit-learn, measured as clio-bench kmeans is: one JSON line of seconds, quality and memory.

    python kmeans_peer.py faiss FILE.npy --k 2000 --iterations 25
    python kmeans_peer.py sklearn FILE.npy --k 2000 --iterations 25 --init k-means++
    python kmeans_peer.py score FILE.npy --centroids OURS.npy       # of any program's centroids
    python kmeans_peer.py start FILE.npy --k 2000 --save START.npy  # rows drawn, for programs that are to start alike

quality is the mean squared distance to the nearest centroid of all, recomputed in float64 for everybody.
FAISS's own OpenBLAS does not know newer processors and falls back to SSE2, four times too slow: OPENBLAS_CORETYPE=SkylakeX
(for faiss only) gives it its AVX-512 kernel. The field "blas" says which one ran.
"""
import argparse
import json
import resource
import sys
import time

import numpy as np


def peak_mb():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def nearest(x, c, block=8192):
    """Label and squared distance of every row; the label by float32, the distance to it by float64."""
    half = 0.5 * (c.astype(np.float64) ** 2).sum(1).astype(np.float32)
    labels, squared = np.empty(len(x), np.int32), np.empty(len(x))
    for s in range(0, len(x), block):
        b = np.asarray(x[s:s + block])
        labels[s:s + block] = near = np.argmax(b @ c.T - half, axis=1)
        squared[s:s + block] = ((b.astype(np.float64) - c[near]) ** 2).sum(1)
    return labels, squared


def by_faiss_from(x, a, iterations, start):
    import faiss
    faiss.omp_set_num_threads(a.threads)
    km = faiss.Kmeans(x.shape[1], a.k, niter=iterations, seed=a.seed, max_points_per_centroid=10 ** 9)
    km.train(x, init_centroids=start)
    return km.centroids


def by_faiss(x, a):
    if a.steps:
        return by_faiss_in_steps(x, a)
    return by_faiss_from(x, a, a.iterations, np.load(a.start) if a.start else None)


def by_faiss_in_steps(x, a):
    """One iteration at a time, each from the last one's centroids, kept in a file: a long run that is cut off goes on."""
    import os
    done, c = 0, np.load(a.start) if a.start else None
    if os.path.exists(a.steps):
        kept = np.load(a.steps)
        done, c = int(kept["done"]), kept["centroids"]
    while done < a.iterations:
        c = by_faiss_from(x, a, 1, c)
        done += 1
        np.savez(a.steps + ".part.npz", done=done, centroids=c)
        os.replace(a.steps + ".part.npz", a.steps)
        print(f"iteration {done}", file=sys.stderr, flush=True)
    return c


def by_sklearn(x, a):
    from sklearn.cluster import KMeans
    init = np.load(a.start) if a.start else a.init
    km = KMeans(a.k, init=init, n_init=1, max_iter=a.iterations, tol=0, algorithm="lloyd", random_state=a.seed)
    return km.fit(x).cluster_centers_


def start_rows(x, a):
    return x[np.sort(np.random.default_rng(a.seed).choice(len(x), a.k, replace=False))]


def same_labels(x, c, labels, path):
    """How many labels differ from another program's, and how far from a tie the worst of those is (relative)."""
    other_c, other = np.load(path), np.load(path + ".labels").reshape(-1)
    rows = np.flatnonzero(labels != other)
    gap = [np.abs(((x[rows].astype(np.float64) - m[labels[rows]]) ** 2).sum(1) - ((x[rows].astype(np.float64) - m[other[rows]]) ** 2)
                  .sum(1)) / ((x[rows].astype(np.float64) - m[labels[rows]]) ** 2).sum(1) for m in (c, other_c)]
    return {"labels_differ": len(rows), "worst_gap": float(f"{max(g.max() for g in gap) if len(rows) else 0:.2g}"),
            "centroids_differ": float(f"{np.abs(c - other_c).max():.2g}")}


def blas():
    import threadpoolctl
    return {i["filepath"].split("/")[-2]: i.get("architecture") for i in threadpoolctl.threadpool_info()
            if i["user_api"] == "blas"}


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("method", choices=["faiss", "sklearn", "score", "start"])
    p.add_argument("vectors")
    p.add_argument("--k", type=int, default=100)
    p.add_argument("--iterations", type=int, default=25)
    p.add_argument("--init", default="random", help="sklearn: random or k-means++")
    p.add_argument("--start", help="centroids to start from (.npy)")
    p.add_argument("--steps", help="faiss: keeps the centroids after every iteration here (.npz) and goes on from there")
    p.add_argument("--centroids", help="score: the centroids to score")
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--no-score", action="store_true", help="time only")
    p.add_argument("--save", help="centroids (.npy)")
    p.add_argument("--same", help="another program's centroids (.npy), its labels beside them (.npy.labels): are mine the same?")
    p.add_argument("--save-labels", help="labels by the final centroids (.npy)")
    a = p.parse_args()
    x = np.ascontiguousarray(np.load(a.vectors), dtype=np.float32)
    loaded, out = peak_mb(), {"method": a.method, "n": len(x), "d": x.shape[1]}
    if a.method in ("score", "start"):
        c = np.load(a.centroids) if a.method == "score" else start_rows(x, a)
        out["seconds"] = 0
    else:
        begin, cpu = time.perf_counter(), time.process_time()
        c = (by_faiss if a.method == "faiss" else by_sklearn)(x, a)
        out |= {"seconds": round(time.perf_counter() - begin, 3), "cpu_seconds": round(time.process_time() - cpu, 3),
                "iterations": a.iterations, "seed": a.seed, "init": a.start or a.init}
    out |= {"k": len(c), "rss_mb": round(peak_mb()), "rss_loaded_mb": round(loaded)}
    c = np.ascontiguousarray(c, np.float32)
    if a.save:
        np.save(a.save, c)
    if not a.no_score:
        labels, squared = nearest(x, c)
        sizes = np.bincount(labels, minlength=len(c))
        out |= {"quality": round(squared.mean(), 7), "empty": int((sizes == 0).sum()), "largest": int(sizes.max())}
        if a.save_labels:
            np.save(a.save_labels, labels)
        if a.same:
            out |= same_labels(x, c, labels, a.same)
    print(json.dumps(out | {"threads": a.threads, "blas": blas()}), flush=True)


if __name__ == "__main__":
    main()
