"""UMAP, n_neighbors 15, min_dist 0, cosine (see peer.py for what is common).

  spectral, random, pca  umap-learn with this start, unseeded so that it uses all threads; compiled before it is timed
  judge                  no peer: the quality of --layout FILE.npy (float32 [n][2]), so that all are judged alike

Quality is trustworthiness@15 within --sample rows drawn by the seed, and the share of their 15 nearest rows that are
among the 15 nearest in the layout, all rows considered.
"""
import numpy as np

import peer

K = 15


class Judge:
    def __init__(self, x, seed, count):
        self.x = x
        self.rows = np.sort(np.random.default_rng(seed).choice(len(x), min(count, len(x)), replace=False))
        self.truth = np.empty((len(self.rows), K), np.int64)
        for s in range(0, len(self.rows), 250):
            some = self.rows[s:s + 250]
            sim = x[some] @ x.T
            sim[np.arange(len(some)), some] = -np.inf
            self.truth[s:s + 250] = np.argpartition(sim, -K, axis=1)[:, -K:]

    def fields(self, layout):
        from scipy.spatial import cKDTree
        from sklearn.manifold import trustworthiness
        trust = trustworthiness(self.x[self.rows], layout[self.rows], n_neighbors=K, metric="cosine")
        near = cKDTree(layout).query(layout[self.rows], k=K + 1)[1]
        kept = sum(len(set(ids[ids != row][:K]) & set(true)) for row, ids, true in zip(self.rows, near, self.truth))
        return {"quality": {"trustworthiness": round(float(trust), 5), "kept": round(kept / self.truth.size, 5)},
                "finite": bool(np.isfinite(layout).all())}


def umap_learn(args, x, judge):
    import umap
    np.random.seed(args.seed)
    opts = dict(n_neighbors=K, min_dist=0.0, metric="cosine", init=args.method, n_jobs=args.threads)
    umap.UMAP(n_epochs=11, **opts).fit_transform(x[:5000])  # above 4,096 rows, so that every path is compiled

    def run():
        with peer.Clock() as t:
            layout = umap.UMAP(**opts).fit_transform(x)
        return {**t.fields(), **judge.fields(layout)}
    return run


def main():
    ap = peer.arguments(["spectral", "random", "pca", "judge"], __doc__)
    ap.add_argument("--sample", type=int, default=5000)
    ap.add_argument("--layout", help="for judge")
    args = ap.parse_args()
    x = peer.unit_rows(args.npy)
    judge = Judge(x, args.seed, args.sample)
    if args.method == "judge":
        peer.serve(args, lambda: {"seconds": 0, **judge.fields(np.load(args.layout))})
    else:
        peer.serve(args, umap_learn(args, x, judge))


if __name__ == "__main__":
    main()
