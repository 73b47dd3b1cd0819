/** The bootstrap (Efron, 1979): fits again to data that might as well have been measured. */

import { OptionError } from '../ground/errors.js'
import { type Column, numbersOf } from '../many/data.js'
import { calls } from '../many/options.js'
import { below, random } from '../many/random.js'
import { normal, poisson } from '../many/variates.js'
import { type GivenOf, oneOf, type ValuesOf, wholeTo } from '../options/kinds.js'
import type { Call } from './drive.js'
import { columnOf, freedomOf, type Ingredients, startingAt } from './found.js'
import { linearise } from './linearise.js'
import type { FitColumn } from './options.js'
import { fitReasons } from './reasons.js'

const word = (value?: number) => wholeTo(0, 0xffff_ffff, value, '2^32 - 1')

export const bootstrapTable = {
  /**
   * Where data come from: the curve and residuals drawn from those of the fit ('residuals'), rows drawn from those of
   * the data ('cases'), or the curve and normal errors, or Poisson's where the loss is that of counts ('parametric');
   * 'residuals'.
   */
  kind: oneOf('residuals', 'cases', 'parametric'),
  /** How often each fit is made again, from 1 to 1,000,000; 1000. */
  count: wholeTo(1, 1_000_000, 1000),
  /** A whole number from 0 to 2³² − 1; 0. */
  seed: word(0),
  /**
   * The number of the first fit, 0. Numbers are drawn by seed, fit and refit, so that a part of a batch that is computed
   * by itself gets those of the whole if it says where it begins.
   */
  firstFit: word(0),
}

export const bootstrapManyTable = {
  ...bootstrapTable,
  /** Ends the call: the promise is rejected with the signal's reason. */
  signal: calls.signal,
  /** Called now and then with how many refits have ended, of how many. */
  onProgress: calls.onProgress,
}

export interface BootstrapOptions extends GivenOf<typeof bootstrapTable> {}
export interface BootstrapManyOptions extends GivenOf<typeof bootstrapManyTable> {}
export type BootstrapValues = ValuesOf<typeof bootstrapTable>

/** Refits at a time, and numbers of their data: 32 MiB. */
const RUNS = 8192
const NUMBERS = 1 << 22
/** So many numbers all refits may have: 1 GiB. */
const MOST = 134_217_728

/** What refits have come to, those of a fit side by side. */
export interface Refitted {
  /** Of parameters that vary or follow from others; NaN where a refit has failed, or was not made. */
  readonly values: Readonly<Record<string, Float64Array>>
  /** 0 where it was not made. */
  readonly reason: Uint8Array
}

export const CONVERGED = fitReasons.indexOf('converged')

/** Why a fit cannot be made again, in words; empty where it can. */
export function obstacle(of: Ingredients, fit: number, { kind }: BootstrapValues): string {
  if (of.found.reason[fit] !== CONVERGED) return 'the fit itself has not converged'
  const needsFreedom = kind === 'residuals' || (kind === 'parametric' && !of.isAbsolute)
  return needsFreedom && freedomOf(of, fit) <= 0 ? 'no degree of freedom is left for errors' : ''
}

/** @throws OptionError where these fits cannot be made again so, or not so often */
export function checkBootstrap(of: Ingredients, fits: number, { kind, count }: BootstrapValues): void {
  if (kind === 'residuals' && of.problem.loss === 'poisson') {
    throw new OptionError('kind', "'cases' or 'parametric', of counts", kind)
  }
  const names = of.parameters.filter(varies).length
  const most = Math.floor(MOST / (fits * names))
  if (count > most)
    throw new OptionError('count', `at most ${most}, of ${fits} fits with ${names} parameters`, count)
}

const varies = ({ isFixed, expr }: Ingredients['parameters'][number]) => !isFixed || expr !== null

/** Makes some fits again; all calls are of the engine that made them. */
export function* refit(
  of: Ingredients,
  fits: readonly number[],
  options: BootstrapValues,
  onProgress: ((done: number, total: number) => void) | undefined,
): Generator<Call, Refitted> {
  const { count } = options
  const names = of.parameters.filter(varies).map(({ name }) => name)
  const values = Object.fromEntries(
    names.map((name) => [name, new Float64Array(fits.length * count).fill(NaN)]),
  )
  const reason = new Uint8Array(fits.length * count)
  const places = fits.flatMap((fit, k) => (obstacle(of, fit, options) === '' ? [k] : []))
  const total = places.length * count
  let done = 0
  while (done < total) {
    const rowsOfFirst = of.rows[fits[places[Math.floor(done / count)]]]
    const most = Math.min(RUNS, Math.max(1, Math.floor(NUMBERS / (rowsOfFirst * of.columns.size))))
    const runs = Array.from({ length: Math.min(most, total - done) }, (_, k) => {
      const place = places[Math.floor((done + k) / count)]
      return { place, fit: fits[place], replicate: (done + k) % count }
    })
    const refits = again(of, runs, options)
    yield* refits.calls()
    const result = refits.result()
    for (const [k, { place, replicate }] of runs.entries()) {
      const at = place * count + replicate
      reason[at] = result.reason[k]
      if (result.reason[k] === CONVERGED) for (const name of names) values[name][at] = result.values[name][k]
    }
    done += runs.length
    onProgress?.(done, total)
    yield
  }
  return { values, reason }
}

interface Run {
  readonly fit: number
  readonly replicate: number
}

function again(of: Ingredients, runs: readonly Run[], options: BootstrapValues) {
  const { problem, columns } = of
  const { kind, seed, firstFit } = options
  const isOne = runs[0].fit === runs[runs.length - 1].fit
  const drawn = new Map<string, Float64Array[]>([...columns.keys()].map((name) => [name, []]))
  let draw: Draw = () => new Map()
  for (const [k, { fit, replicate }] of runs.entries()) {
    if (fit !== runs[k - 1]?.fit) draw = drawers[kind](of, fit)
    const numbers = draw(random(seed, (firstFit + fit) >>> 0, replicate))
    for (const [name, lists] of drawn) {
      lists.push(numbers.get(name) ?? numbersOf(columns.get(name) as Column, fit))
    }
  }
  // What is the same for all is there once.
  const isShared = (name: string) =>
    kind !== 'cases' && name !== problem.y && (isOne || columns.get(name)?.offsets === null)
  const made = [...drawn].map(([name, lists]): [string, FitColumn] => [
    name,
    isShared(name) ? lists[0] : lists,
  ])
  const [data, weights] = [false, true].map((is) => made.filter(([name]) => (name === problem.weight) === is))
  const start = startingAt(of, (name) => {
    const column = columnOf(of, name)
    return runs.map(({ fit }) => column[fit])
  })
  return of.again(Object.fromEntries(data), weights[0]?.[1], start)
}

/** The columns of a refit that are others than the fit's. */
type Draw = (next: () => number) => ReadonlyMap<string, Float64Array>

const drawers: Readonly<Record<BootstrapValues['kind'], (of: Ingredients, fit: number) => Draw>> = {
  residuals(of, fit) {
    const { curve, y, deviations, rows } = curveOf(of, fit)
    const residuals = y.map((measured, row) => (measured - curve[row]) / deviations[row])
    const mean = residuals.reduce((sum, residual) => sum + residual, 0) / rows
    // Fits lie closer to the data than the truth does.
    const larger = Math.sqrt(rows / freedomOf(of, fit))
    const pool = residuals.map((residual) => (residual - mean) * larger)
    return (next) =>
      new Map([[of.problem.y, curve.map((f, row) => f + deviations[row] * pool[below(rows, next)])]])
  },
  cases(of, fit) {
    const rows = of.rows[fit]
    const own = [...of.columns].map(([name, column]) => [name, numbersOf(column, fit)] as const)
    return (next) => {
      const drawn = Uint32Array.from({ length: rows }, () => below(rows, next))
      return new Map(own.map(([name, numbers]) => [name, Float64Array.from(drawn, (row) => numbers[row])]))
    }
  },
  parametric(of, fit) {
    const { curve, weights, deviations } = curveOf(of, fit)
    const { y, loss } = of.problem
    if (loss === 'poisson') {
      // A row of the weight w is as many counts of the same mean.
      return (next) => new Map([[y, curve.map((f, row) => poisson(f * weights[row], next) / weights[row])]])
    }
    const size = of.isAbsolute ? 1 : Math.sqrt(of.found.cost[fit] / freedomOf(of, fit))
    return (next) => new Map([[y, curve.map((f, row) => f + size * deviations[row] * normal(next))]])
  },
}

/** The curve at the rows of a fit that count, what was measured there, and its relative standard deviations. */
function curveOf(of: Ingredients, fit: number) {
  const { problem, columns } = of
  const y = numbersOf(columns.get(problem.y) as Column, fit)
  const weights =
    problem.weight === null
      ? new Float64Array(y.length).fill(1)
      : numbersOf(columns.get(problem.weight) as Column, fit)
  const deviations = weights.map((weight) => 1 / Math.sqrt(weight))
  return { curve: linearise(of, fit).curve, y, weights, deviations, rows: y.length }
}
