"""Reads problems as JSON from standard input, fits them with SciPy and lmfit, and prints JSON lines."""

import json
import re
import sys
import time
import warnings

import numpy as np
from scipy.optimize import curve_fit

try:
    import lmfit
except ImportError:
    lmfit = None

warnings.simplefilter("ignore")
np.seterr(all="ignore")
SCOPE = {name: getattr(np, name) for name in ("exp", "log", "sin", "cos", "tan", "sqrt", "tanh")}
SCOPE["atan"] = np.arctan


def cost(f, p, x, y, sigma):
    r = (f(x, *p) - y) / sigma
    return float(np.sum(r * r))


def timed(run, repeats):
    """The result and the median CPU time of several runs."""
    times = []
    for _ in range(repeats):
        began = time.process_time()
        result = run()
        times.append(time.process_time() - began)
    return result, sorted(times)[len(times) // 2]


def report(run, f, x, y, sigma, repeats):
    try:
        p, seconds = timed(run, repeats)
        return {"chiSquared": cost(f, p, x, y, sigma), "seconds": seconds}
    except Exception as error:  # a failed fit is a result
        return {"chiSquared": None, "seconds": None, "error": str(error)[:200]}


def solve(problem, repeats):
    names = list(problem["start"])
    text = re.sub(r"\^", "**", problem["model"])
    f = eval(f"lambda x, {', '.join(names)}: {text} + 0*x", SCOPE)
    x, y = np.array(problem["x"], float), np.array(problem["y"], float)
    sigma = np.array(problem["sigma"], float) if "sigma" in problem else np.ones_like(y)
    start = [float(problem["start"][name]) for name in names]
    found = {
        "SciPy": report(
            lambda: curve_fit(f, x, y, p0=start, sigma=sigma, maxfev=100000)[0], f, x, y, sigma, repeats
        )
    }
    if lmfit is not None:
        model = lmfit.Model(f, independent_vars=["x"])
        params = model.make_params(**dict(zip(names, start)))

        def run():
            result = model.fit(y, params, x=x, weights=1 / sigma, max_nfev=100000)
            return [result.params[name].value for name in names]

        found["lmfit"] = report(run, f, x, y, sigma, repeats)
    return found


problems = json.load(sys.stdin)
for one in problems["problems"]:
    print(json.dumps({"name": one["name"], "found": solve(one, problems["repeats"])}), flush=True)
