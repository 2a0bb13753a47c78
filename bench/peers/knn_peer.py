"""Nearest neighbours by cosine, without the row itself (see peer.py for what is common).

  pynndescent  NNDescent(n_neighbors=k + 1, metric=cosine), else as it is; compiled before it is timed
  hnswlib      M 16, ef_construction 100; the first --ef whose recall is --want or more; building counts
  judge        no peer: the recall of --ids FILE.npy (int32 [n][k]), so that all are judged alike

Quality is recall: the share of the k exact neighbours found, over 1,000 rows drawn by the seed. quality_tie also counts
a row returned that is as near as the k-th, within 1e-6.
"""
import numpy as np

import peer


class Judge:
    """Exact neighbours of some rows."""

    def __init__(self, x, k, seed, count=1000):
        self.x = x
        self.k = k
        self.rows = np.sort(np.random.default_rng(seed).choice(len(x), min(count, len(x)), replace=False))
        self.truth = np.empty((len(self.rows), k), np.int64)
        self.last = np.empty(len(self.rows), np.float32)
        for s in range(0, len(self.rows), 250):
            some = self.rows[s:s + 250]
            sim = x[some] @ x.T
            sim[np.arange(len(some)), some] = -np.inf
            top = np.argpartition(sim, -k, axis=1)[:, -k:]
            self.truth[s:s + 250] = top
            self.last[s:s + 250] = np.take_along_axis(sim, top, 1).min(1)

    def fields(self, ids):
        got = ids[self.rows]
        same = (got[:, :, None] == self.truth[:, None, :]).any(2)
        near = np.einsum("nd,nkd->nk", self.x[self.rows], self.x[got]) >= self.last[:, None] - 1e-6
        return {"quality": round(float(same.mean()), 5), "quality_tie": round(float((same | near).mean()), 5)}


def without_self(ids, k):
    """[n][k + 1] to [n][k]: without the row itself, or without the last."""
    own = ids == np.arange(len(ids))[:, None]
    own[~own.any(1), -1] = True
    own &= np.cumsum(own, 1) == 1
    return ids[~own].reshape(len(ids), -1)[:, :k]


def pynndescent(args, x, judge):
    from pynndescent import NNDescent

    def find(rows):
        return NNDescent(rows, n_neighbors=args.k + 1, metric="cosine", random_state=args.seed, n_jobs=args.threads)

    find(x[:4000])

    def run():
        with peer.Clock() as t:
            ids = without_self(find(x).neighbor_graph[0], args.k)
        return {**t.fields(), **judge.fields(ids)}
    return run


def hnswlib(args, x, judge):
    import hnswlib as library

    def run():
        index = library.Index(space="cosine", dim=x.shape[1])
        index.init_index(max_elements=len(x), M=16, ef_construction=100, random_seed=args.seed)
        index.set_num_threads(args.threads)
        with peer.Clock() as build:
            index.add_items(x, np.arange(len(x)))
        for ef in args.ef:
            index.set_ef(ef)
            with peer.Clock() as query:
                ids = without_self(index.knn_query(x, k=args.k + 1)[0].astype(np.int64), args.k)
            found = judge.fields(ids)
            if found["quality"] >= args.want:
                break
        return {"seconds": round(build.wall + query.wall, 4), "cpu_seconds": round(build.cpu + query.cpu, 4), "ef": ef,
                **found}
    return run


def judge_ids(args, x, judge):
    return lambda: {"seconds": 0, **judge.fields(np.load(args.ids))}


def main():
    ap = peer.arguments(["pynndescent", "hnswlib", "judge"], __doc__)
    ap.add_argument("--k", type=int, default=15)
    ap.add_argument("--ef", type=int, nargs="+", default=[16, 24, 32, 48, 64, 96, 128, 192, 256, 400, 600])
    ap.add_argument("--want", type=float, default=0.97)
    ap.add_argument("--ids", help="for judge")
    args = ap.parse_args()
    x = peer.unit_rows(args.npy)
    judge = Judge(x, args.k, args.seed)
    methods = {"pynndescent": pynndescent, "hnswlib": hnswlib, "judge": judge_ids}
    peer.serve(args, methods[args.method](args, x, judge))


if __name__ == "__main__":
    main()
