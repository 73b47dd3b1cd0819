"""Writes the endpoints of the profile of ec50 in profile-jumps.json, for its dose-response sets.

Usage: python test/data/profile-jumps.py, with NumPy and SciPy.

For a fixed ec50, chi-squared is minimized over the slope by a scan from e^-4 to e^46, whose local minima are refined.
The plateaus follow by linear least squares. Going outward from the fit, an endpoint is the first value of ec50 at
which the smallest chi-squared reaches the threshold. It may be a jump at a dose.
"""

import json
from pathlib import Path

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.stats import f as F

PATH = Path(__file__).with_name("profile-jumps.json")
SLOPES = np.concatenate([np.arange(-4, 10, 0.02), [12, 15, 25, 46]])


def chi_squared(x, y, ec50, log_slopes):
    """The smallest chi-squared over the plateaus, for each slope."""
    z = np.clip(np.exp(log_slopes)[:, None] * np.log(x / ec50), -700, 700)
    high = 1 / (1 + np.exp(-z))
    low = 1 - high
    a, b, c = (low * low).sum(1), (low * high).sum(1), (high * high).sum(1)
    p, q = low @ y, high @ y
    determinant = a * c - b * b
    is_regular = determinant > 1e-12 * a * c
    safe = np.where(is_regular, determinant, 1)
    bottom = np.where(is_regular, (p * c - q * b) / safe, y.mean())
    top = np.where(is_regular, (a * q - b * p) / safe, y.mean())
    return ((y - bottom[:, None] * low - top[:, None] * high) ** 2).sum(1)


def smallest(x, y, ec50):
    parts = [SLOPES]
    # Slopes at which the curve is between the plateaus at a dose near ec50.
    for dose in x:
        distance = abs(np.log(dose / ec50))
        if 0 < distance < 0.5:
            parts.append(np.log(np.geomspace(0.02, 30, 60) / distance))
    grid = np.unique(np.concatenate(parts))
    costs = chi_squared(x, y, ec50, grid)
    best = costs.min()
    inner = costs[1:-1]
    minima = 1 + np.flatnonzero((inner <= costs[:-2]) & (inner <= costs[2:]) & (inner < 3 * best))
    for k in minima:
        low, high = grid[k - 1], grid[k + 1]
        # Each round narrows the bracket around the least of 41 values by a factor of 20.
        for _ in range(6):
            finer = np.linspace(low, high, 41)
            values = chi_squared(x, y, ec50, finer)
            at = int(values.argmin())
            low, high = finer[max(at - 1, 0)], finer[min(at + 1, 40)]
        best = min(best, values.min())
    return float(best)


def endpoint(x, y, begin, sign, threshold):
    steps = [begin * np.exp(sign * 0.01 * k) for k in range(1, 700)]
    steps += [dose * (1 + side * 1e-8) for dose in x for side in (-1, 1) if sign * (dose / begin - 1) > 0]
    inside = begin
    for at in sorted(steps, key=lambda e: abs(np.log(e / begin))):
        if smallest(x, y, at) > threshold:
            outside = at
            break
        inside = at
    else:
        return None
    while abs(outside - inside) > 1e-10 * inside:
        middle = (inside + outside) / 2
        if smallest(x, y, middle) > threshold:
            outside = middle
        else:
            inside = middle
    return (inside + outside) / 2


def complete(case):
    x, y = np.array(case["x"]), np.array(case["y"])
    grid = np.geomspace(x[0], x[-1], 300)
    first = min(grid, key=lambda e: smallest(x, y, e))
    found = minimize_scalar(
        lambda t: smallest(x, y, np.exp(t)),
        bounds=(np.log(first) - 0.05, np.log(first) + 0.05),
        method="bounded",
        options={"xatol": 1e-12},
    )
    begin, degrees = float(np.exp(found.x)), len(x) - 4
    threshold = found.fun * (1 + F.ppf(0.95, 1, degrees) / degrees)
    ends = [endpoint(x, y, begin, sign, threshold) for sign in (-1, 1)]
    return {"x": case["x"], "y": case["y"], "chiSquared": found.fun, "ec50": begin, "ends": ends}


if __name__ == "__main__":
    cases = [complete(case) for case in json.loads(PATH.read_text())]
    PATH.write_text("[\n" + ",\n".join(json.dumps(case) for case in cases) + "\n]\n")
