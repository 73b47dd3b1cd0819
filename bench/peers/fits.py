"""Sequential fits with SciPy's curve_fit, and profiles with lmfit: python fits.py.

Commands come as lines of JSON on stdin and are answered on stdout: see serve.py.
"""

import os
import time

from serve import serve

# The problems are too small for BLAS threads.
os.environ["OPENBLAS_NUM_THREADS"] = "1"

import numpy as np
import scipy
from scipy.optimize import curve_fit, least_squares
from scipy.sparse import csr_matrix

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
    """Bootstrap of the residuals of a fit, with each refit started at the fit's result; returns quantiles."""

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
    """Profiles of existing fits by lmfit's conf_interval at 95%."""

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


class Shared:
    """Groups a·exp(−k·t) + c·exp(−q·t) with shared k and q: trf with lsmr and the exact sparse Jacobian."""

    def __init__(self, s):
        self.t, self.y = np.array(s["t"]), np.array(s["y"])
        groups, rows = self.y.shape
        own = 2 * np.repeat(np.arange(groups), rows)[:, None]
        both = np.broadcast_to(2 * groups + np.arange(2), (groups * rows, 2))
        self.columns = np.hstack([own, own + 1, both]).ravel()
        self.ends = np.arange(0, 4 * groups * rows + 1, 4)
        self.start = np.concatenate([np.tile([4.0, 1.0], groups), [1.0, 0.2]])

    def parts(self, p):
        a, c = p[:-2].reshape(-1, 2).T[:, :, None]
        return a, c, np.exp(-p[-2] * self.t), np.exp(-p[-1] * self.t)

    def off(self, p):
        a, c, fast, slow = self.parts(p)
        return (a * fast + c * slow - self.y).ravel()

    def slopes(self, p):
        a, c, fast, slow = self.parts(p)
        values = np.empty((*self.y.shape, 4))
        values[:, :, 0], values[:, :, 1] = fast, slow
        values[:, :, 2], values[:, :, 3] = -a * self.t * fast, -c * self.t * slow
        return csr_matrix((values.ravel(), self.columns, self.ends), (self.y.size, len(p)))

    def run(self):
        # With the default tolerances of lsmr, no fit reaches the minimum of χ² to nine digits.
        inner = {"tr_options": {"atol": 1e-12, "btol": 1e-12}}
        options = {"jac": self.slopes, "method": "trf", "tr_solver": "lsmr"} | inner
        tolerances = {"ftol": 1e-10, "xtol": 1e-10, "gtol": 1e-10}
        self.found = least_squares(self.off, self.start, **options, **tolerances)


def kind_of(s):
    if "shared" in s:
        return Shared
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
    elif call == "found" and isinstance(subject, Shared):
        return {"chiSquared": 2 * subject.found.cost, "shared": subject.found.x[-2:].tolist()}
    elif call == "found":
        return {"values": [values.tolist() for values, _ in subject.found]}
    return {}


serve(answer)
