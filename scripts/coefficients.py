"""Prints the constants of ts/functions, after `pip install mpmath`: python3 scripts/coefficients.py

Polynomials interpolate at Chebyshev's nodes, which is close to the best there is; that of exp, which needs it most,
is the best one. Where a polynomial in z ≥ 0 is multiplied by z, the nodes are those roots of the next Chebyshev
polynomial that remain when the least one lies at 0: so z times the error has equal peaks.
"""

import struct
from itertools import groupby

from mpmath import atan, cos, exp, floor, log, lu_solve, matrix, mp, mpf, pi, polyval, sin, sqrt, tanh

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
    """The shortest digits that a float32 is told by."""
    short = (next(f"{float32(x):.{n}g}" for n in range(1, 18) if float32(f"{float32(x):.{n}g}") == float32(x)) for x in values)
    print(f"{name}, float32:", ", ".join(short))


def parts(name, x, *grids, show=show):
    """x as multiples of 2^−grid, and what remains."""
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
    # Below 1 an ulp is half as large.
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
