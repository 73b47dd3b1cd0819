"""w(z) of (x + i·gamma)/(sigma·√2), which Voigt profiles are made of, to all digits."""

from mpmath import erfc, exp, mp, mpc, mpf, pi, sqrt


def faddeeva(x, sigma, gamma):
    z = mpc(x, gamma) / (sigma * sqrt(mpf(2)))
    # The terms of the series or fraction that mpmath takes cancel by about |z|² digits.
    with mp.workdps(120 + int(min(abs(z), 1e3) ** 2)) if abs(z) < 30 else mp.workdps(120):
        if abs(z) < 30:
            w = exp(-z * z) * erfc(mpc(0, -1) * z)
        else:
            # Laplace's continued fraction, and what it has not got on the real axis.
            rest = mpc(0)
            for k in range(120, 0, -1):
                rest = mpf(k) / 2 / (z - rest)
            w = mpc(0, 1) / sqrt(pi) / (z - rest)
        return z, w, -2 * z * w + mpc(0, 2) / sqrt(pi)
