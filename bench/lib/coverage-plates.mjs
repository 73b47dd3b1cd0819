// Cases of coverage.mjs that resemble plates: outliers, counts, parameters that wells share, and endpoints at bounds.
import { fitReasons, fitSharedSync, profileSync } from '../../dist/fits/index.js'
import { expression } from '../../dist/index.js'
import { fitted, isInside, simulate } from './coverage.mjs'

const doses = (count) => Array.from({ length: count }, (_, k) => 10 ** (-2 + (4 * k) / (count - 1)))
const logistic = 'bottom + (top - bottom)/(1 + (ec50/x)^slope)'
const response = (x, { bottom, top, ec50, slope }) => bottom + (top - bottom) / (1 + (ec50 / x) ** slope)
const well = { bottom: 5, top: 100, ec50: 1, slope: 1.2 }
const decay = (x, { a, k, c }) => a * Math.exp(-k * x) + c
const times = Array.from({ length: 11 }, (_, k) => k / 2)
/** Wells with different half-maximal doses, which share the plateaus. */
const wells = [0.1, 0.3, 1, 2, 5, 10].map((ec50) => ({ ...well, ec50 }))
/** Two in a hundred rows are off by eight standard deviations. */
const outliers = { part: 0.02, size: 8 }

const plate = { model: logistic, truth: well, x: doses(10), f: response, noise: 4 }
const shared = { ...plate, wells, shared: ['bottom', 'top'], x: doses(8) }
const bounded = { model: 'a*exp(-k*x) + c', f: decay, x: times, noise: 0.15, bounds: { c: { min: 0 } } }
const nearZero = { ...bounded, truth: { a: 4, k: 0.6, c: 0.1 } }
const atZero = { ...bounded, truth: { a: 4, k: 0.6, c: 0 } }

/** The cases, with the examined parameter. docs/fits-errors.md explains coverages that differ from 95%. */
export const plateCases = [
  { ...plate, name: 'a well of 10 doses', of: 'ec50' },
  { ...plate, name: 'a well, 2% outliers', of: 'ec50', outliers },
  { ...plate, name: 'a well, 2% outliers, soft L1', of: 'ec50', outliers, loss: 'softL1' },
  { ...plate, name: 'a well, 2% outliers, Huber', of: 'ec50', outliers, loss: 'huber' },
  { ...plate, name: 'a well, no outliers, Huber', of: 'ec50', loss: 'huber' },
  {
    ...plate,
    name: 'counts of a well',
    of: 'ec50',
    truth: { ...well, bottom: 3, top: 40 },
    noise: 'poisson',
  },
  {
    ...plate,
    name: 'low counts of a well',
    of: 'ec50',
    truth: { ...well, bottom: 1, top: 12 },
    noise: 'poisson',
  },
  { ...shared, name: 'six wells, shared plateaus', of: 'top' },
  { ...shared, name: 'six wells, shared plateaus', of: 'ec50' },
  { ...shared, name: 'six wells, shared plateaus, 2% outliers', of: 'ec50', outliers },
  { ...nearZero, name: 'an offset of 0.1, at least 0', of: 'c' },
  { ...nearZero, name: 'an offset of 0.1, at least 0', of: 'k' },
  { ...atZero, name: 'an offset of 0, at least 0', of: 'c' },
  { ...atZero, name: 'an offset of 0, at least 0', of: 'k' },
]

/** Simulated sets of y: one array per set, or one array of wells per set. */
export function simulatePlates(one, sets, seed = 1) {
  if (one.wells === undefined) return simulate(one, sets, seed)
  const own = one.wells.map((truth, k) => simulate({ ...one, truth }, sets, 1000 * seed + k))
  return Array.from({ length: sets }, (_, set) => own.map((y) => y[set]))
}

/** Endpoints of each set, the endpoints of the Wald interval, and whether the fit has converged. */
export function fitPlates(one, y) {
  if (one.wells !== undefined) return y.map((plate) => fitPlate(one, plate))
  const { fits, profile } = fitted(one, y)
  return y.map((_, k) => ({
    wald: fits.at(k).intervals()[one.of],
    profile: [profile.low[k], profile.high[k]],
    hasConverged: fitReasons[fits.reason[k]] === 'converged',
  }))
}

/** The intervals of a shared parameter, or of a parameter of the third well. */
function fitPlate({ model, x, shared, truth, of }, y) {
  const found = fitSharedSync(expression(model), { x, y }, { shared, start: { ...truth } })
  const group = found.at(2)
  const { low, high } = shared.includes(of) ? profileSync(found, of) : profileSync(group, of)
  return { wald: group.intervals()[of], profile: [low, high], hasConverged: found.reason === 'converged' }
}

/** Coverage of Wald and profile intervals over the sets whose fit has converged. */
export function plateCoverage({ truth, of }, all) {
  const sets = all.filter(({ hasConverged }) => hasConverged)
  const part = (kind) => sets.filter((one) => isInside(truth[of], ...one[kind])).length / sets.length
  return {
    wald: part('wald'),
    profile: part('profile'),
    endless: sets.filter(({ profile: [low, high] }) => !Number.isFinite(low + high)).length,
    failed: all.length - sets.length,
  }
}
