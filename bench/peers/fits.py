"""Fits with SciPy's curve_fit, and profiles of lmfit, one behind the other: python fits.py.

Commands come as lines of JSON on stdin and are answered on stdout: see serve.py.
"""

import os
import time

from serve import serve

# Nothing here is large enough for BLAS to have threads.
os.environ["OPENBLAS_NUM_THREADS"] = "1"

import numpy as np
import scipy
from scipy.optimize import curve_fit

clock = time.perf_counter_ns


def model(t, a, b, c):
    return a * np.exp(-b * t) + c


def derivatives(t, a, b, c):
    e = np.exp(-b * t)
    return np.stack([e, -a * t * e, np.ones_like(t)], axis=1)


class Fits:
    def __init__(self, s):
        self.t, self.columns = np.array(s["t"]), [np.array(y) for y in s["y"]]
        self.options = {"p0": s["start"]} | ({"jac": derivatives} if s["jac"] else {})

    def run(self):
        self.found = [curve_fit(model, self.t, y, **self.options) for y in self.columns]


class Bootstrap:
    """Fits to a curve and residuals drawn from its own, each from where the fit has ended; quantiles of them."""

    def __init__(self, s):
        self.t, self.count = np.array(s["t"]), s["count"]
        y = np.array(s["y"][0])
        self.point = curve_fit(model, self.t, y, p0=s["start"])[0]
        self.curve = model(self.t, *self.point)
        residuals = y - self.curve
        rows = len(y)
        self.pool = (residuals - residuals.mean()) * np.sqrt(rows / (rows - len(self.point)))
        self.random = np.random.default_rng(1)

    def run(self):
        rows = len(self.curve)
        refits = [
            curve_fit(model, self.t, self.curve + self.pool[self.random.integers(0, rows, rows)], p0=self.point)
            for _ in range(self.count)
        ]
        self.found = [(ends, None) for ends in np.quantile([x for x, _ in refits], [0.025, 0.975], axis=0).T]


class Profiles:
    """Profiles by lmfit's conf_interval at 95 %, of fits that are made already."""

    def __init__(self, s):
        import lmfit

        self.lmfit = lmfit
        t = np.array(s["t"])
        self.fits = []
        for y in s["y"]:
            parameters = lmfit.create_params(**dict(zip("abc", s["start"])))
            data = (t, np.array(y))
            off = lambda p, t, y: model(t, *p.valuesdict().values()) - y
            minimizer = lmfit.Minimizer(off, parameters, fcn_args=data)
            self.fits.append((minimizer, minimizer.minimize()))

    def run(self):
        self.found = [self.lmfit.conf_interval(*fit, sigmas=[0.95]) for fit in self.fits]

    def intervals(self):
        return [[[ends[name][0][1], ends[name][-1][1]] for name in "abc"] for ends in self.found]


def kind_of(s):
    return Profiles if "profile" in s else Bootstrap if "count" in s else Fits


subjects = {}


def answer(command):
    call, subject = command["call"], subjects.get(command.get("id"))
    if call == "open":
        return {"scipy": scipy.__version__, "numpy": np.__version__}
    if call == "make":
        subjects[command["id"]] = kind_of(command)(command)
    elif call == "run":
        start = clock()
        subject.run()
        return {"ns": clock() - start}
    elif call == "found" and isinstance(subject, Profiles):
        return {"intervals": subject.intervals()}
    elif call == "found":
        return {"values": [values.tolist() for values, _ in subject.found]}
    return {}


serve(answer)
