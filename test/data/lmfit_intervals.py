"""Writes lmfit_intervals.json: values, errors and profile intervals of lmfit, for single curves and curves with shared parameters.

python -m pip install lmfit && python test/data/lmfit_intervals.py
"""

import json
import pathlib

import lmfit
import numpy as np

draw = np.random.default_rng(54)


def logistic(x, bottom, top, ec50, slope):
    return bottom + (top - bottom) / (1 + (x / ec50) ** slope)


def decay(x, a, b, c):
    return a * np.exp(-b * x) + c


def solve(residuals, start):
    params = lmfit.Parameters()
    for name, value in start.items():
        params.add(name, value)
    minimizer = lmfit.Minimizer(residuals, params, calc_covar=True, xtol=1e-14, ftol=1e-14)
    found = minimizer.minimize(method="leastsq")
    intervals = lmfit.conf_interval(minimizer, found, sigmas=[0.95], maxiter=1000)
    return {
        "start": start,
        "chiSquared": found.chisqr,
        "values": {name: found.params[name].value for name in start},
        "errors": {name: found.params[name].stderr for name in start},
        "intervals": {name: [intervals[name][0][1], intervals[name][2][1]] for name in start},
    }


def single(model, x, truth, sigma):
    y = model(x, *truth.values()) + sigma * draw.standard_normal(x.size)
    weights = 1 / np.broadcast_to(sigma, x.shape)
    found = solve(lambda p: weights * (y - model(x, *p.valuesdict().values())), truth)
    return {"x": x.tolist(), "y": y.tolist(), "sigma": (1 / weights).tolist(), **found}


def shared(count):
    """Curves with one bottom and one top, and an ec50 and a slope each."""
    x = np.tile(np.logspace(-3, 2, 10), count)
    group = np.repeat(np.arange(count), 10)
    ec50, slope = 10 ** draw.uniform(-1.5, 0.5, count), draw.uniform(0.8, 2, count)
    y = logistic(x, 5, 100, ec50[group], slope[group]) + 3 * draw.standard_normal(x.size)

    def residuals(p):
        own = lambda name: np.array([p[f"{name}{k}"].value for k in range(count)])[group]
        return y - logistic(x, p["bottom"].value, p["top"].value, own("ec50"), own("slope"))

    start = {"bottom": 5.0, "top": 100.0}
    start.update({f"ec50{k}": float(ec50[k]) for k in range(count)})
    start.update({f"slope{k}": float(slope[k]) for k in range(count)})
    return {"x": x.tolist(), "y": y.tolist(), "group": group.tolist(), **solve(residuals, start)}


doses = np.repeat(np.logspace(-3, 2, 10), 3)
times = np.linspace(0, 9, 30)
dose_truth = {"bottom": 5.0, "top": 100.0, "ec50": 0.3, "slope": 1.2}
steep_truth = {"bottom": 5.0, "top": 100.0, "ec50": 1.0, "slope": 4.0}
decay_truth = {"a": 4.0, "b": 0.6, "c": 1.0}
cases = {
    "logistic": [single(logistic, doses, dose_truth, 4.0), single(logistic, doses, steep_truth, 2.0)],
    "decay": [
        single(decay, times, decay_truth, 0.2),
        single(decay, times, decay_truth, 0.05 + 0.05 * decay(times, *decay_truth.values())),
    ],
    "shared": [shared(4), shared(6)],
}
text = json.dumps({"lmfit": lmfit.__version__, **cases})
pathlib.Path(__file__).with_suffix(".json").write_text(text.replace('{"x"', '\n{"x"') + "\n")
