"""Writes models.json: models by their definitions, with 60 digits of mpmath, rounded once.

pip install mpmath; python3 models.py > models.json
"""

import json

from mpmath import erfc, exp, mp, mpf, pi, sqrt

from faddeeva import faddeeva

mp.dps = 60


def exponential_gaussian(x, p):
    """lmfit's ExponentialGaussianModel, with gamma = 1/tau."""
    area, center, sigma, gamma = p["area"], p["center"], p["sigma"], 1 / p["tau"]
    tail = erfc((center + gamma * sigma**2 - x) / (sqrt(mpf(2)) * sigma))
    return area * gamma / 2 * exp(gamma * (center - x + gamma * sigma**2 / 2)) * tail


def skewed_gaussian(x, p):
    """lmfit's SkewedGaussianModel."""
    u = (x - p["center"]) / p["sigma"]
    return p["area"] / (p["sigma"] * sqrt(2 * pi)) * exp(-(u**2) / 2) * erfc(-p["gamma"] * u / sqrt(mpf(2)))


def voigt(x, p):
    """By w(z)."""
    w = faddeeva(x - p["center"], p["sigma"], p["gamma"])[1]
    return p["area"] / (p["sigma"] * sqrt(2 * pi)) * w.real


AT = [-1e9, -300, -40, -12, -5, -2.5, -1, -0.25, 0, 0.3, 1, 1.75, 3, 6, 15, 37, 80, 700, 1e9]
cases = [
    ("exponentialGaussian", exponential_gaussian, dict(area=2, center=0.25, sigma=0.5, tau=0.75)),
    ("exponentialGaussian", exponential_gaussian, dict(area=-3, center=1, sigma=2, tau=0.03125)),
    ("exponentialGaussian", exponential_gaussian, dict(area=1, center=-1, sigma=0.125, tau=64)),
    ("skewedGaussian", skewed_gaussian, dict(area=2, center=0.25, sigma=0.5, gamma=0.75)),
    ("skewedGaussian", skewed_gaussian, dict(area=-1, center=0, sigma=3, gamma=-4)),
    ("skewedGaussian", skewed_gaussian, dict(area=1, center=0, sigma=1, gamma=1000)),
    ("voigt", voigt, dict(area=2, center=0.25, sigma=0.5, gamma=0.75)),
    ("voigt", voigt, dict(area=-1, center=0, sigma=3, gamma=1e-6)),
    ("voigt", voigt, dict(area=1, center=0, sigma=0.001, gamma=2)),
]
out = []
for model, f, p in cases:
    exact = {name: mpf(value) for name, value in p.items()}
    out.append({"model": model, "p": p, "x": AT, "y": [float(f(mpf(x), exact)) for x in AT]})
print("[")
print(",\n".join(json.dumps(case) for case in out))
print("]")
