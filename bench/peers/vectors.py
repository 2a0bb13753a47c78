"""Vectors like those of embedded texts, the same for the same numbers: python vectors.py OUT.npy N D [SEED]

200 topics and N / 50 sub-topics of Zipf sizes in 64 latent dimensions, turned into D, with noise in all of them; unit
rows of float32. Written piece by piece: a million rows need no more memory than a thousand.
"""
import sys

import numpy as np


def synthetic(path, n, d, seed, topics=200, latent=64, sub_spread=0.6, spread=0.45, noise=0.35):
    """Each scale is the length of its random part relative to a topic centre of length 1."""
    rng = np.random.default_rng(seed)
    subs = max(topics, n // 50)
    basis = np.linalg.qr(rng.standard_normal((d, latent)))[0].T.astype(np.float32)

    def ball(rows, dims, length):
        return (length / np.sqrt(dims)) * rng.standard_normal((rows, dims), dtype=np.float32)

    centres = ball(topics, latent, 1.0)[rng.integers(0, topics, subs)] + ball(subs, latent, sub_spread)
    share = 1.0 / np.arange(1, subs + 1) ** 0.8
    label = rng.choice(subs, size=n, p=share / share.sum()).astype(np.int32)
    out = np.lib.format.open_memmap(path, mode="w+", dtype=np.float32, shape=(n, d))
    for s in range(0, n, 16384):
        some = label[s:s + 16384]
        z = centres[some] + ball(len(some), latent, spread)
        v = z @ basis + ball(len(some), d, noise)
        out[s:s + 16384] = v / np.linalg.norm(v, axis=1, keepdims=True)
    out.flush()


if __name__ == "__main__":
    if len(sys.argv) not in (4, 5):
        sys.exit(__doc__)
    synthetic(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]) if len(sys.argv) > 4 else 1)
