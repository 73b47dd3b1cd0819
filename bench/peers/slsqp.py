"""Processor time of SciPy's SLSQP with exact gradients, in microseconds per problem: python slsqp.py count."""

import os
import sys
import time

os.environ["OPENBLAS_NUM_THREADS"] = "1"

import numpy as np
from scipy.optimize import minimize

product = {
    "type": "ineq",
    "fun": lambda x: x[0] * x[1] * x[2] * x[3] - 25,
    "jac": lambda x: np.array([x[1] * x[2] * x[3], x[0] * x[2] * x[3], x[0] * x[1] * x[3], x[0] * x[1] * x[2]]),
}
squares = {"type": "eq", "fun": lambda x: x @ x - 40, "jac": lambda x: 2 * x}


def value(x):
    return x[0] * x[3] * (x[0] + x[1] + x[2]) + x[2]


def gradient(x):
    total = x[0] + x[1] + x[2]
    return np.array([x[3] * (x[0] + total), x[0] * x[3], x[0] * x[3] + 1, x[0] * total])


def hs71():
    return minimize(
        value, [1, 5, 5, 1.0], jac=gradient, method="SLSQP", bounds=[(1, 5)] * 4, constraints=[product, squares]
    )


rng = np.random.default_rng(1)
returns = rng.normal(size=(30, 10))
covariance = returns.T @ returns / 30
one = {"type": "eq", "fun": lambda w: w.sum() - 1, "jac": lambda w: np.ones(10)}


def portfolio():
    return minimize(
        lambda w: w @ covariance @ w,
        np.full(10, 0.1),
        jac=lambda w: 2 * covariance @ w,
        method="SLSQP",
        bounds=[(0, 1)] * 10,
        constraints=[one],
    )


def microseconds(run, count):
    run()
    start = time.process_time_ns()
    for _ in range(count):
        run()
    return (time.process_time_ns() - start) / count / 1000


count = int(sys.argv[1])
print(microseconds(hs71, count), microseconds(portfolio, count))
