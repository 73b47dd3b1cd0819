"""Writes doses-more.json: endpoints of profiles of the four-parameter logistic on few, noisy doses.

python -m pip install numpy scipy && python test/data/doses.py

The reference searches the whole plane of slope and ec50 at every fixed value: bottom and top are linear, so they are
solved for. From the fit outward χ² is followed to where it first reaches the limit, and brentq finds that point.
A set is left out if its χ² has no interior minimum, if χ² jumps at an endpoint (but where ec50 passes a dose, the dose is
the endpoint), or if the curve at an endpoint is a power law.
"""

import json
import pathlib

import numpy as np
from scipy import optimize, stats

DOSES = [
    [0.03, 0.1, 0.3, 1, 3, 10, 30, 100],
    [0.1, 0.5, 2, 8, 32, 100],
    [0.05, 0.4, 1.5, 6, 25, 90, 300],
]
NAMES = ["bottom", "top", "slope", "ec50"]
COUNT = 60
LOG_SLOPES = np.linspace(np.log(0.002), np.log(200), 80)


def shape(x, log_slope, log_center):
    """The logistic curve from 0 to 1, for arrays of parameters of any one shape."""
    exponent = np.exp(log_slope)[..., None] * (log_center[..., None] - np.log(x))
    return 1 / (1 + np.exp(np.clip(exponent, -700, 700)))


def residuals(g, y, held):
    """y − f with the best bottom and top; `held` fixes one of them."""
    name, value = held if held else (None, None)
    if name == "bottom":
        rest = y - value * (1 - g)
        top = np.sum(g * rest, -1) / np.maximum(np.sum(g * g, -1), 1e-300)
        return rest - top[..., None] * g
    if name == "top":
        rest, h = y - value * g, 1 - g
        bottom = np.sum(h * rest, -1) / np.maximum(np.sum(h * h, -1), 1e-300)
        return rest - bottom[..., None] * h
    centered = g - g.mean(-1, keepdims=True)
    rest = y - y.mean()
    by = np.sum(centered * rest, -1) / np.maximum(np.sum(centered * centered, -1), 1e-300)
    return rest - by[..., None] * centered


class Problem:
    def __init__(self, x, y, sigma):
        self.x, self.y, self.sigma = np.array(x), np.array(y), sigma
        logs = np.log(self.x)
        far = np.array([20, 40, 80, 160, 290])
        near = np.linspace(logs[0] - 12, logs[-1] + 12, 150)
        self.centers = np.concatenate([logs[0] - far[::-1], near, logs[-1] + far])

    def chi(self, log_slope, log_center, held=None):
        g = shape(self.x, np.asarray(log_slope), np.asarray(log_center))
        return np.sum((residuals(g, self.y, held) / self.sigma) ** 2, -1)

    def least(self, held=None, starts=()):
        """The least χ², and the slope and center there, with one parameter held at a value."""
        fixed = {"slope": 0, "ec50": 1}.get(held[0]) if held else None
        slopes, centers = LOG_SLOPES, self.centers
        if fixed == 0:
            slopes = np.array([np.log(held[1])])
        if fixed == 1:
            centers = np.array([np.log(held[1])])
        a, b = np.meshgrid(slopes, centers, indexing="ij")
        linear = held if held and fixed is None else None
        grid = self.chi(a, b, linear)
        padded = np.pad(grid, 1, constant_values=np.inf)
        around = [
            padded[1 + i : padded.shape[0] - 1 + i, 1 + j : padded.shape[1] - 1 + j]
            for i in (-1, 0, 1)
            for j in (-1, 0, 1)
            if i or j
        ]
        is_low = np.all([grid <= other for other in around], axis=0)
        points = sorted(zip(grid[is_low], a[is_low], b[is_low]))[:5]
        begins = [np.array(p[1:]) for p in points] + [np.array(s) for s in starts]
        best = (np.inf, None)
        for begin in begins:
            def whole(p, begin=begin):
                point = begin.copy()
                if fixed == 0:
                    point[0], point[1] = slopes[0], p[0]
                elif fixed == 1:
                    point[0], point[1] = p[0], centers[0]
                else:
                    point = np.array(p)
                return point

            def rest(p):
                point = whole(p)
                g = shape(self.x, point[0], point[1])
                return residuals(g, self.y, linear) / self.sigma

            first = [begin[1]] if fixed == 0 else [begin[0]] if fixed == 1 else begin
            low = [c for k, c in enumerate((np.log(1e-6), -310)) if k != fixed]
            high = [c for k, c in enumerate((np.log(1e10), 310)) if k != fixed]
            first = np.clip(first, np.array(low) + 1e-9, np.array(high) - 1e-9)
            found = optimize.least_squares(
                rest, first, bounds=(low, high), xtol=1e-15, ftol=1e-15, gtol=1e-15, jac="3-point", max_nfev=400
            )
            if 2 * found.cost < best[0]:
                best = (2 * found.cost, whole(found.x))
        return best

    def linear(self, point):
        g = shape(self.x, np.array(point[0]), np.array(point[1]))
        h = np.stack([1 - g, g], 1)
        return np.linalg.lstsq(h, self.y, rcond=None)[0]


class LeftOut(Exception):
    pass


def endpoint(problem, name, value, limit, least, point, error, sign):
    """Null where χ² stays below the limit."""
    is_scale = name in ("slope", "ec50")
    start = [point]

    def height(t):
        at = value * np.exp(sign * t) if is_scale else value + sign * t
        chi, where = problem.least((name, at), start)
        if chi < least * (1 - 1e-6) - 1e-9:
            raise LeftOut("a lower minimum")
        start[0] = where
        return chi - limit

    unit = 0.15 if is_scale else 0.35 * error
    before, t = 0.0, unit
    most = 14 if is_scale else 3e3 * error
    while True:
        here = height(t)
        if here > 0:
            break
        before, t = t, t + unit
        unit *= 1.25
        if t > most:
            return (0.0 if sign < 0 else None) if is_scale else None
    end = optimize.brentq(height, before, t, xtol=1e-11 * max(1, t), rtol=1e-11)
    found = value * np.exp(sign * end) if is_scale else value + sign * end
    if name == "ec50":
        dose = problem.x[np.argmin(abs(np.log(problem.x / found)))]
        if abs(found / dose - 1) < 1e-6:
            return dose
    if abs(height(end)) > 1e-9 * limit:
        raise LeftOut("a jump")
    if abs(start[0][1]) > 250:
        raise LeftOut("a power law, which no center reaches")
    return found


def main():
    draw = np.random.default_rng(54)
    sets = []
    left_out = 0
    while len(sets) < COUNT:
        x = DOSES[len(sets) % 3]
        truth = dict(slope=draw.uniform(0.7, 2.5), ec50=np.exp(draw.uniform(np.log(0.8), np.log(12))))
        sigma = float(draw.choice([4, 8, 12]))
        clean = 5 + 90 / (1 + (truth["ec50"] / np.array(x)) ** truth["slope"])
        y = [round(float(v), 4) for v in clean + sigma * draw.normal(size=len(x))]
        is_known = bool(len(sets) % 2)
        problem = Problem(x, y, sigma)
        least, point = problem.least()
        inside = np.log(0.05) < point[0] < np.log(20) and np.log(x[0]) < point[1] < np.log(x[-1])
        bottom, top = problem.linear(point)
        if not inside or top < bottom:
            left_out += 1
            continue
        freedom = len(x) - 4
        limit = least + stats.chi2.ppf(0.95, 1) if is_known else least * (1 + stats.f.ppf(0.95, 1, freedom) / freedom)
        values = dict(bottom=bottom, top=top, slope=np.exp(point[0]), ec50=np.exp(point[1]))
        try:
            ends = {
                name: [endpoint(problem, name, values[name], limit, least, point, sigma, sign) for sign in (-1, 1)]
                for name in NAMES
            }
        except LeftOut:
            left_out += 1
            continue
        sets.append(dict(x=x, y=y, sigma=sigma, isKnown=is_known, chiSquared=least, ends=ends))
        print(len(sets), left_out, flush=True)
    text = ",\n".join(json.dumps(one) for one in sets)
    pathlib.Path(__file__).with_name("doses-more.json").write_text(f"[\n{text}\n]\n")


main()
