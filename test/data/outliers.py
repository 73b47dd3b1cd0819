"""Writes outliers.json: studentized residuals by NumPy, and the ROUT method (Motulsky and Brown, 2006) by SciPy.

python -m pip install numpy scipy && python test/data/outliers.py

Leverages and studentized residuals of the four-parameter logistic come from the hat matrix of the linearized model at
curve_fit's solution. ROUT minimizes the sum of log(1 + (r/RSDR)²) with Nelder-Mead and BFGS from the true parameters,
and repeats the fit with the RSDR of its residuals until RSDR no longer changes.
"""

import json
import pathlib

import numpy as np
from scipy import optimize, stats

rng = np.random.default_rng(5406)
TRUTH = np.array([5, 95, 1.1, 2.0])


def logistic(x, bottom, top, slope, ec50):
    return bottom + (top - bottom) / (1 + (ec50 / x) ** slope)


def jacobian(x, p):
    columns = []
    for i, one in enumerate(p):
        h = 1e-5 * abs(one)
        step = np.zeros(4)
        step[i] = h
        columns.append((logistic(x, *(p + step)) - logistic(x, *(p - step))) / (2 * h))
    return np.array(columns).T


def studentized(x, y, weights):
    p, _ = optimize.curve_fit(logistic, x, y, TRUTH, 1 / np.sqrt(weights), xtol=1e-15, ftol=1e-15, gtol=1e-15)
    root = np.sqrt(weights)
    j = jacobian(x, p) * root[:, None]
    h = np.diag(j @ np.linalg.solve(j.T @ j, j.T))
    r = root * (y - logistic(x, *p))
    freedom = len(x) - 4
    internal = r / np.sqrt(np.sum(r**2) / freedom * (1 - h))
    # The variance without the row, for a linear model.
    without = (np.sum(r**2) - r**2 / (1 - h)) / (freedom - 1)
    external = r / np.sqrt(without * (1 - h))
    return {"leverages": h.tolist(), "internal": internal.tolist(), "external": external.tolist()}


def rout(x, y, q=0.01):
    n, k = len(x), 4
    p = TRUTH.copy()

    def deviation(p):
        r = np.abs(y - logistic(x, *p))
        return np.percentile(r, 68.27) * n / (n - k)

    scale = deviation(optimize.curve_fit(logistic, x, y, p)[0])
    for _ in range(200):
        cost = lambda p: np.sum(np.log1p(((y - logistic(x, *p)) / scale) ** 2))
        for method, options in (("Nelder-Mead", {"xatol": 1e-10, "fatol": 1e-12, "maxiter": 4000}), ("BFGS", {})):
            p = optimize.minimize(cost, p, method=method, options=options).x
        next_scale = deviation(p)
        done = abs(next_scale - scale) < 1e-7 * scale
        scale = next_scale
        if done:
            break
    r = np.abs(y - logistic(x, *p))
    order = np.argsort(r)
    marked = []
    for i in range(int(0.7 * n) + 1, n + 1):
        t = r[order[i - 1]] / scale
        if 2 * stats.t.sf(t, n - k) < q * (n - (i - 1)) / n:
            marked = sorted(int(row) for row in order[i - 1 :])
            break
    return {"deviation": scale, "rows": marked, "t": [float(r[row] / scale) for row in marked]}


sets = []
for moved in ([], [3], [5, 16], [0, 10, 20]):
    x = np.repeat(np.logspace(-2, 2, 12), 2)
    y = np.round(logistic(x, *TRUTH) + 3 * rng.standard_normal(len(x)), 3)
    for row in moved:
        y[row] = np.round(y[row] + rng.choice([-1, 1]) * 30, 3)
    weights = np.round(rng.uniform(0.5, 2, len(x)), 3)
    sets.append(
        {
            "x": x.tolist(),
            "y": y.tolist(),
            "weights": weights.tolist(),
            "plain": studentized(x, y, np.ones(len(x))),
            "weighted": studentized(x, y, weights),
            "rout": rout(x, y),
        }
    )
path = pathlib.Path(__file__).with_name("outliers.json")
path.write_text(json.dumps(sets) + "\n")
