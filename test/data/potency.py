"""Writes potency.json: relative potencies, and F tests of shared parameters, computed by SciPy.

python -m pip install numpy scipy && python test/data/potency.py

Four-parameter logistics of three groups are fitted together by least_squares. Errors of quantities that combine groups
follow from the joint covariance s²·(JᵀJ)⁻¹ by the delta method, with numerical derivatives.
"""

import json
import pathlib

import numpy as np
from scipy import optimize, stats

rng = np.random.default_rng(546)
DOSES = np.array([0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100])
NAMES = ["bottom", "top", "slope", "ec50"]
TRUTHS = [[2, 98, 1.1, 0.8], [2, 98, 1.1, 2.1], [2, 98, 1.4, 6.0]]


def logistic(x, bottom, top, slope, ec50):
    return bottom + (top - bottom) / (1 + (ec50 / x) ** slope)


y = [np.round(logistic(DOSES, *p) + 2 * rng.standard_normal(len(DOSES)), 3) for p in TRUTHS]


def fit(shared):
    """Indices of each group's parameters in the joint vector, its solution, covariance and sum of squares."""
    places, start = [], []
    for g, truth in enumerate(TRUTHS):
        own = []
        for i, name in enumerate(NAMES):
            if name in shared and g > 0:
                own.append(places[0][i])
            else:
                own.append(len(start))
                start.append(truth[i])
        places.append(own)
    residuals = lambda p: np.concatenate([logistic(DOSES, *p[own]) - f for own, f in zip(places, y)])
    found = optimize.least_squares(residuals, start, xtol=1e-15, ftol=1e-15, gtol=1e-15, jac="3-point", x_scale="jac")
    chi = float(np.sum(found.fun**2))
    freedom = found.fun.size - len(start)
    covariance = np.linalg.inv(found.jac.T @ found.jac) * chi / freedom
    return places, found.x, covariance, chi, freedom


def quantity(f, shared):
    places, p, covariance, _, freedom = fit(shared)
    groups = lambda p: [dict(zip(NAMES, p[own])) for own in places]
    slopes = []
    for i in range(len(p)):
        h = 1e-6 * abs(p[i])
        up, down = p.copy(), p.copy()
        up[i] += h
        down[i] -= h
        slopes.append((f(groups(up)) - f(groups(down))) / (2 * h))
    value = f(groups(p))
    error = float(np.sqrt(np.array(slopes) @ covariance @ np.array(slopes)))
    half = stats.t.ppf(0.975, freedom) * error
    return {"value": value, "error": error, "low": value - half, "high": value + half}


def test(reduced, full):
    *_, less, below = fit(reduced)
    *_, more, freedom = fit(full)
    above = below - freedom
    f = (less - more) / above / (more / freedom)
    n = 3 * len(DOSES)

    def aicc(chi, freedom):
        k = n - freedom + 1
        return n * np.log(chi / n) + 2 * k + 2 * k * (k + 1) / (n - k - 1)

    return {
        "statistic": f,
        "degreesOfFreedom": [above, freedom],
        "pValue": float(stats.f.sf(f, above, freedom)),
        "aicc": [aicc(less, below), aicc(more, freedom)],
    }


shared = ["bottom", "top", "slope"]
result = {
    "x": DOSES.tolist(),
    "y": [column.tolist() for column in y],
    "quantities": {
        "ec50[1]/ec50[0]": quantity(lambda g: g[1]["ec50"] / g[0]["ec50"], shared),
        "log(ec50[2]/ec50[1])": quantity(lambda g: float(np.log(g[2]["ec50"] / g[1]["ec50"])), shared),
        "(top - bottom)*ec50[2] - ec50[0]": quantity(
            lambda g: (g[0]["top"] - g[0]["bottom"]) * g[2]["ec50"] - g[0]["ec50"], shared
        ),
    },
    "tests": {
        "slope": test(shared, ["bottom", "top"]),
        "ec50": test(["bottom", "top", "slope", "ec50"], shared),
    },
}
path = pathlib.Path(__file__).with_name("potency.json")
path.write_text(json.dumps(result, indent=2) + "\n")
