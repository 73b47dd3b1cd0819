// Simulated standard curves with one unknown each, whose true x is known.
import { fitManySync, inverse, models } from '../../dist/fits/index.js'
import { random } from '../../scripts/lib/random.mjs'

const repeat = (x, times) => x.flatMap((one) => Array.from({ length: times }, () => one))
const doses = [0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100]

/**
 * @typedef {object} Case
 * @property {string} name
 * @property {import('../../dist/fits/index.js').FitModel} model
 * @property {number[]} x
 * @property {(x: number) => number} f
 * @property {(f: number) => number} noise
 * @property {string} [sigma]
 * @property {[number, number]} range
 * @property {number} replicates
 */

/**
 * The standards `x`, the true curve `f`, the noise σ of a row, the range of unknowns and the replicates of each.
 *
 * @type {Case[]}
 */
export const cases = [
  {
    name: 'a line',
    model: models.line(),
    x: [0, 1, 2, 3, 4, 5, 6, 7],
    f: (x) => 1 + 2 * x,
    noise: () => 0.5,
    range: [0.5, 6.5],
    replicates: 1,
  },
  {
    name: 'a four-parameter logistic',
    model: models.fourPL(),
    x: repeat(doses, 2),
    f: (x) => 0.1 + 2 / (1 + (2 / x) ** 1.2),
    noise: () => 0.05,
    range: [0.1, 30],
    replicates: 1,
  },
  {
    name: 'a four-parameter logistic, means of 3',
    model: models.fourPL(),
    x: repeat(doses, 3),
    f: (x) => 0.1 + 2 / (1 + (2 / x) ** 1.2),
    noise: () => 0.05,
    range: [0.1, 30],
    replicates: 3,
  },
  {
    name: 'a four-parameter logistic, unknowns near the plateaus',
    model: models.fourPL(),
    x: repeat(doses, 2),
    f: (x) => 0.1 + 2 / (1 + (2 / x) ** 1.2),
    noise: () => 0.1,
    range: [0.011, 90],
    replicates: 1,
  },
  {
    name: 'a Michaelis-Menten curve, 8% noise by formula',
    model: models.michaelisMenten(),
    x: repeat([0.5, 1, 2, 4, 8, 16, 32], 2),
    f: (x) => (10 * x) / (4 + x),
    noise: (f) => 0.08 * f,
    sigma: '0.08*f',
    range: [0.6, 12],
    replicates: 2,
  },
]

/**
 * Simulates curves with one unknown each. The shares count the intervals that contain the true x: the intervals of
 * `inverse`, and the intervals value ± t·error of unknowns whose value was found.
 *
 * @param {Case} one
 * @param {number} count
 * @param {number} seed
 */
export function coverageOfUnknowns(
  { model, x, f, noise, sigma, range: [low, high], replicates },
  count,
  seed,
) {
  const next = random(seed)
  const uniform = () => next() + 2 ** -33
  const normal = () => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform())
  const measure = (at) => f(at) + noise(f(at)) * normal()
  const y = Array.from({ length: count }, () => x.map(measure))
  const truths = y.map(() => (low > 0 ? low * (high / low) ** uniform() : low + (high - low) * uniform()))
  const unknowns = truths.map((at) => Array.from({ length: replicates }, () => measure(at)))
  const found = fitManySync(model, { x, y }, sigma === undefined ? {} : { sigma })
  let [inside, delta, deltas, failed] = [0, 0, 0, 0]
  for (const [k, truth] of truths.entries()) {
    const [{ value, error, low, high, reason }] = inverse(found.at(k), [unknowns[k]])
    if (low <= truth && truth <= high) inside++
    if (Number.isNaN(low) || Number.isNaN(high)) failed++
    if (reason !== 'found') continue
    // The quantile of Student's t follows from an interval of the fit.
    const fit = found.at(k)
    const name = fit.free[0]
    const [from, to] = fit.intervals()[name]
    const t = (to - from) / 2 / fit.errors[name]
    deltas++
    if (Math.abs(value - truth) <= t * error) delta++
  }
  return { inside: inside / count, delta: delta / deltas, failed: failed / count }
}
