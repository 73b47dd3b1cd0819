// Simulated data sets with and without outliers, and the rows that `rout` marks.
import { fitManySync, models, rout } from '../../dist/fits/index.js'
import { random } from '../../scripts/lib/random.mjs'

const spread = (from, to, count) =>
  Array.from({ length: count }, (_, k) => from + ((to - from) * k) / (count - 1))
const doses = (count) => spread(-3, 3, count).map((log) => 10 ** log)

/**
 * @typedef {object} Case
 * @property {string} name
 * @property {import('../../dist/fits/index.js').FitModel} model
 * @property {number[]} x
 * @property {(x: number) => number} f
 * @property {number} noise
 */

/** @type {Case[]} */
export const cases = [
  { name: 'a line, 10 rows', model: models.line(), x: spread(0, 9, 10), f: (x) => 1 + 2 * x, noise: 1 },
  { name: 'a line, 36 rows', model: models.line(), x: spread(0, 35, 36), f: (x) => 1 + 2 * x, noise: 1 },
  {
    name: 'a four-parameter logistic, 24 rows',
    model: models.fourPL(),
    x: doses(24),
    f: (x) => 100 / (1 + 1 / x),
    noise: 5,
  },
  {
    name: 'a decay to an offset, 30 rows',
    model: models.exponential(),
    x: spread(0, 6, 30),
    f: (x) => 10 * Math.exp(-x) + 1,
    noise: 0.3,
  },
]

/**
 * Simulates data sets whose rows have normal errors, and marks outliers at Q = 1%.
 *
 * @param {Case} one
 * @param {number} count
 * @param {{ seed: number, share: number }} setting `share` is the fraction of rows that are moved by 12 standard
 * deviations
 * @returns fraction of the data sets with marked rows, fraction of the moved rows that are marked, and fraction of the
 * marked rows that were not moved
 */
export function outliersOf({ model, x, f, noise }, count, { seed, share }) {
  const next = random(seed)
  const uniform = () => next() + 2 ** -33
  const normal = () => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform())
  const isMoved = Array.from({ length: count }, () => x.map(() => share > 0 && uniform() < share))
  const y = isMoved.map((moved) =>
    x.map((at, row) => f(at) + noise * (normal() + (moved[row] ? (uniform() < 0.5 ? 12 : -12) : 0))),
  )
  const found = fitManySync(model, { x, y }, { outliers: rout(), engine: 'native', threads: 1 })
  let [sets, hits, wrong, marked] = [0, 0, 0, 0]
  for (let k = 0; k < count; k++) {
    const { outliers } = found.at(k)
    if (outliers.length > 0) sets++
    marked += outliers.length
    for (const { row } of outliers)
      if (isMoved[k][row]) hits++
      else wrong++
  }
  const moved = isMoved.flat().filter(Boolean).length
  return { sets: sets / count, found: hits / (moved || 1), wrong: wrong / (marked || 1) }
}
