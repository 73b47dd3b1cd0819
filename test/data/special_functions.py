"""Writes special-functions.json beside it, after `pip install mpmath`: python3 test/data/special_functions.py

For each function of expressions that is computed in float64 alone: rows of its arguments, the value and the derivatives by
them, correctly rounded from 60 digits and more.
"""

import json
import random
from pathlib import Path

from mpmath import acos, asin, atan2, cbrt, cosh, digamma, erf, erfc, exp, expm1, gamma, log, log1p, mp, mpf
from mpmath import pi, polygamma, re, sign, sinh, sqrt

from faddeeva import faddeeva

mp.dps = 80
draw = random.Random(30)


def many(count, *ranges):
    return [draw.uniform(*draw.choice(ranges)) for _ in range(count)]


def sized(count, low, high, signs=(-1, 1)):
    """Exponents evenly between."""
    return [draw.choice(signs) * draw.uniform(1, 2) * 2.0 ** draw.randrange(low, high) for _ in range(count)]


def erfcx(x):
    return exp(x * x) * erfc(x)


def density(x):
    return exp(-x * x / 2) / sqrt(2 * pi)


def distribution(x):
    return erfc(-x / sqrt(mpf(2))) / 2


def quantile(p):
    if p > 0.5:
        return -quantile(1 - p)
    z = (p - 0.5) * sqrt(2 * pi) if p > 0.25 else -sqrt(-2 * log(p))
    while True:
        u = (distribution(z) - p) / density(z)
        step = u / (1 + z * u / 2)
        z -= step
        if abs(step) <= abs(z) * mpf(10) ** -70:
            return z


def lgamma(x):
    return log(abs(gamma(x)))


def voigt(x, sigma, gamma):
    return faddeeva(x, sigma, gamma)[1].real / (sigma * sqrt(2 * pi))


def voigt_by_x(x, sigma, gamma):
    return faddeeva(x, sigma, gamma)[2].real / (2 * sigma**2 * sqrt(pi))


def voigt_by_gamma(x, sigma, gamma):
    return -faddeeva(x, sigma, gamma)[2].imag / (2 * sigma**2 * sqrt(pi))


def voigt_by_sigma(x, sigma, gamma):
    z, w, slope = faddeeva(x, sigma, gamma)
    return -(w + z * slope).real / (sigma**2 * sqrt(2 * pi))


near_1 = [1 + x for x in sized(10, -52, -3)]
near_2 = [2 + x for x in sized(10, -50, -3)]
ordinary = [*many(30, (-3, 3), (-20, 20)), *sized(15, -1000, -10)]
positive = [*many(20, (0, 3), (0, 100)), *sized(25, -1000, 1000, [1])]
within = [*many(30, (-1, 1), (-0.6, -0.4), (0.4, 0.6)), *[1 - x for x in sized(8, -52, -3, [1])], *sized(8, -1000, -3)]
tails = [*many(40, (-1, 1), (-6, 6), (-26, 26)), *sized(10, -1000, -3)]
gammas = [*many(40, (0, 3), (0, 20), (2, 170), (-20, 0)), *near_1, *near_2, *sized(10, -1000, -3)]
positive_gammas = [x for x in gammas if x > 0]
probabilities = [*many(30, (0, 1)), *[0.5 + x for x in sized(15, -50, -2)], *sized(20, -1070, -2, [1])]

functions = {
    "expm1": (expm1, [exp], [*ordinary, *many(10, (-40, 709))]),
    "log1p": (log1p, [lambda x: 1 / (1 + x)], [x for x in [*ordinary, *positive] if x > -1]),
    "log2": (lambda x: log(x) / log(2), [lambda x: 1 / x / log(2)], [*positive, *near_1]),
    "log10": (lambda x: log(x) / log(10), [lambda x: 1 / x / log(10)], [*positive, *near_1]),
    "sinh": (sinh, [cosh], [*ordinary, *many(10, (-710, 710))]),
    "cosh": (cosh, [sinh], [*ordinary, *many(10, (-710, 710))]),
    "cbrt": (
        lambda x: sign(x) * cbrt(abs(x)),
        [lambda x: 1 / (3 * cbrt(abs(x)) ** 2)],
        [*ordinary, *positive, *[-x for x in positive]],
    ),
    "asin": (asin, [lambda x: 1 / sqrt(1 - x * x)], within),
    "acos": (acos, [lambda x: -1 / sqrt(1 - x * x)], within),
    "atan2": (
        atan2,
        [lambda y, x: x / (x * x + y * y), lambda y, x: -y / (x * x + y * y)],
        [*zip(many(40, (-3, 3)), many(40, (-3, 3))), *zip(sized(20, -300, 300), sized(20, -300, 300))],
    ),
    "erf": (erf, [lambda x: 2 / sqrt(pi) * exp(-x * x)], tails),
    "erfc": (erfc, [lambda x: -2 / sqrt(pi) * exp(-x * x)], tails),
    "erfcx": (erfcx, [lambda x: 2 * x * erfcx(x) - 2 / sqrt(pi)], [*tails, *sized(5, 5, 300, [1])]),
    "normpdf": (density, [lambda x: -x * density(x)], [*tails, *many(5, (-38, 38))]),
    "normcdf": (distribution, [density], [*tails, *many(5, (-38, 8))]),
    "norminv": (quantile, [lambda p: 1 / density(quantile(p))], probabilities),
    "gamma": (gamma, [lambda x: gamma(x) * digamma(x)], gammas),
    "lgamma": (lgamma, [digamma], [*gammas, *sized(5, 8, 900, [1])]),
    "digamma": (digamma, [lambda x: polygamma(1, x)], [*gammas, *sized(5, 8, 900, [1])]),
    "trigamma": (lambda x: polygamma(1, x), [lambda x: polygamma(2, x)], positive_gammas),
}


profiles = [
    *zip(many(40, (-3, 3), (-12, 12)), many(40, (0.5, 2)), many(40, (0, 3), (0, 0.01))),
    *zip(many(20, (-30, 30)), many(20, (0.5, 2)), sized(20, -300, -3, [1])),
    *zip(sized(20, -20, 20), sized(20, -5, 5, [1]), sized(20, -20, 20, [1])),
    *((x, 1.0, 0.0) for x in many(10, (-8, 8))),
]
functions["voigt"] = (voigt, [voigt_by_x, voigt_by_sigma, voigt_by_gamma], profiles)


def row(f, slopes, arguments):
    arguments = arguments if isinstance(arguments, tuple) else (arguments,)
    # mpmath's polygamma needs more digits where arguments are tiny or next to a zero.
    exact = [mpf(x) for x in arguments]
    return [float(re(x)) for x in (*exact, f(*exact), *(slope(*exact) for slope in slopes))]


table = {name: [row(f, slopes, x) for x in xs] for name, (f, slopes, xs) in functions.items()}
finite = {name: [r for r in rows if all(abs(x) < float("inf") for x in r)] for name, rows in table.items()}
lines = ",\n".join(f' "{name}": [\n  ' + ",\n  ".join(map(json.dumps, rows)) + "\n ]" for name, rows in finite.items())
Path(__file__).with_name("special-functions.json").write_text(f"{{\n{lines}\n}}\n")
