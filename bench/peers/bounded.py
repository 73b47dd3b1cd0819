"""SciPy's L-BFGS-B on problems whose values bench/evaluations.mjs computes.

Each line of the input is a problem, or a value and a gradient. Each line of the output is a point, or the end of a run.
"""

import json
import sys

import numpy as np
from scipy.optimize import minimize


def number(value):
    """JavaScript writes infinities and NaN as null."""
    return np.nan if value is None else value


def evaluate(x):
    print(json.dumps({"point": x.tolist()}), flush=True)
    answer = json.loads(sys.stdin.readline())
    return number(answer["value"]), np.array([number(g) for g in answer["gradient"]], dtype=float)


for line in sys.stdin:
    problem = json.loads(line)
    bounds = list(zip(problem["lower"], problem["upper"], strict=True))
    options = {"ftol": 0, "gtol": 1e-10, "maxiter": 15000}
    found = minimize(evaluate, problem["start"], method="L-BFGS-B", jac=True, bounds=bounds, options=options)
    print(json.dumps({"ended": str(found.message)}), flush=True)
