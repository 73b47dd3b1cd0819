"""Writes shared-plates.json: small plates whose wells share their plateaus, and the least costs that SciPy finds.

Usage: python test/data/shared_plates.py (NumPy and SciPy; takes about a minute)

SciPy's least_squares fits all parameters together, from the true plateaus and from two others. Before each joint fit, a
grid of half-maximal doses and slopes is minimized in each well at the plateaus so far.
"""

import json
import os

import numpy as np
from scipy.optimize import least_squares
from scipy.special import expit

LOSSES = {"squared": "linear", "softL1": "soft_l1", "huber": "huber"}
DOSES = [float(f"{0.01 * 3.16227766 ** k:.4g}") for k in range(10)]
NOISE = 4.0


def curve(log_x, bottom, top, log_ec50, slope):
    return bottom + (top - bottom) * expit(slope * (log_x - log_ec50))


def make_plate(seed, outliers):
    random = np.random.default_rng(seed)
    bottom, top = random.uniform(0, 5), random.uniform(90, 110)
    kinds = ["flat", "steep", "empty", "three", "one"] + ["plain"] * 19
    wells = []
    for kind in random.permutation(kinds):
        log_ec50, slope = np.log(10) * random.uniform(-1, 1.2), random.uniform(0.6, 2.2)
        if kind == "steep":
            slope = random.uniform(8, 28)
        count = {"empty": 0, "one": 1, "three": 3}.get(kind, 10)
        x = DOSES if count == 10 else DOSES[2::3][:count]
        log_x = np.log(np.array(x, dtype=float))
        y = np.full(count, bottom) if kind == "flat" else curve(log_x, bottom, top, log_ec50, slope)
        is_outlier = random.uniform(size=count) < outliers
        y = y + NOISE * random.normal(size=count)
        y = y + is_outlier * random.choice([-1, 1], count) * random.uniform(30, 80, count)
        wells.append({"kind": str(kind), "x": list(x), "y": [round(float(v), 3) for v in y]})
    return {"bottom": bottom, "top": top, "wells": wells}


def rho(loss, z):
    if loss == "squared":
        return z, np.ones_like(z)
    if loss == "softL1":
        return 2 * (np.sqrt(1 + z) - 1), 1 / np.sqrt(1 + z)
    return np.where(z <= 1, z, 2 * np.sqrt(z) - 1), np.where(z <= 1, 1, 1 / np.sqrt(np.maximum(z, 1e-300)))


def local_fits(loss, log_x, y, mask, bottom, top, center, slope):
    """Levenberg-Marquardt in each well from each start, as arrays of shape (wells, starts)."""
    damping = np.full(center.shape, 1e-2)
    square = 1.0 if loss == "squared" else NOISE**2

    def look(center, slope):
        p = expit(slope[..., None] * (log_x - center[..., None]))
        r = (bottom + (top - bottom) * p - y) * mask
        value, first = rho(loss, r * r / square)
        return (square * value).sum(-1), r, p, first * mask

    cost, r, p, w = look(center, slope)
    for _ in range(100):
        d = (top - bottom) * p * (1 - p)
        a, b = -d * slope[..., None], d * (log_x - center[..., None])
        aa, ab, bb = (w * a * a).sum(-1), (w * a * b).sum(-1), (w * b * b).sum(-1)
        ar, br = (w * a * r).sum(-1), (w * b * r).sum(-1)
        aa, bb = aa * (1 + damping) + 1e-12, bb * (1 + damping) + 1e-12
        det = aa * bb - ab * ab
        to = center + np.clip((ab * br - bb * ar) / det, -3, 3), slope + np.clip((ab * ar - aa * br) / det, -30, 30)
        there = look(*to)
        better = there[0] < cost
        center, slope = np.where(better, to[0], center), np.where(better, to[1], slope)
        cost = np.where(better, there[0], cost)
        r, p, w = (np.where(better[..., None], new, old) for new, old in zip(there[1:], (r, p, w)))
        damping = np.where(better, damping / 4, np.minimum(damping * 4, 1e10))
    return cost, center, slope


def least_cost(loss, plate):
    wells = [well for well in plate["wells"] if len(well["x"]) >= 2]
    count = len(wells)
    log_x, y, mask = (np.zeros((count, 10)) for _ in range(3))
    for k, well in enumerate(wells):
        n = len(well["x"])
        log_x[k, :n], y[k, :n], mask[k, :n] = np.log(well["x"]), well["y"], 1
    rows = mask > 0
    at, every = np.nonzero(rows)[0], np.arange(rows.sum())

    def joint(bottom, top, center, slope):
        def parts(v):
            p = expit(v[3::2][at] * (log_x[rows] - v[2::2][at]))
            return p, (v[1] - v[0]) * p * (1 - p)

        def jacobian(v):
            p, d = parts(v)
            matrix = np.zeros((len(at), len(v)))
            matrix[:, 0], matrix[:, 1] = 1 - p, p
            matrix[every, 2 + 2 * at] = -d * v[3::2][at]
            matrix[every, 3 + 2 * at] = d * (log_x[rows] - v[2::2][at])
            return matrix

        start = np.concatenate([[bottom, top], np.ravel(np.stack([center, slope], 1))])
        found = least_squares(
            lambda v: v[0] + (v[1] - v[0]) * parts(v)[0] - y[rows],
            start,
            jacobian,
            loss=LOSSES[loss],
            f_scale=NOISE,
            x_scale=np.maximum(1e-2, np.abs(start)),
            **{"xtol": 1e-14, "ftol": 1e-14, "gtol": 1e-13, "max_nfev": 200},
        )
        return 2 * found.cost, found.x[0], found.x[1], found.x[2::2], found.x[3::2]

    centers = np.linspace(np.log(DOSES[0]) - 3, np.log(DOSES[-1]) + 3, 24)
    grid = [g.ravel() for g in np.meshgrid(centers, [-20, -6, -1, -0.2, 0.2, 0.7, 1.5, 4, 15, 40])]
    random = np.random.default_rng(1)
    least = np.inf
    for start in range(3):
        bottom, top = plate["bottom"], plate["top"]
        if start > 0:
            bottom, top = bottom + 8 * random.normal(), top + 12 * random.normal()
        own, before = None, np.inf
        for _ in range(10):
            center, slope = (np.tile(g, (count, 1)) for g in grid)
            if own is not None:
                center, slope = (np.concatenate([g, x[:, None]], 1) for g, x in zip((center, slope), own))
            cost, center, slope = local_fits(
                loss, log_x[:, None], y[:, None], mask[:, None], bottom, top, center, slope
            )
            best = cost.argmin(1)
            center, slope = center[np.arange(count), best], slope[np.arange(count), best]
            total, bottom, top, *own = joint(bottom, top, center, slope)
            if not total < before * (1 - 1e-10):
                break
            before = total
        least = min(least, before, total)
    return least


np.seterr(all="ignore")
plates = []
for seed, outliers in [(1, 0.02), (2, 0.05), (3, 0.05)]:
    plate = make_plate(seed, outliers)
    costs = {loss: float(least_cost(loss, plate)) for loss in LOSSES}
    plates.append({"wells": plate["wells"], "costs": costs})
with open(os.path.join(os.path.dirname(__file__), "shared-plates.json"), "w") as file:
    json.dump({"noise": NOISE, "plates": plates}, file)
    file.write("\n")
