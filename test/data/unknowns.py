"""Writes unknowns.json: unknowns on standard curves, computed by SciPy.

python -m pip install numpy scipy && python test/data/unknowns.py

The line uses Fieller's closed formula. The four-parameter logistic uses curve_fit and its covariance; brentq inverts
the curve and the prediction band of the mean (as investr::invest(interval = "inversion") in R). The standard error is
drc's delta formula √(g'Σg + s²/m)/|f'(x)|.
"""

import json
import pathlib

import numpy as np
from scipy import optimize, stats

rng = np.random.default_rng(54)
LEVEL = 0.95


def line():
    x = np.array([0, 1, 2, 3, 4, 5, 6, 7.0])
    y = np.round(1 + 2 * x + 0.3 * rng.standard_normal(8), 4)
    n, mx, my = len(x), x.mean(), y.mean()
    sxx = np.sum((x - mx) ** 2)
    b = np.sum((x - mx) * (y - my)) / sxx
    a = my - b * mx
    s2 = np.sum((y - a - b * x) ** 2) / (n - 2)
    t = stats.t.ppf((1 + LEVEL) / 2, n - 2)
    unknowns = []
    for replicates in ([6.2], [9.9, 10.4, 10.1]):
        mean, m = np.mean(replicates), len(replicates)
        g = t * t * s2 / (b * b * sxx)
        center = mx + (mean - my) / (b * (1 - g))
        half = t * np.sqrt(s2) / (b * (1 - g)) * np.sqrt((1 - g) * (1 / m + 1 / n) + (mean - my) ** 2 / (b * b * sxx))
        value = (mean - a) / b
        error = np.sqrt(s2 * (1 / m + 1 / n + (value - mx) ** 2 / sxx)) / abs(b)
        unknowns.append({"y": replicates, "value": value, "error": error, "low": center - half, "high": center + half})
    return {"name": "a line", "x": x.tolist(), "y": y.tolist(), "unknowns": unknowns}


def logistic(x, bottom, top, slope, ec50):
    return bottom + (top - bottom) / (1 + (ec50 / x) ** slope)


def gradient(x, p, step=1e-6):
    columns = []
    for i, one in enumerate(p):
        h = step * max(abs(one), 1e-3)
        up, down = list(p), list(p)
        up[i] += h
        down[i] -= h
        columns.append((logistic(x, *up) - logistic(x, *down)) / (2 * h))
    return np.array(columns)


def sigmoid():
    x = np.repeat([0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100], 2)
    y = np.round(logistic(x, 0.1, 2.1, 1.2, 2) + 0.05 * rng.standard_normal(len(x)), 4)
    p, covariance = optimize.curve_fit(logistic, x, y, [0, 2, 1, 2], xtol=1e-15, ftol=1e-15, gtol=1e-15)
    freedom = len(x) - 4
    s2 = np.sum((y - logistic(x, *p)) ** 2) / freedom
    t = stats.t.ppf((1 + LEVEL) / 2, freedom)
    unknowns = []
    for replicates in ([0.5], [1.2, 1.1, 1.25], [1.95]):
        mean, m = np.mean(replicates), len(replicates)

        def excess(x):
            g = gradient(x, p)
            return (mean - logistic(x, *p)) ** 2 - t * t * (g @ covariance @ g + s2 / m)

        value = optimize.brentq(lambda x: logistic(x, *p) - mean, 0.01, 100, xtol=1e-15, rtol=1e-15)
        g = gradient(value, p)
        slope = (logistic(value * 1.000001, *p) - logistic(value * 0.999999, *p)) / (value * 2e-6)
        error = np.sqrt(g @ covariance @ g + s2 / m) / abs(slope)
        low = value
        while excess(low) <= 0:
            low *= 0.99
        high = value
        while excess(high) <= 0 and high < 1e6:
            high *= 1.01
        low = optimize.brentq(excess, low, value, xtol=1e-15, rtol=1e-14)
        high = optimize.brentq(excess, value, high, xtol=1e-15, rtol=1e-14) if high < 1e6 else None
        unknowns.append({"y": replicates, "value": value, "error": error, "low": low, "high": high})
    return {"name": "a four-parameter logistic", "x": x.tolist(), "y": y.tolist(), "unknowns": unknowns}


path = pathlib.Path(__file__).with_name("unknowns.json")
path.write_text(json.dumps([line(), sigmoid()], indent=2) + "\n")
