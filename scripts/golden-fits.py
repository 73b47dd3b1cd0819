"""Writes test/data/fits.json: random fits as SciPy solves them, with values, covariance and minimum cost.

python -m pip install scipy && python scripts/golden-fits.py

Unbounded fits of squared residuals use MINPACK (`method="lm"`, as in `curve_fit`), all others the default method of
`least_squares`. Derivatives are computed by complex steps and exact up to rounding. The covariance is (JᵀJ)⁻¹, which is
multiplied by 2·cost/(n − p) unless σ is known. For a robust loss, J is the Jacobian that `least_squares` scales by the
second derivatives of the loss. For counts, the residuals are deviance residuals and the covariance is the inverse Fisher
information.
"""

import json
import pathlib
import re

import numpy as np
import scipy
from scipy.optimize import least_squares

COUNT = 200
draw = np.random.default_rng(17)
uniform = draw.uniform

# Expressions in the columns t, or u and v, and the ranges from which their parameters are drawn.
MODELS = [
    ("a*exp(-b*t) + c", {"a": (1, 5), "b": (0.3, 1.5), "c": (0.2, 1)}),
    ("a/(1 + exp(-(t - m)/s))", {"a": (1, 5), "m": (2, 4), "s": (0.3, 1)}),
    ("a*exp(-(t - m)^2/(2*s^2)) + c", {"a": (2, 5), "m": (2, 4), "s": (0.5, 1), "c": (0.1, 1)}),
    ("a*g^2/((t - m)^2 + g^2) + c", {"a": (2, 5), "m": (2, 4), "g": (0.4, 1), "c": (0.1, 1)}),
    ("a*t/(k + t)", {"a": (1, 5), "k": (0.5, 3)}),
    ("a*t^n/(k^n + t^n)", {"a": (1, 5), "k": (1, 3), "n": (1.2, 3)}),
    ("a*sin(w*t + p) + c", {"a": (1, 3), "w": (1.5, 2.5), "p": (0.2, 1), "c": (-1, 1)}),
    ("slope*t + intercept", {"slope": (-2, 2), "intercept": (-1, 1)}),
    ("a + b*t + c*t^2 + d*t^3", {"a": (-1, 1), "b": (-1, 1), "c": (-0.5, 0.5), "d": (-0.1, 0.1)}),
    ("a*exp(-b*t) + c*exp(-d*t)", {"a": (2, 4), "b": (2, 4), "c": (1, 3), "d": (0.1, 0.4)}),
    ("a*exp(-b*u)*cos(c*v) + d", {"a": (2, 4), "b": (0.2, 0.6), "c": (0.8, 1.2), "d": (-1, 1)}),
    ("a*log(t + b) + c", {"a": (1, 3), "b": (0.5, 2), "c": (-1, 1)}),
]
KINDS = ["squared", "sigma", "absolute", "bounds", "fixed", "huber", "softL1", "cauchy", "poisson"]
# Models with positive values, which are suitable for counts.
COUNTED = ["a*exp(-b*t) + c", "a*exp(-(t - m)^2/(2*s^2)) + c", "a*t/(k + t)"]
FUNCTIONS = {name: getattr(np, name) for name in ("exp", "log", "sin", "cos")}


def function_of(text):
    code = compile(re.sub(r"\^", "**", text), text, "eval")
    return lambda names: eval(code, {"__builtins__": {}}, FUNCTIONS | names)


def derivatives(f, x):
    """The Jacobian, by complex steps."""
    columns = []
    for i in range(len(x)):
        moved = x.astype(complex)
        moved[i] += 1e-100j
        columns.append(f(moved).imag / 1e-100)
    return np.stack(columns, axis=1)


def problem(k):
    text, ranges = MODELS[k % len(MODELS)]
    kind = KINDS[k % len(KINDS)]
    if kind == "poisson" and text not in COUNTED:
        text = COUNTED[k % len(COUNTED)]
        ranges = dict(MODELS)[text]
    model = function_of(text)
    rows = int(draw.integers(len(ranges) + 8, 50))
    names = ["u", "v"] if "u)" in text else ["t"]
    columns = {name: np.round(uniform(0.1, 3 if name == "u" else 6, rows), 3) for name in names}
    truth = {name: uniform(*ends) for name, ends in ranges.items()}
    start = {name: float(f"{value * uniform(0.85, 1.15):.3g}") for name, value in truth.items()}
    exact = model(columns | truth)
    size = np.ptp(exact) * uniform(0.005, 0.08)
    sigma = None
    if kind in ("sigma", "absolute", "cauchy"):
        sigma = np.round(size * uniform(0.5, 2, rows) + 1e-4, 4)
    y = exact + draw.normal(size=rows) * (size if sigma is None else sigma)
    scale = 1.0
    if kind in ("huber", "softL1", "cauchy"):
        far = draw.choice(rows, 2, replace=False)
        y[far] += uniform(5, 15, 2) * size * draw.choice([-1, 1], 2)
        scale = float(f"{uniform(1, 3) * (size if sigma is None else 1):.3g}")
    if kind == "poisson":
        y = draw.poisson(20 * np.maximum(exact, 0.05)).astype(float)
        for name in ("a", "c"):
            if name in start:
                start[name] *= 20
    y = np.round(y, 4)
    bounds = {}
    if kind == "bounds":
        bounds = {name: sorted((round(0.5 * v, 3), round(1.8 * v, 3))) for name, v in truth.items()}
    fixed = [list(ranges)[int(draw.integers(len(ranges)))]] if kind == "fixed" else []
    free = [name for name in ranges if name not in fixed]
    if any(not low < start[name] < high for name, (low, high) in bounds.items()):
        return None

    names_of = lambda x: columns | {name: start[name] for name in fixed} | dict(zip(free, x))
    predicted = lambda x: model(names_of(x)) + 0 * y
    weights = 1 if sigma is None else sigma
    residual = lambda x: (predicted(x) - y) / weights
    jacobian = lambda x: derivatives(residual, x)
    if kind == "poisson":

        def residual(x):
            f = predicted(x)
            logs = np.where(y > 0, y * np.log(np.where(y > 0, y, 1) / f), 0)
            return np.sign(f - y) * np.sqrt(np.maximum(2 * (f - y + logs), 0))

        def jacobian(x):
            f, r = predicted(x), residual(x)
            slope = np.where(np.abs(f - y) < 1e-6 * f, 1 / np.sqrt(f), (1 - y / f) / np.where(r == 0, 1, r))
            return derivatives(predicted, x) * slope[:, None]

    first = np.array([start[name] for name in free])
    options = dict(jac=jacobian, ftol=1e-15, xtol=1e-15, gtol=1e-15, x_scale="jac", max_nfev=20000)
    loss = {"huber": "huber", "softL1": "soft_l1", "cauchy": "cauchy"}.get(kind, "linear")
    if bounds:
        box = np.array([bounds[name] for name in free]).T
        options |= dict(bounds=(box[0], box[1]))
    elif loss == "linear" and kind != "poisson":
        options |= dict(method="lm")
    try:
        with np.errstate(all="ignore"):
            solve = lambda x: least_squares(residual, x, loss=loss, f_scale=scale, **options)
            found = solve(first)
            again = solve(found.x * 1.01)
    except ValueError:
        return None
    inner = found.jac
    if kind == "poisson":
        inner = derivatives(predicted, found.x) / np.sqrt(predicted(found.x))[:, None]
    inverse = np.linalg.inv(inner.T @ inner)
    absolute = kind in ("absolute", "poisson")
    covariance = inverse * (1 if absolute else 2 * found.cost / (rows - len(free)))
    errors = np.sqrt(np.diag(covariance))
    # Fits that SciPy does not reproduce, that end at a bound, or that the data hardly determine are no reference.
    same = np.all(np.abs(found.x - again.x) < 1e-6 * errors) and np.all(errors < 0.5 * np.abs(found.x))
    inside = all(low < x < high for x, (low, high) in zip(found.x, bounds.values()))
    if not (found.success and same and inside):
        return None
    given = {name: {"start": value} for name, value in start.items()}
    for name, (low, high) in bounds.items():
        given[name] |= {"min": low, "max": high}
    for name in fixed:
        given[name] |= {"fixed": True}
    asked = {}
    if sigma is not None:
        asked["sigma"] = sigma.tolist()
    if kind == "absolute":
        asked["absoluteSigma"] = True
    if kind == "poisson":
        asked["loss"] = kind
    if loss != "linear":
        asked |= {"loss": kind, "lossScale": scale}
    return {
        "kind": kind,
        "model": text,
        "data": {name: column.tolist() for name, column in (columns | {"y": y}).items()},
        "start": given,
        "options": asked,
        "free": free,
        "values": found.x.tolist(),
        "covariance": covariance.tolist(),
        "chiSquared": 2 * found.cost,
    }


problems, k = [], 0
while len(problems) < COUNT:
    made = problem(k)
    k += 1
    if made is not None:
        problems.append(made)
print(f"{COUNT} of {k} problems")
path = pathlib.Path(__file__).parent.parent / "test/data/fits.json"
lines = ",\n".join(json.dumps(made) for made in problems)
path.write_text(f'{{"scipy": "{scipy.__version__}", "problems": [\n{lines}\n]}}\n')
