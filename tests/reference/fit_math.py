"""Fits the polynomials of src/num/kernels.inc: erf(x) = x P(x^2) / Q(x^2) on 0..4, and exp on -ln 2 / 2 .. ln 2 / 2.

Least squares on Chebyshev points, with weights raised where the error is largest (Lawson), comes close to the minimax fit.
"""
import numpy as np
from scipy.special import erf


def fit_erf(p=5, q=5, end=4.0, n=4000):
    t = (0.5 - 0.5 * np.cos(np.pi * (np.arange(n) + 0.5) / n)) * end * end
    x = np.sqrt(t)
    f = erf(x) / x
    s = np.vander(t / end ** 2, max(p, q) + 1, increasing=True)
    weight, below, best = np.ones(n), np.ones(n), None
    for _ in range(400):
        a = np.concatenate([s[:, :p + 1], -f[:, None] * s[:, 1:q + 1]], axis=1)
        scale = np.sqrt(weight) * x / below
        c = np.linalg.lstsq(a * scale[:, None], f * scale, rcond=None)[0]
        above, lower = c[:p + 1], np.concatenate([[1], c[p + 1:]])
        below = s[:, :q + 1] @ lower
        error = np.abs(s[:, :p + 1] @ above / below - f) * x
        if best is None or error.max() < best[0]:
            powers = (end ** 2) ** np.arange(max(p, q) + 1)
            best = error.max(), above / powers[:p + 1], lower / powers[:q + 1]
        weight *= error / error.max() + 1e-3
        weight /= weight.mean()
    return best


def fit_exp(degree=6, n=2000):
    r = np.cos(np.pi * (np.arange(n) + 0.5) / n) * np.log(2) / 2
    v = np.vander(r, degree + 1, increasing=True)[:, 2:]
    weight = np.ones(n)
    for _ in range(200):
        scale = np.sqrt(weight) / np.exp(r)
        c = np.linalg.lstsq(v * scale[:, None], (np.exp(r) - 1 - r) * scale, rcond=None)[0]
        error = np.abs(v @ c + 1 + r - np.exp(r)) / np.exp(r)
        weight *= error / error.max() + 1e-3
        weight /= weight.mean()
    return error.max(), c


def main():
    error, above, below = fit_erf()
    print("erf error", error)
    print("P", ["%.9g" % np.float32(c) for c in above])
    print("Q", ["%.9g" % np.float32(c) for c in below])
    error, c = fit_exp()
    print("exp error", error)
    print("from r^2", ["%.9g" % np.float32(v) for v in c])


if __name__ == "__main__":
    main()
