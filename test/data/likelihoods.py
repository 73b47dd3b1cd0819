"""References for fits by likelihood: writes test/data/likelihoods.json.

Needs numpy, scipy and mpmath. Each problem has fixed data. Estimates solve the score equations, and profile endpoints
solve the equations of Lagrange, by Newton's method with 34 digits.
"""

import json
import os

import mpmath as mp
import numpy as np
from scipy.optimize import minimize

mp.mp.dps = 34
rng = np.random.default_rng(60)


def log_density(family, y, f, o, cens=0):
    """Minus two times the logarithm of a density or probability."""
    if family in ('normal', 'lognormal'):
        s = o['sigma']
        z = (y - f) / s if family == 'normal' else mp.log(y / f) / s
        if cens:
            return -2 * mp.log(mp.ncdf(z if cens < 0 else -z))
        jac = 2 * mp.log(y) if family == 'lognormal' else 0
        return z * z + 2 * mp.log(s) + mp.log(2 * mp.pi) + jac
    if family == 'student':
        s, d = o['sigma'], o['df']
        z = (y - f) / s
        c = mp.loggamma((d + 1) / 2) - mp.loggamma(d / 2) - mp.log(d * mp.pi) / 2 - mp.log(s)
        if cens:
            tail = mp.betainc(d / 2, mp.mpf(1) / 2, 0, d / (d + z * z), regularized=True) / 2
            return -2 * mp.log(tail if (z < 0) == (cens < 0) else 1 - tail)
        return -2 * (c - (d + 1) / 2 * mp.log(1 + z * z / d))
    if family == 'poisson':
        if cens:
            below = mp.exp(-f) * sum(f**k / mp.factorial(k) for k in range(int(y) + (cens > 0)))
            return -2 * mp.log(below if cens < 0 else 1 - below)
        return -2 * (y * mp.log(f) - f - mp.loggamma(y + 1))
    if family == 'negative-binomial':
        t = o['theta']
        if cens:
            below = sum(mp.exp(mp.loggamma(k + t) - mp.loggamma(t) - mp.loggamma(k + 1)) * (f / (t + f)) ** k
                        for k in range(int(y) + (cens > 0))) * (t / (t + f)) ** t
            return -2 * mp.log(below if cens < 0 else 1 - below)
        c = mp.loggamma(y + t) - mp.loggamma(t) - mp.loggamma(y + 1)
        return -2 * (c + t * mp.log(t / (t + f)) + y * mp.log(f / (t + f)))
    if family == 'binomial':
        n = o['trials']
        if cens:
            below = sum(mp.binomial(n, k) * f**k * (1 - f) ** (n - k) for k in range(int(y) + (cens > 0)))
            return -2 * mp.log(below if cens < 0 else 1 - below)
        return -2 * (mp.log(mp.binomial(n, y)) + y * mp.log(f) + (n - y) * mp.log(1 - f))
    k = o['shape']
    if cens:
        return -2 * mp.log(mp.gammainc(k, 0, k * y / f, regularized=True) if cens < 0
                           else mp.gammainc(k, k * y / f, mp.inf, regularized=True))
    return -2 * (k * mp.log(k / f) + (k - 1) * mp.log(y) - k * y / f - mp.loggamma(k))


def evaluate(text, names):
    scope = {n: getattr(mp, n) for n in ('exp', 'log', 'sqrt')}
    return eval(compile(text.replace('^', '**'), text, 'eval'), {**scope, **names})


def objective(p):
    columns = {k: [mp.mpf(v) for v in vs] for k, vs in p['data'].items()}
    rows = len(columns['y'])

    def cost(x):
        theta = dict(zip(p['names'], x))
        total = mp.mpf(0)
        for i in range(rows):
            row = {**theta, **{k: vs[i] for k, vs in columns.items()}}
            f = evaluate(p['model'], row)
            o = {k: evaluate(t, {**row, 'f': f}) for k, t in p['options'].items()}
            cens = 0
            if 'below' in columns and columns['below'][i]:
                cens = -1
            if 'above' in columns and columns['above'][i]:
                cens = 1
            total += log_density(p['family'], columns['y'][i], f, o, cens)
        return total

    return cost


H = mp.mpf(10) ** -9


def shifted(x, *steps):
    to = list(x)
    for i, s in steps:
        to[i] += s * H * max(1, abs(x[i]))
    return to


def gradient(cost, x):
    return [(cost(shifted(x, (i, 1))) - cost(shifted(x, (i, -1)))) / (2 * H * max(1, abs(x[i]))) for i in range(len(x))]


def hessian(cost, x):
    n = len(x)
    m = mp.matrix(n)
    center = cost(x)
    for i in range(n):
        hi = H * max(1, abs(x[i]))
        m[i, i] = (cost(shifted(x, (i, 1))) - 2 * center + cost(shifted(x, (i, -1)))) / hi**2
        for j in range(i):
            hj = H * max(1, abs(x[j]))
            m[i, j] = m[j, i] = (
                cost(shifted(x, (i, 1), (j, 1))) - cost(shifted(x, (i, 1), (j, -1)))
                - cost(shifted(x, (i, -1), (j, 1))) + cost(shifted(x, (i, -1), (j, -1)))
            ) / (4 * hi * hj)
    return m


def below(cost, x, limit):
    try:
        return not isinstance(cost(x), mp.mpc) and cost(x) <= limit + mp.mpf(10) ** -20
    except (TypeError, ValueError, ZeroDivisionError):
        return False


def refine(cost, x, steps=8):
    for _ in range(steps):
        d = mp.lu_solve(hessian(cost, x), mp.matrix(gradient(cost, x)))
        scale = 1
        while scale > 1e-3 and not below(cost, [a - scale * b for a, b in zip(x, d)], cost(x)):
            scale /= 2
        x = [a - scale * b for a, b in zip(x, d)]
        if max(abs(b) for b in d) < mp.mpf(10) ** -13:
            break
    return x


def endpoint(cost, best, low, i, guess, rise):
    """Solves cost = low + rise and d cost/d x_j = 0 for j != i, with a rise that grows in steps."""
    x, n = list(best), len(best)
    steps = 4
    for s in range(1, steps + 1):
        x = [a + (c - d) / steps for a, c, d in zip(x, guess, best)]
        for _ in range(25):
            g, m = gradient(cost, x), hessian(cost, x)
            r, jac = mp.matrix(n, 1), mp.matrix(n)
            for j in range(n):
                r[j] = cost(x) - low - rise * mp.mpf(s * s) / steps**2 if j == i else g[j]
                for k in range(n):
                    jac[j, k] = g[k] if j == i else m[j, k]
            d = mp.lu_solve(jac, r)
            x = [a - b for a, b in zip(x, d)]
            if max(abs(b) for b in d) < (mp.mpf(10) ** -11 if s == steps else mp.mpf(10) ** -4):
                break
        else:
            raise ZeroDivisionError
    return x[i]


def digits(v, k=4):
    return [float(f'%.{k}g' % a) for a in v]


def problems():
    t = np.array([0.25, 0.5, 1, 1.5, 2, 3, 4, 6, 8, 12, 16, 24])
    x = np.round(np.linspace(0, 3, 20), 3)
    for k in range(3):
        f = (10 + 3 * k) * np.exp(-(0.15 + 0.05 * k) * t)
        y = digits(f + rng.normal(size=t.size) * np.sqrt(0.15**2 + (0.1 * f) ** 2))
        yield dict(family='normal', model='a*exp(-b*t)', options=dict(sigma='sqrt(add^2 + (prop*f)^2)'),
                   names=['a', 'b', 'add', 'prop'], data=dict(t=t.tolist(), y=y), truth=[10 + 3 * k, 0.2, 0.15, 0.1])
    for k in range(3):
        f = 2 + (1 + k) * x
        y = digits(f + rng.normal(size=x.size) * 0.2 * f**0.7)
        yield dict(family='normal', model='a + b*x', options=dict(sigma='s*f^power'), names=['a', 'b', 's', 'power'],
                   data=dict(x=x.tolist(), y=y), truth=[2, 1 + k, 0.2, 0.7])
    for k in range(3):
        f = (8 + 4 * k) * np.exp(-0.25 * t)
        y = f + rng.normal(size=t.size) * (0.1 + 0.1 * f)
        limit = 0.8
        below = (y < limit).astype(int).tolist()
        yield dict(family='normal', model='a*exp(-b*t)', options=dict(sigma='add + prop*f'), names=['a', 'b', 'add', 'prop'],
                   data=dict(t=t.tolist(), y=digits(np.maximum(y, limit)), below=below), truth=[8 + 4 * k, 0.25, 0.1, 0.1])
    for k in range(2):
        f = np.exp(1 + 0.5 * x)
        y = f * np.exp(rng.normal(size=x.size) * 0.3)
        limit = 8
        above = (y > limit).astype(int).tolist()
        yield dict(family='lognormal', model='exp(a + b*x)', options=dict(sigma='sigma'), names=['a', 'b', 'sigma'],
                   data=dict(x=x.tolist(), y=digits(np.minimum(y, limit)), above=above), truth=[1, 0.5, 0.3])
    for k in range(2):
        y = digits(1 + 2 * x + rng.standard_t(3 + k, size=x.size) * 0.4)
        yield dict(family='student', model='a + b*x', options=dict(sigma='sigma', df='4'), names=['a', 'b', 'sigma'],
                   data=dict(x=x.tolist(), y=y), truth=[1, 2, 0.4])
    for k in range(3):
        y = rng.poisson(np.exp(0.5 + k + 0.6 * x)).astype(float).tolist()
        yield dict(family='poisson', model='exp(a + b*x)', options={}, names=['a', 'b'], data=dict(x=x.tolist(), y=y), truth=[0.5 + k, 0.6])
    for k in range(3):
        f, size = np.exp(2 + 0.5 * x), 2.0 + k
        y = rng.negative_binomial(size, size / (size + f)).astype(float).tolist()
        yield dict(family='negative-binomial', model='exp(a + b*x)', options=dict(theta='theta'), names=['a', 'b', 'theta'],
                   data=dict(x=x.tolist(), y=y), truth=[2, 0.5, size])
    for k in range(2):
        n = np.full(x.size, 12 + 8 * k)
        y = rng.binomial(n, 1 / (1 + np.exp(2 - 1.2 * x))).astype(float).tolist()
        yield dict(family='binomial', model='1/(1 + exp(-a - b*x))', options=dict(trials='n'), names=['a', 'b'],
                   data=dict(x=x.tolist(), n=n.tolist(), y=y), truth=[-2, 1.2])
    for k in range(3):
        shape = 3.0 + 3 * k
        y = digits(rng.gamma(shape, np.exp(1 + 0.4 * x) / shape))
        yield dict(family='gamma', model='exp(a + b*x)', options=dict(shape='shape'), names=['a', 'b', 'shape'],
                   data=dict(x=x.tolist(), y=y), truth=[1, 0.4, shape])
    f = 10 * np.exp(-0.3 * t)
    y = f * np.exp(rng.normal(size=t.size) * 0.25)
    limit = 1.2
    below = (y < limit).astype(int).tolist()
    yield dict(family='lognormal', model='a*exp(-b*t)', options=dict(sigma='sigma'), names=['a', 'b', 'sigma'],
               data=dict(t=t.tolist(), y=digits(np.maximum(y, limit)), below=below), truth=[10, 0.3, 0.25])
    yield from censored_problems(x)


def censored_problems(x):
    y = digits(1 + 2 * x + rng.standard_t(4, size=x.size) * 0.4)
    below, above = [int(v < 2) for v in y], [int(v > 6) for v in y]
    yield dict(family='student', model='a + b*x', options=dict(sigma='sigma', df='4'), names=['a', 'b', 'sigma'],
               data=dict(x=x.tolist(), y=[min(max(v, 2), 6) for v in y], below=below, above=above), truth=[1, 2, 0.4])
    y = digits(rng.gamma(3, np.exp(1 + 0.4 * x) / 3))
    yield dict(family='gamma', model='exp(a + b*x)', options=dict(shape='shape'), names=['a', 'b', 'shape'],
               data=dict(x=x.tolist(), y=[max(v, 2.5) for v in y], below=[int(v < 2.5) for v in y]), truth=[1, 0.4, 3])
    y = digits(rng.gamma(0.7, np.exp(1 + 0.4 * x) / 0.7))
    yield dict(family='gamma', model='exp(a + b*x)', options=dict(shape='shape'), names=['a', 'b', 'shape'],
               data=dict(x=x.tolist(), y=[min(v, 6) for v in y], above=[int(v > 6) for v in y]), truth=[1, 0.4, 0.7])
    y = rng.poisson(np.exp(0.5 + 0.6 * x)).tolist()
    yield dict(family='poisson', model='exp(a + b*x)', options={}, names=['a', 'b'],
               data=dict(x=x.tolist(), y=[min(max(v, 2), 7) for v in y], below=[int(v < 2) for v in y],
                         above=[int(v > 7) for v in y]), truth=[0.5, 0.6])
    y = rng.negative_binomial(3, 3 / (3 + np.exp(2 + 0.5 * x))).tolist()
    yield dict(family='negative-binomial', model='exp(a + b*x)', options=dict(theta='theta'), names=['a', 'b', 'theta'],
               data=dict(x=x.tolist(), y=[min(max(v, 5), 25) for v in y], below=[int(v < 5) for v in y],
                         above=[int(v > 25) for v in y]), truth=[2, 0.5, 3])
    n = np.full(x.size, 12)
    y = rng.binomial(n, 1 / (1 + np.exp(2 - 1.2 * x))).tolist()
    yield dict(family='binomial', model='1/(1 + exp(-a - b*x))', options=dict(trials='n'), names=['a', 'b'],
               data=dict(x=x.tolist(), n=n.tolist(), y=[min(max(v, 2), 9) for v in y], below=[int(v < 2) for v in y],
                         above=[int(v > 9) for v in y]), truth=[-2, 1.2])


def real(cost, v):
    try:
        return float(cost([mp.mpf(float(a)) for a in v]))
    except (TypeError, ValueError, ZeroDivisionError):
        return 1e10


def main():
    results = []
    rise = mp.mpf('3.841458820694124')
    for p in problems():
        cost = objective(p)
        mp.mp.dps = 15
        rough = minimize(lambda v: real(cost, v), p['truth'], method='Nelder-Mead',
                         options=dict(xatol=1e-5, fatol=1e-7, maxiter=3000)).x
        mp.mp.dps = 34
        best = refine(cost, [mp.mpf(a) for a in rough])
        low = cost(best)
        inverse = mp.inverse(hessian(cost, best) / 2)
        errors = [mp.sqrt(inverse[i, i]) for i in range(len(best))]
        # Endpoints of the first parameter, from the quadratic approximation.
        ends = []
        for sign in (-1, 1):
            guess = [a + sign * mp.sqrt(rise) * inverse[j, 0] / errors[0] for j, a in enumerate(best)]
            try:
                ends.append(float(endpoint(cost, best, low, 0, guess, rise)))
            except (ArithmeticError, TypeError, ValueError):
                ends.append(None)
        results.append(dict(
            family=p['family'], model=p['model'], options=p['options'], names=p['names'], data=p['data'], start=p['truth'],
            values=[float(a) for a in best], errors=[float(e) for e in errors], minus2LogLikelihood=float(low),
            profile=ends))
        print(p['family'], p['names'], [float(a) for a in best], float(low), ends, flush=True)
    path = os.path.join(os.path.dirname(__file__), 'likelihoods.json')
    with open(path, 'w') as out:
        out.write('[\n' + ',\n'.join(json.dumps(r) for r in results) + '\n]\n')


main()
