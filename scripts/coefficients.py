"""Prints the constants of ts/functions, after `pip install mpmath`: python3 scripts/coefficients.py

Polynomials interpolate at Chebyshev's nodes, which is close to the best there is. Where a polynomial in
z ≥ 0 is multiplied by z, the nodes are those roots of the next Chebyshev polynomial that remain when the
least one lies at 0: so z times the error has equal peaks.
"""

from mpmath import cos, exp, floor, log, lu_solve, matrix, mp, mpf, pi, sin, sqrt

mp.prec = 1300  # the digits of 2/π take 1200


def interpolate(f, nodes):
    powers = matrix([[x**j for j in range(len(nodes))] for x in nodes])
    return lu_solve(powers, matrix([f(x) for x in nodes]))


def roots(count):
    return [cos(pi * (2 * i + 1) / (2 * count)) for i in range(count)]


def between(limit, f, count):
    """f on [−limit, limit]."""
    # An odd count has a node at 0, where f may be 0/0.
    return interpolate(f, [limit * (x + mpf(2) ** -100) for x in roots(count)])


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


def parts(name, x, *grids):
    """x as multiples of 2^−grid, and what remains."""
    values = []
    for grid in grids:
        part = floor(x * mpf(2) ** grid) / mpf(2) ** grid
        values.append(part)
        x -= part
    show(name, [*values, x])


WIDER = 1 + mpf(2) ** -20  # k is rounded from a rounded quotient

show("1/log 2, √½, √¾, √1.5", [1 / log(2), sqrt(0.5), sqrt(0.75), sqrt(1.5)])
parts("log 2", log(mpf(2)), 42)
parts("log 1.5", log(mpf(1.5)), 42)
show("2/3", [mpf(2) / 3, mpf(2) / 3 - float(mpf(2) / 3)])
show("exp", between(log(2) / 2 * WIDER, lambda r: (exp(r) - 1 - r) / r**2, 11))
show("log", upto(square_of_s(sqrt(2) * WIDER), lambda z: (atanh2(z) - 2) / z, 7))
show("pow", upto(square_of_s(sqrt(1.5) * WIDER), lambda z: (atanh2(z) - 2 - 2 * z / 3) / z**2, 6))

z = (pi / 4 * WIDER) ** 2
show("2/π", [2 / pi])
parts("π/2", pi / 2, 32, 66, 100)
show("π/2 in two", [pi / 2, pi / 2 - float(pi / 2)])
show("sin", upto(z, lambda z: (sin(sqrt(z)) / sqrt(z) - 1) / z, 6))
show("cos", upto(z, lambda z: (cos(sqrt(z)) - 1 + z / 2) / z**2, 6))
digits = (int(floor(2 / pi * mpf(2) ** (24 * i))) % 2**24 for i in range(1, 51))
print("2/π in digits:", " ".join(f"{digit:06x}" for digit in digits))
