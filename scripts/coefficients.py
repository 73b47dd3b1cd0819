"""Prints the constants of ts/functions, after `pip install mpmath`: python3 scripts/coefficients.py

Polynomials interpolate at Chebyshev nodes, which is close to the minimax polynomial. The polynomial of exp, which needs
the accuracy most, is the minimax polynomial. If a polynomial in z ≥ 0 is multiplied by z, the smallest root of the next
Chebyshev polynomial is moved to 0, and the nodes are its remaining roots. Then z times the error has equal peaks.
"""

import struct
from itertools import groupby

from mpmath import atan, cbrt, cos, diff, digamma, erf, erfc, exp, floor, fsum, log, loggamma, lu_solve, matrix, mp, mpf
from mpmath import pi, polygamma, polyval, sin, sqrt, tanh

mp.prec = 1300  # the digits of 2/π take 1200


def interpolate(f, nodes):
    powers = matrix([[x**j for j in range(len(nodes))] for x in nodes])
    return lu_solve(powers, matrix([f(x) for x in nodes]))


def roots(count):
    return [cos(pi * (2 * i + 1) / (2 * count)) for i in range(count)]


def best(limit, f, weight, count):
    """Has the least largest error·weight on [−limit, limit] (Remez' exchange): with signs in turns, as at Chebyshev's
    extrema, whose places are looked for again as long as they move."""
    grid = [limit * (mpf(2 * i + 1) / 1000 - 1) for i in range(1000)]
    values = [f(r) for r in grid]
    weights = [weight(r) for r in grid]
    places = [round(999 * (1 - cos(pi * k / count)) / 2) for k in range(count + 1)]
    while True:
        rows = [[*(grid[i] ** j for j in range(count)), (-1) ** k / weights[i]] for k, i in enumerate(places)]
        *c, _ = lu_solve(matrix(rows), matrix([values[i] for i in places]))
        errors = [(value - polyval(c[::-1], r)) * w for r, value, w in zip(grid, values, weights)]
        signs = groupby(range(1000), key=lambda i: errors[i] > 0)
        found = [max(run, key=lambda i: abs(errors[i])) for _, run in signs]
        if found == places:
            return c
        assert len(found) == count + 1
        places = found


def upto(limit, f, count):
    """f on [0, limit], to be multiplied by z."""
    *others, least = roots(count + 1)
    return interpolate(f, [limit * (x - least) / (1 - least) for x in others])


def atanh2(z):
    """log((1 + s)/(1 − s))/s for z = s²."""
    s = sqrt(z)
    return log((1 + s) / (1 - s)) / s


def square_of_s(m):
    return ((m - 1) / (m + 1)) ** 2


def show(name, values):
    print(f"{name}:", ", ".join(repr(float(x)) for x in values))


def float32(x):
    (rounded,) = struct.unpack("<f", struct.pack("<f", float(x)))
    return rounded


def show32(name, values):
    """The shortest decimal digits that identify a float32."""
    short = (next(f"{float32(x):.{n}g}" for n in range(1, 18) if float32(f"{float32(x):.{n}g}") == float32(x)) for x in values)
    print(f"{name}, float32:", ", ".join(short))


def parts(name, x, *grids, show=show):
    """Splits x into multiples of 2^−grid and a remainder."""
    values = []
    for grid in grids:
        part = floor(x * mpf(2) ** grid) / mpf(2) ** grid
        values.append(part)
        x -= part
    show(name, [*values, x])


WIDER = 1 + mpf(2) ** -20  # k is rounded from a rounded quotient

show("1/log 2, √1.5", [1 / log(2), sqrt(1.5)])
parts("log 2", log(mpf(2)), 42)
parts("log 2", log(mpf(2)), 16, show=show32)
parts("log 1.5", log(mpf(1.5)), 42)
parts("log 1.5", log(mpf(1.5)), 16, show=show32)
show("2/3", [mpf(2) / 3, mpf(2) / 3 - float(mpf(2) / 3)])
show32("2/3", [mpf(2) / 3, mpf(2) / 3 - float32(mpf(2) / 3)])


def both(name, approximate, count, count32):
    show(name, approximate(count))
    show32(name, approximate(count32))



def rest_of_exp(count):
    # Below 1, an ulp is half as large.
    return best(log(2) / 2 * WIDER, lambda r: (exp(r) - 1 - r) / r**2, lambda r: r**2 * (2 if r < 0 else 1), count)


both("exp", rest_of_exp, 10, 5)
z = square_of_s(sqrt(2) * WIDER)
both("log", lambda n: upto(z, lambda z: (atanh2(z) - 2) / z, n), 7, 3)
z = square_of_s(sqrt(1.5) * WIDER)
both("pow", lambda n: upto(z, lambda z: (atanh2(z) - 2 - 2 * z / 3) / z**2, n), 6, 2)

z = (pi / 4 * WIDER) ** 2
show("2/π", [2 / pi])
parts("π/2", pi / 2, 32, 66, 100)
parts("π/2", pi / 2, 12, 25, 38, show=show32)
show("π/2 in two", [pi / 2, pi / 2 - float(pi / 2)])
both("sin", lambda n: upto(z, lambda z: (sin(sqrt(z)) / sqrt(z) - 1) / z, n), 6, 3)
both("cos", lambda n: upto(z, lambda z: (cos(sqrt(z)) - 1 + z / 2) / z**2, n), 6, 3)
digits = (int(floor(2 / pi * mpf(2) ** (24 * i))) % 2**24 for i in range(1, 51))
print("2/π in digits:", " ".join(f"{digit:06x}" for digit in digits))

both("tanh", lambda n: upto(mpf(0.625) ** 2, lambda z: (tanh(sqrt(z)) / sqrt(z) - 1) / z, n), 11, 5)
both("atan", lambda n: upto(mpf(0.4375) ** 2, lambda z: (atan(sqrt(z)) / sqrt(z) - 1) / z, n), 11, 5)
for c in (mpf(0.5), mpf(1), mpf(1.5), mpf("inf")):
    show("atan in two", [atan(c), atan(c) - float(atan(c))])
    show32("atan in two", [atan(c), atan(c) - float32(atan(c))])

mp.prec = 220  # what follows needs no digits of 2/π
SHARE = mpf(10) ** -8  # of a range, where its end is a pole of what is computed


def between(a, b, f, count):
    return interpolate(f, [(a + b) / 2 + (b - a) / 2 * x for x in roots(count)])


def two(name, x):
    show(name, [x, x - float(x)])


for name, x in (("1/log 2", 1 / log(2)), ("1/log 10", 1 / log(10)), ("√½", sqrt(mpf(0.5))), ("2/√π", 2 / sqrt(pi))):
    two(name, x)
for name, x in (("1/√(2π)", 1 / sqrt(2 * pi)), ("½·log(2π)", log(2 * pi) / 2), ("π", +pi)):
    two(name, x)
half = sqrt(mpf(0.5)) / 2
show("cbrt", [float(f"{float(x):.6g}") for x in between(half, 8 * half, cbrt, 5)])

show("erf", between(mpf(0), mpf(0.25) * WIDER, lambda z: erf(sqrt(z)) / sqrt(z) - 1, 9))


def scaled_tail(t):
    """(1 + 2·x)·erfcx x for t = (x − 4)/(x + 4); for large x by its asymptotic series."""
    x = 4 * (1 + t) / (1 - t)
    if x < 60:
        return (1 + 2 * x) * exp(x * x) * erfc(x)
    terms = [mpf(1)]
    for k in range(30):
        terms.append(terms[-1] * -(2 * k + 1) / (2 * x * x))
    return (1 + 2 * x) * fsum(terms) / (x * sqrt(pi))


tail = between(mpf(-1), mpf(1), scaled_tail, 26)
show("erfcx", tail)
two("its first", tail[0])
slope = between(mpf(-1), mpf(0.98), lambda t: diff(scaled_tail, t), 5)
show("its slope", [float(f"{float(x):.3g}") for x in slope])


def quantile(p):
    z = (p - 0.5) * sqrt(2 * pi) if p > 0.25 else -sqrt(-2 * log(p))
    while True:
        u = (erfc(-z / sqrt(mpf(2))) / 2 - p) / (exp(-z * z / 2) / sqrt(2 * pi))
        step = u / (1 + z * u / 2)
        z -= step
        if abs(step) < abs(z) * mpf(2) ** -60:
            return z


def less(t):
    """r minus the quantile of 1 − e^(−r²/2) for t = (r − 4)/(r + 4)."""
    r = 4 * (1 + t) / (1 - t)
    return r + quantile(exp(-r * r / 2))


middle = between(mpf(0), mpf(1) / 16 * WIDER, lambda z: -quantile(mpf(0.5) - sqrt(z)) / sqrt(z), 5)
ends = [(r - 4) / (r + 4) for r in (sqrt(-2 * log(mpf("0.2500001"))), mpf("38.7"))]
for name, c in (("in the middle", middle), ("from the tail", between(*ends, less, 10))):
    show(f"norminv {name}", [float(f"{float(x):.9g}") for x in c])


def in_z(f):
    """A function of y by z = 1/y² ≤ 1/100."""
    return lambda count: between(mpf(SHARE) / 100, mpf(1) / 100, lambda z: f(1 / sqrt(z)), count)


stirling = in_z(lambda y: y * (loggamma(y) - ((y - 0.5) * log(y) - y + log(2 * pi) / 2)))
show("lgamma", stirling(7))
show("digamma", in_z(lambda y: y**2 * (log(y) - 1 / (2 * y) - digamma(y)))(7))
show("trigamma", in_z(lambda y: y**3 * (polygamma(1, y) - 1 / y - 1 / (2 * y * y)))(8))
show("tetragamma", in_z(lambda y: y**4 * (polygamma(2, y) + 1 / y**2 + 1 / y**3))(8))
for pole, count in ((1, 12), (2, 10)):
    near = between(-WIDER / 16, WIDER / 16, lambda t: loggamma(pole + t) / t, count)
    show(f"lgamma near {pole}", near)
    two("its first", near[0])
