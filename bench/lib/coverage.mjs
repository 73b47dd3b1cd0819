// Coverage of intervals: fits of simulated data with known true parameters by `fitMany`.
import { fitManySync, fitReasons, profileSync } from '../../dist/fits/index.js'
import { expression } from '../../dist/index.js'
import { random } from '../../scripts/lib/random.mjs'

const spread = (from, to, count) =>
  Array.from({ length: count }, (_, k) => from + ((to - from) * k) / (count - 1))
/** Cases with true values of a parameter near 0, above and below it. */
const nearZero = (name, { truths, ...one }) =>
  truths.map((truth) => ({ ...one, name: `${name}, ${one.of} = ${truth[one.of]}`, truth, passesZero: true }))
const dose = (x, { ec50, slope }) => 100 / (1 + (ec50 / x) ** slope)

/** The cases: the model, its x values, the noise, and the examined parameter. */
export const cases = [
  {
    name: 'a line',
    model: 'a + b*x',
    truth: { a: 1, b: 2 },
    of: 'b',
    x: spread(0, 5, 8),
    f: (x, { a, b }) => a + b * x,
    noise: 0.5,
  },
  {
    name: 'a decay to an offset',
    model: 'a*exp(-k*x) + c',
    truth: { a: 4, k: 0.6, c: 1 },
    of: 'k',
    x: spread(0, 8, 17),
    f: (x, { a, k, c }) => a * Math.exp(-k * x) + c,
    noise: 0.15,
  },
  {
    name: 'a decay, σ grows with x',
    model: 'a*exp(-k*x) + c',
    truth: { a: 4, k: 0.6, c: 1 },
    of: 'a',
    x: spread(0, 5, 11),
    f: (x, { a, k, c }) => a * Math.exp(-k * x) + c,
    noise: (x) => 0.1 + 0.05 * x,
  },
  ...nearZero('a decay that is nearly a line', {
    model: 'a*exp(-k*x) + c',
    truths: [0.1, -0.05].map((k) => ({ a: 0.6 / k, k, c: 1 })),
    of: 'k',
    x: spread(0, 5, 9),
    f: (x, { a, k, c }) => a * Math.exp(-k * x) + c,
    noise: 0.25,
  }),
  ...nearZero('a saturation that is nearly a line', {
    model: 'b1*(1 - exp(-b2*x))',
    truths: [0.1, -0.05].map((b2) => ({ b1: 0.5 / b2, b2 })),
    of: 'b2',
    x: spread(0.5, 5, 8),
    f: (x, { b1, b2 }) => b1 * (1 - Math.exp(-b2 * x)),
    noise: 0.2,
  }),
  ...nearZero('a power that is nearly a logarithm', {
    model: 'a*x^b + c',
    truths: [0.1, -0.1].map((b) => ({ a: 0.5 / b, b, c: 1 })),
    of: 'b',
    x: spread(1, 9, 9),
    f: (x, { a, b, c }) => a * x ** b + c,
    noise: 0.1,
  }),
  {
    name: 'Michaelis-Menten, σ known',
    model: 'vmax*x/(km + x)',
    truth: { vmax: 10, km: 5 },
    of: 'km',
    x: [0.5, 1, 2, 4, 6, 8],
    f: (x, { vmax, km }) => (vmax * x) / (km + x),
    noise: 0.6,
    isKnown: true,
  },
  {
    name: 'saturation that is not reached, σ known',
    model: 'b1*(1 - exp(-b2*x))',
    truth: { b1: 10, b2: 0.3 },
    of: 'b1',
    x: [1, 2, 3, 4, 5],
    f: (x, { b1, b2 }) => b1 * (1 - Math.exp(-b2 * x)),
    noise: 0.6,
    isKnown: true,
  },
  {
    name: 'half-way of four doses, σ known',
    model: '100/(1 + (ec50/x)^slope)',
    truth: { ec50: 3, slope: 1 },
    of: 'ec50',
    x: [0.1, 0.3, 1, 3],
    f: dose,
    noise: 8,
    isKnown: true,
  },
  {
    name: 'counts of a decay',
    model: 'a*exp(-k*x)',
    truth: { a: 12, k: 0.5 },
    of: 'k',
    x: spread(0, 7, 8),
    f: (x, { a, k }) => a * Math.exp(-k * x),
    noise: 'poisson',
    isKnown: true,
  },
]

/** Simulated sets of y for a case. */
export function simulate({ x, f, truth, noise, outliers }, sets, seed = 1) {
  const next = random(seed)
  const normal = () => Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next())
  const counted = (mean) => {
    let [count, left] = [0, Math.exp(-mean)]
    for (let product = next(); product > left; product *= next()) count++
    return count
  }
  const curve = x.map((at) => f(at, truth))
  const sigma = sigmaOf({ x, noise })
  /** The error of an outlier, in units of σ. Cases without outliers draw no further random numbers. */
  const error = () => {
    const own = normal()
    if (outliers === undefined || !(next() < outliers.part)) return own
    return own + (next() < 0.5 ? -outliers.size : outliers.size)
  }
  return Array.from({ length: sets }, () =>
    curve.map((mean, row) => (sigma === undefined ? counted(mean) : mean + sigma[row] * error())),
  )
}

export function sigmaOf({ x, noise }) {
  if (noise === 'poisson') return undefined
  return x.map((at) => (typeof noise === 'number' ? noise : noise(at)))
}

/** Fits of all sets, starting at the true parameters. */
export function fitted({ model, truth, x, noise, isKnown = false, of, bounds = {}, loss }, y, options = {}) {
  const sigma = sigmaOf({ x, noise })
  const errors = sigma === undefined ? { loss: 'poisson' } : { sigma, absoluteSigma: isKnown, loss }
  const begin = ([name, start]) => [name, bounds[name] ? { start, ...bounds[name] } : start]
  const start = Object.fromEntries(Object.entries(truth).map(begin))
  const fits = fitManySync(expression(model), { x, y }, { start, ...errors, ...options })
  return { fits, profile: profileSync(fits, of)[of] }
}

/** Whether the true value lies inside an interval. Missing endpoints count as infinite. */
export const isInside = (truth, low, high) => !(truth < low) && !(truth > high)

/**
 * Coverage of Wald and profile intervals over the sets whose fit has converged. All other sets count as failed.
 *
 * @param isCounted whether a set counts
 */
export function coverageOf({ truth, of }, { fits, profile }, isCounted = () => true) {
  const sets = Array.from(fits.reason.keys()).filter((fit) => hasConverged(fits, fit) && isCounted(fit))
  const part = (is) => sets.filter(is).length / sets.length
  return {
    wald: part((fit) => isInside(truth[of], ...fits.at(fit).intervals()[of])),
    profile: part((fit) => isInside(truth[of], profile.low[fit], profile.high[fit])),
    endless: sets.filter((fit) => !Number.isFinite(profile.low[fit] + profile.high[fit])).length,
    failed: fits.length - sets.length,
  }
}

export const hasConverged = (fits, fit) => fitReasons[fits.reason[fit]] === 'converged'
