/** Messages that explain why a fit ended, and the search for non-finite values at the start of a fit. */

import { runToEnd } from '../../core/slices.js'
import { joinTexts, plural } from '../../core/text.js'
import { type DataColumn, numbersInRun } from '../../many/batch/data.js'
import type { Problem } from '../problem/problem.js'
import type { FitReason } from '../problem/reasons.js'
import { MISSING, readRoles, WEIGHTLESS } from '../problem/row-selection.js'

/** The first value that was not finite at the start of a fit. */
export interface NonFinite {
  /** Index of the row, from 0, among all rows that the user passed, or null for a starting value. */
  readonly row: number | null
  /**
   * Source of the value: a data column, the model, a derivative of the model, a starting value, or a model-based weight
   * at the end of a round.
   */
  readonly source: 'column' | 'model' | 'derivative' | 'start' | 'weight'
  /** Name of the column or of the parameter, or null for the model. */
  readonly name: string | null
  readonly value: number
}

/** Inputs of the search for non-finite values. */
export interface NonFiniteContext {
  readonly problem: Problem
  /** All rows of the fit's columns. */
  readonly columns: ReadonlyMap<string, DataColumn>
  readonly fit: number
  /** Starting values of the parameters. */
  readonly starts: ReadonlyMap<string, Float64Array>
  /** Whether rows with missing values are dropped. */
  readonly dropsInvalid: boolean
  /** Function that returns the values of the model and its derivatives at a row. */
  readonly evaluate: (row: number) => readonly number[]
}

/**
 * Finds the first value that is not finite at the start of a fit. The result is null if only sums of values overflow.
 */
export function findNonFinite({
  problem,
  columns,
  fit,
  starts,
  dropsInvalid,
  evaluate,
}: NonFiniteContext): NonFinite | null {
  const { free, y, weight, loss } = problem
  for (const [name, column] of starts) {
    const value = column[fit]
    if (!Number.isFinite(value)) return { row: null, source: 'start', name, value }
  }
  const named = [...columns].map(([name, column]) => [name, numbersInRun(column, fit)] as const)
  const numbers = named.map(([, column]) => column)
  const weights = named.find(([name]) => name === weight)?.[1]
  for (const [row, role] of runToEnd(readRoles(numbers, weights, numbers[0].length)).entries()) {
    if (role === WEIGHTLESS || (role === MISSING && dropsInvalid)) continue
    const inColumn = (is: (x: number, name: string) => boolean): NonFinite | undefined => {
      const found = named.find(([name, column]) => is(column[row], name))
      return found && { row, source: 'column', name: found[0], value: found[1][row] }
    }
    const missing = inColumn((x, name) => Number.isNaN(x) || (name === y && !Number.isFinite(x)))
    if (missing) return missing
    const [model, ...slopes] = evaluate(row)
    const at = slopes.findIndex((slope) => !Number.isFinite(slope))
    const isBad = !Number.isFinite(model) || (loss === 'poisson' && !(model > 0))
    if (!isBad && at < 0) continue
    const infinite = inColumn((x) => !Number.isFinite(x))
    if (infinite) return infinite
    return isBad
      ? { row, source: 'model', name: null, value: model }
      : { row, source: 'derivative', name: free[at], value: slopes[at] }
  }
  return null
}

/** Properties of a fit that messages use. */
interface FitOutcome {
  readonly reason: FitReason
  readonly observations: number
  readonly droppedRows: number
  readonly free: readonly string[]
  readonly errors: Readonly<Record<string, number>>
  readonly atBound: readonly string[]
  readonly unidentifiable: readonly string[]
  readonly chiSquared: number
  readonly degreesOfFreedom: number
  readonly nonFinite: NonFinite | null
}

/** Further properties of a fit that messages use. */
export interface MessageContext {
  /** Function that returns the names of the model's columns and the values of the columns at a row. */
  readonly index: (row: number) => readonly (readonly [name: string, value: number])[]
  readonly isByRule: boolean
  readonly isAbsolute: boolean
  readonly varies: boolean
  /** Parameters whose starting value was beyond a bound, and the starting value. */
  readonly moved: readonly (readonly [name: string, start: number])[]
}

const joinNames = (names: readonly string[]) => names.join(', ')

const reasonTexts: Readonly<Record<FitReason, (fit: FitOutcome, about: MessageContext) => string>> = {
  converged: () => '',
  stalled: () =>
    'no step lowers χ², but this is no minimum, or it is at infinity; try other starts or bounds',
  'max-iterations': () => 'no minimum within the limit of evaluations; try other starts',
  'not-finite': ({ nonFinite }, about) => describeNonFinite(nonFinite, about),
  singular: ({ unidentifiable }) =>
    unidentifiable.length > 0
      ? `the data do not determine ${joinNames(unidentifiable)}`
      : 'the data determine some parameters only together; fix some of them',
  'too-few-points': ({ observations, free }) =>
    `${plural(observations, 'row')} for ${plural(free.length, 'free parameter')}`,
}

function describeNonFinite(found: NonFinite | null, { index, isByRule }: MessageContext): string {
  if (found === null) {
    return isByRule
      ? 'χ² became infinite or NaN during the fit'
      : 'sums of squares or derivatives overflow; multiply the data by a power of 10'
  }
  const { row, source, name, value } = found
  if (row === null) return `${name} starts at ${value}`
  const where = index(row).map(([column, x]) => `${column} = ${x}`)
  const there = `row ${row}${where.length === 0 || source === 'column' ? '' : `, where ${joinNames(where)}`}`
  if (source === 'column') return `${there}: ${name} is ${value}`
  if (source === 'weight')
    return `${there}: the model-based weight is ${value}, but must be finite and above 0`
  const origin = source === 'model' ? 'the model' : `the derivative by ${name}`
  const but = Number.isFinite(value) ? ', but must be above 0 for counts' : ''
  return `${there}: ${origin} is ${value} where the fit starts${but}`
}

/** Explains why a fit did not converge, and adds warnings about the results. */
export function describeFit(fit: FitOutcome, about: MessageContext): string {
  const { reason, free, errors, atBound, chiSquared, degreesOfFreedom, droppedRows } = fit
  const isPoint = reason === 'converged' || reason === 'singular'
  const isExact = chiSquared === 0 && !free.some((name) => errors[name] > 0)
  const remarks = [
    [
      about.moved.length > 0,
      `start ${joinNames(about.moved.map(([name, start]) => `${name} = ${start}`))} is out of bounds: moved to the bound`,
    ],
    [atBound.length > 0, `${joinNames(atBound)} held at a bound, and counted as fixed`],
    [isPoint && isExact, 'the model fits the data exactly: AIC and BIC are not finite'],
    [
      isPoint && (chiSquared === Infinity || (chiSquared === 0 && !isExact)),
      'χ² and covariances are out of range: multiply the data by a power of 10',
    ],
    [isPoint && degreesOfFreedom <= 0 && !about.isAbsolute, 'no degree of freedom is left for errors'],
    [isPoint && !about.varies, 'y is constant: R² is undefined'],
    [droppedRows > 0, `${plural(droppedRows, 'row')} with missing values left out`],
  ] as const
  const said = remarks.filter(([is]) => is).map(([, text]) => text)
  return joinTexts(reasonTexts[reason](fit, about), ...said)
}
