"""Profile intervals of simulated sets by SciPy: nested least squares, and brentq for the ends.

Reads one JSON object from stdin: a case and its sets. Writes the ends of each set: null for a missing end, and no ends
for a fit that has not converged.
"""

import json
import re
import sys

import numpy as np
from scipy.optimize import brentq, leastsq
from scipy.stats import chi2, f

FUNCTIONS = {"exp": np.exp, "log": np.log}
case = json.load(sys.stdin)
names, at = list(case["truth"]), list(case["truth"]).index(case["of"])
x = np.array(case["x"])
sigma = None if case["sigma"] is None else np.array(case["sigma"])
text = re.sub(r"\^", "**", case["model"])
model = eval(f"lambda x, {', '.join(names)}: {text}", FUNCTIONS)


def residuals(p, y):
    there = model(x, *p)
    if sigma is not None:
        found = (y - there) / sigma
    else:
        logs = np.where(y > 0, y * np.log(np.where(y > 0, y, 1) / there), 0)
        found = np.sign(y - there) * np.sqrt(np.maximum(2 * (there - y + logs), 0))
        found = np.where(there > 0, found, 1e10)
    return found if np.isfinite(found.sum()) else np.where(np.isfinite(found), found, 1e10)


def ends(y):
    tight = {"ftol": 1e-12, "xtol": 1e-10, "gtol": 0, "maxfev": 3000}
    best, covariance, _, _, reason = leastsq(residuals, list(case["truth"].values()), (y,), full_output=True, **tight)
    if reason not in (1, 2, 3) or covariance is None:
        return None
    least = np.sum(residuals(best, y) ** 2)
    freedom = len(x) - len(names)
    if case["isKnown"]:
        rise, scale = chi2.ppf(0.95, 1), 1
    else:
        rise, scale = least * f.ppf(0.95, 1, freedom) / freedom, least / freedom
    error = np.sqrt(covariance[at, at] * scale)
    found = []
    for sign in (-1, 1):
        others = np.delete(best, at)

        def off(value):
            def held(q):
                return residuals([*q[:at], value, *q[at:]], y)

            there = leastsq(held, others, **tight)[0]
            return np.sum(held(there) ** 2) - least - rise, there

        # Other models have a pole at 0, so steps approach it instead of jumping over it.
        inner, step = best[at], min(error, abs(best[at])) / 4
        for _ in range(120):
            value, there = off(inner + sign * step)
            if value > 0:
                found.append(brentq(lambda v: off(v)[0], inner, inner + sign * step, xtol=1e-7 * error))
                break
            inner, others = inner + sign * step, there
            step = min(2 * step, abs(inner) / 2)
            if case["passesZero"] and sign * inner < 0 and abs(inner) < 0.02 * error:
                # Beyond 0, the other parameters return from infinity with the opposite sign.
                step, others = 2 * abs(inner), -others
        else:
            found.append(None)
    return found


np.seterr(all="ignore")
json.dump([ends(np.array(y)) for y in case["y"]], sys.stdout)
