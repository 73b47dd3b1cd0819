"""SciPy's L-BFGS-B on the problems of bench/methods.mjs. Prints microseconds of processor time per run, as JSON."""

import json
import sys
import time

import numpy as np
from scipy.optimize import minimize

runs = int(sys.argv[1])


def start(run, size):
    """The starting points of bench/methods.mjs."""
    return [4 * (((run + 1) * (i + 1) * 0.6180339887498949) % 1) - 2 for i in range(size)]


def valley2(x):
    a, b = x[0], x[1]
    curve = b - a * a
    return (1 - a) ** 2 + 100 * curve**2, np.array([-2 * (1 - a) - 400 * a * curve, 200 * curve])


def valley(x):
    curve = x[1:] - x[:-1] ** 2
    rest = 1 - x[:-1]
    gradient = np.zeros_like(x)
    gradient[:-1] = -400 * x[:-1] * curve - 2 * rest
    gradient[1:] += 200 * curve
    return 100 * curve @ curve + rest @ rest, gradient


def function(x):
    a, b, c, d = x
    return (a + 10 * b) ** 2 + 5 * (c - d) ** 2 + (b - 2 * c) ** 2 + 10 * (a - d) ** 2 + (a - 1) ** 2


def measure(count, f, size, **options):
    begin = time.process_time()
    for run in range(count):
        minimize(f, start(run, size), method="L-BFGS-B", **options)
    return 1e6 * (time.process_time() - begin) / count


times = {}
for size in (2, 10, 30):
    f = valley2 if size == 2 else valley
    times[f"free {size}"] = measure(runs, f, size, jac=True)
    times[f"box {size}"] = measure(runs, f, size, jac=True, bounds=[(-2, 2)] * size)
times["function"] = measure(runs, function, 4)
print(json.dumps(times))
