// npm run bench:coverage: coverage of 95% Wald intervals and profile intervals on simulated data. With --python, the
// profiles are compared with SciPy (brentq over nested least squares) on the same data.
import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { cases, coverageOf, fitted, hasConverged, isInside, sigmaOf, simulate } from './lib/coverage.mjs'
import { fitPlates, plateCases, plateCoverage, simulatePlates } from './lib/coverage-plates.mjs'

const { values } = parseArgs({
  options: { sets: { type: 'string' }, python: { type: 'string' }, only: { type: 'string' } },
})
const sets = Number(values.sets ?? 10_000)
const here = (path) => fileURLToPath(new URL(path, import.meta.url))
/** Allowed difference in coverage from the reference: 0.2% of all data sets. */
const NEAR = 0.002
/**
 * Relative tolerance of endpoints: larger differences, relative to the distance from the estimate, count as different.
 */
const SAME = 1e-4

/** Endpoints of the same data sets by SciPy, with a Python that has SciPy. */
function byScipy({ model, truth, of, x, noise, isKnown = false, passesZero = false }, y) {
  const sigma = sigmaOf({ x, noise }) ?? null
  const input = JSON.stringify({ model, truth, of, x, isKnown, passesZero, y, sigma })
  const options = {
    input,
    maxBuffer: 2 ** 30,
    encoding: 'utf8',
    env: { ...process.env, OPENBLAS_NUM_THREADS: '1' },
  }
  return JSON.parse(execFileSync(values.python, [here('peers/coverage.py')], options))
}

const percent = (part) => (100 * part).toFixed(2)
const lines = [
  `| model and noise, ${sets.toLocaleString('en')} sets | of | Wald | profile | SciPy | other ends | endless | failed |`,
  '|---|---|---|---|---|---|---|---|',
]
let isNear = true
for (const one of cases.filter(({ name }) => name.includes(values.only ?? ''))) {
  const y = simulate(one, sets)
  const ours = fitted(one, y)
  const ends = values.python && byScipy(one, y)
  const { wald, profile, endless, failed } = coverageOf(one, ours, (fit) => !ends || ends[fit] !== null)
  let [reference, others] = ['–', '–']
  if (ends) {
    const good = ends.flatMap((end, fit) => (end !== null && hasConverged(ours.fits, fit) ? [fit] : []))
    const isIn = ([low, high]) => isInside(one.truth[one.of], low ?? -Infinity, high ?? Infinity)
    const part = good.filter((fit) => isIn(ends[fit])).length / good.length
    const isOther = (fit) => {
      const own = [ours.profile.low[fit], ours.profile.high[fit]]
      const value = ours.fits.values[one.of][fit]
      return own.some((end, side) => {
        const other = ends[fit][side] ?? Infinity
        if (Number.isFinite(end) !== Number.isFinite(other)) return true
        return Number.isFinite(end) && !(Math.abs(end - other) <= SAME * Math.abs(end - value))
      })
    }
    isNear &&= Math.abs(part - profile) <= NEAR
    reference = percent(part)
    others = `${good.filter(isOther).length}`
  }
  const row = [one.name, one.of, percent(wald), percent(profile), reference, others, endless, failed]
  lines.push(`| ${row.join(' | ')} |`)
  console.error(lines.at(-1))
}
// Plates: outliers, counts, shared parameters and bounds, for which SciPy has no profiles.
for (const one of plateCases.filter(({ name }) => name.includes(values.only ?? ''))) {
  const { wald, profile, endless, failed } = plateCoverage(one, fitPlates(one, simulatePlates(one, sets)))
  const row = [one.name, one.of, percent(wald), percent(profile), '–', '–', endless, failed]
  lines.push(`| ${row.join(' | ')} |`)
  console.error(lines.at(-1))
}
console.log(lines.join('\n'))
if (values.python && !values.only) writeFileSync(here('results/coverage.md'), `${lines.join('\n')}\n`)
if (!isNear) throw new Error(`A profile's coverage is off from SciPy's by more than ${percent(NEAR)}%`)
