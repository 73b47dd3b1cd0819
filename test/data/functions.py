"""Writes functions.json beside it, after `pip install mpmath`: python3 test/data/functions.py

For each function rows of its arguments, the correctly rounded value, and by how many units in the last place
the exact value is larger.
"""

import json
import math
import random
import struct
from pathlib import Path

from mpmath import cos, exp, log, mp, mpf, pi, power, sin

# Enough for the sine of a number near 2¹⁰²⁴, and for cos x next to 1.
mp.prec = 1300
draw = random.Random(12)


def any_double():
    while True:
        (x,) = struct.unpack("<d", draw.randbytes(8))
        if math.isfinite(x) and x != 0:
            return x


def of_any_size(low, high):
    """Exponents evenly between, in both signs."""
    return draw.choice([-1, 1]) * draw.uniform(1, 2) * 2.0 ** draw.randrange(low, high)


def around(x):
    return [math.nextafter(x, -math.inf), x, math.nextafter(x, math.inf)]


def many(count, make):
    return [make() for _ in range(count)]


def row(f, *arguments):
    """None where the value overflows, or is less than half the smallest number."""
    exact = f(*map(mpf, arguments))
    size = abs(exact)
    if size >= mpf(2) ** 1024 - mpf(2) ** 970 or size <= mpf(2) ** -1075:
        return None
    unit = mpf(2) ** max(int(mp.floor(mp.log(size, 2))) - 52, -1074)
    rounded = int(mp.nint(exact / unit)) * float(unit)
    return [*arguments, rounded, round(float((exact - mpf(rounded)) / unit), 6)]


# First the worst of some 3·10⁷ random arguments a function; last those at which a branch changes.
exps = [
    *[473.07536024858405, -708.4103423382502],
    *many(150, lambda: of_any_size(-60, 9)),
    *many(150, lambda: draw.uniform(-745, 709)),
    *many(60, lambda: draw.uniform(-745, -708)),
    *(x for k in range(-6, 7) for x in around((k + 0.5) * math.log(2))),
    *around(709.782712893384),
    *[-745.1332191019411, -745.13321910194, -708.3964185322641],
]
logs = [
    *[0.7041065507982637, 1.3988399379607481],
    *many(200, lambda: abs(any_double())),
    *many(100, lambda: draw.uniform(0.5, 2)),
    *many(50, lambda: 1 + of_any_size(-52, -1)),
    *(x for c in (1.0, math.sqrt(0.5), math.sqrt(2), math.e) for x in around(c)),
    *[5e-324, 1e-310, 2.2250738585072014e-308, 1.7976931348623157e308],
]
angles = [
    *[3.9157510339582977, 46768318341.4114, 2.3511848727399913, 9.400341895817497e300],
    *many(150, any_double),
    *many(100, lambda: draw.uniform(-10, 10)),
    *many(100, lambda: draw.uniform(-1.7e6, 1.7e6)),
    *(float(draw.randrange(2**bits) * pi / 2) for bits in range(1, 60)),
    *(x for k in (1, 3, 5, 7) for x in around(k * math.pi / 4)),
    *around(1647099.0),
    # The closest that a number comes to a multiple of π/2 (Kahan and McDonald).
    math.ldexp(6381956970095103, 797),
    *[1e-300, 1e-9, 1e22, 1.7976931348623157e308],
]
pows = [
    *[(0.6889395931389385, 951.537582342228), (0.906908521118883, 7256.657944473188)],
    *many(100, lambda: (abs(any_double()), of_any_size(-10, 2))),
    *((x, draw.uniform(-745, 709) / math.log(x)) for x in many(150, lambda: abs(any_double()))),
    *((x, draw.uniform(-745, 709) / math.log(x)) for x in many(100, lambda: 1 + of_any_size(-52, -1))),
    *((x, draw.uniform(600, 709) / abs(math.log(x))) for x in many(100, lambda: draw.uniform(0.86, 1.74))),
    *((x, draw.uniform(-745, -708) / math.log(x)) for x in many(50, lambda: draw.uniform(0, 10))),
    *((-x, float(y)) for x, y in many(50, lambda: (draw.uniform(0, 10), draw.randrange(-60, 60)))),
    *((beta, float(t)) for beta in (0.9, 0.96, 0.99, 0.999) for t in (1, 2, 10, 100, 1000, 5000)),
    *((float(t), -0.8) for t in (1, 2, 10, 1000, 10**6)),
    *((x, y) for c in (math.sqrt(0.75), math.sqrt(1.5), math.sqrt(3)) for x in around(c) for y in (0.5, -3.0)),
    *[(10.0, 308.0), (10.0, -308.0), (2.0, -1074.0), (2.0, 0.5), (5e-324, 0.5), (5e-324, -0.95)],
    *[(math.nextafter(1, 0), 5e18), (math.nextafter(1, 2), 3e18), (math.nextafter(1, 0), -6e18)],
]

table = {
    "exp": [row(exp, x) for x in exps],
    "log": [row(log, x) for x in logs],
    "sin": [row(sin, x) for x in angles],
    "cos": [row(cos, x) for x in angles],
    "pow": [row(power, x, y) for x, y in pows],
}
note = '"note": "arguments, correctly rounded value, exact less rounded in ulp; by test/data/functions.py"'
entries = [f'"{name}": [\n' + ",\n".join(json.dumps(r) for r in rows if r) + "\n]" for name, rows in table.items()]
Path(__file__).with_suffix(".json").write_text("{\n" + ",\n".join([note, *entries]) + "\n}\n")
