"""Least costs of dose-response plates by SciPy, from the true values and from random starts.

Reads one JSON object from stdin: `plates`, `losses`, the number of random `starts`, their `seed`, and `shared`. Writes
one list per plate with one object per loss: the costs of the wells, or one cost if the wells share their plateaus. The
cost of a well with fewer than four rows is null.

MINPACK minimizes the sum of squares of sign(r)*sqrt(c^2*rho((r/c)^2)), which equals the robust cost, with exact
derivatives.
"""

import json
import sys

import numpy as np
from scipy.optimize import leastsq
from scipy.special import expit

task = json.load(sys.stdin)
random = np.random.default_rng(task["seed"])
LOOSE = {"ftol": 1e-5, "xtol": 1e-5, "gtol": 0, "maxfev": 60}
TIGHT = {"ftol": 1e-14, "xtol": 1e-14, "gtol": 0, "maxfev": 1000}
# Number of the best ends of the loose fits, each a different cost, from which tight fits continue
CONTINUED = 4


def transform(loss, c, r):
    """Transformed residuals and their derivatives."""
    if loss == "squared":
        return r, np.ones_like(r)
    a = np.abs(r) / c
    if loss == "huber":
        root = np.sqrt(np.where(a > 1, 2 * a - 1, 1))
        return np.where(a > 1, np.sign(r) * c * root, r), np.where(a > 1, 1 / root, 1)
    h = np.hypot(1, a)
    # sqrt(2*(h - 1)) = a*sqrt(2/(h + 1)), without cancellation
    root = np.sqrt(2 / (h + 1))
    return r * root, 1 / (root * h)


def rows(log_x, bottom, top, log_ec50, slope):
    t = slope * (log_x - log_ec50)
    s = expit(t)
    d = (top - bottom) * s * (1 - s)
    return bottom + (top - bottom) * s, np.stack([1 - s, s, -slope * d, (log_x - log_ec50) * d])


def start_near(well, x, y, width):
    """A random start: plateaus in the range of y, and a half-maximal dose in the widened range of x."""
    low, high = y.min(), y.max()
    bottom, top = random.uniform(low, high, 2)
    log_ec50 = random.uniform(np.log(x.min()) - width, np.log(x.max()) + width)
    return [bottom, top, log_ec50, random.choice([-1, 1]) * np.exp(random.uniform(np.log(0.3), np.log(8)))]


def true_values(well):
    truth = well["truth"]
    return [truth["bottom"], truth["top"], np.log(truth["ec50"]), truth["slope"]]


def well_cost(well, loss, c):
    x, y = np.array(well["x"]), np.array(well["y"])
    if len(x) < 4:
        return None
    log_x = np.log(x)

    def residuals(p):
        return transform(loss, c, rows(log_x, *p)[0] - y)[0]

    def derivatives(p):
        f, slopes = rows(log_x, *p)
        return slopes * transform(loss, c, f - y)[1]

    starts = [true_values(well)] + [start_near(well, x, y, 0.5) for _ in range(task["starts"])]
    return least_cost(residuals, derivatives, starts, TIGHT)


def least_cost(residuals, derivatives, starts, tight):
    """Least cost from the starts: a loose fit from each start, and tight fits from the best ends."""

    def fit(start, options):
        end = leastsq(residuals, start, Dfun=derivatives, col_deriv=1, full_output=True, **options)[0]
        cost = np.sum(residuals(end) ** 2)
        return (cost if np.isfinite(cost) else np.inf), end

    ends = sorted((fit(start, LOOSE) for start in starts), key=lambda found: found[0])
    kept = []
    for cost, end in ends:
        if len(kept) < CONTINUED and all(cost > 1.001 * other for other, _ in kept):
            kept.append((cost, end))
    return min([cost for cost, _ in kept] + [fit(end, tight)[0] for _, end in kept])


def plate_cost(plate, loss, c):
    """Least cost of a plate whose wells share bottom and top: parameters bottom, top, then two per well."""
    wells = [well for well in plate["wells"] if len(well["x"]) >= 2]
    log_x = np.log(np.concatenate([well["x"] for well in wells]))
    y = np.concatenate([well["y"] for well in wells])
    at = np.repeat(np.arange(len(wells)), [len(well["x"]) for well in wells])
    every = np.arange(len(y))

    def model(p):
        return rows(log_x, p[0], p[1], p[2::2][at], p[3::2][at])

    def residuals(p):
        return transform(loss, c, model(p)[0] - y)[0]

    def derivatives(p):
        f, slopes = model(p)
        scale = transform(loss, c, f - y)[1]
        matrix = np.zeros((len(p), len(y)))
        matrix[:2] = slopes[:2] * scale
        matrix[2 + 2 * at, every] = slopes[2] * scale
        matrix[3 + 2 * at, every] = slopes[3] * scale
        return matrix

    truth = np.array([plate["bottom"], plate["top"]] + [v for well in wells for v in true_values(well)[2:]])
    starts = [truth]
    for _ in range(task["starts"]):
        local = [start_near(well, np.array(well["x"]), np.array(well["y"]), 0.5)[2:] for well in wells]
        # The plateaus and the directions of the true curves, with other half-maximal doses and slopes
        signs = np.sign(truth[3::2])
        start = np.concatenate([truth[:2], np.ravel(local)])
        start[3::2] = signs * np.abs(start[3::2])
        starts.append(start)
    return least_cost(residuals, derivatives, starts, TIGHT | {"maxfev": 500})


np.seterr(all="ignore")
result = []
for plate in task["plates"]:
    c = plate["noise"]
    if task["shared"]:
        result.append({loss: plate_cost(plate, loss, c) for loss in task["losses"]})
    else:
        result.append({loss: [well_cost(well, loss, c) for well in plate["wells"]] for loss in task["losses"]})
json.dump(result, sys.stdout)
