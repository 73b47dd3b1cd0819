/** Why a fit has ended as it has, in words; and what was not finite where it began. */

import { runToEnd } from '../../core/slices.js'
import { plural } from '../../core/text.js'
import { type DataColumn, numbersInRun } from '../../many/batch/data.js'
import type { Problem } from '../problem/problem.js'
import type { FitReason } from '../problem/reasons.js'
import { MISSING, readRoles, WEIGHTLESS } from '../problem/row-selection.js'

/** What was not finite where a fit began. */
export interface NonFinite {
  /** The first such row, from 0, where all that were given are counted; null of a start. */
  readonly row: number | null
  /**
   * A number of the data; the model there, or its derivative by a parameter; where a parameter starts; or a weight by the
   * model, where a round of fits has ended.
   */
  readonly source: 'column' | 'model' | 'derivative' | 'start' | 'weight'
  /** Of the column, or of the parameter; null of the model. */
  readonly name: string | null
  readonly value: number
}

/** What a fit was given. */
export interface NonFiniteContext {
  readonly problem: Problem
  /** All rows of its columns. */
  readonly columns: ReadonlyMap<string, DataColumn>
  readonly fit: number
  /** Where parameters started. */
  readonly starts: ReadonlyMap<string, Float64Array>
  /** Whether rows that miss something are left out. */
  readonly dropsInvalid: boolean
  /** The model and its derivatives at a row. */
  readonly evaluate: (row: number) => readonly number[]
}

/** The first thing that is not finite where a fit begins; null if all are, and only sums are not. */
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

/** What the words are made of; a fit has all of it. */
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

/** What is known of a fit beside itself. */
export interface MessageContext {
  /** The model's columns and what they are in a row. */
  readonly index: (row: number) => readonly (readonly [name: string, value: number])[]
  readonly isByRule: boolean
  readonly isAbsolute: boolean
  readonly varies: boolean
  /** Parameters that were to start beyond a bound, and where they were to. */
  readonly moved: readonly (readonly [name: string, start: number])[]
}

const joinNames = (names: readonly string[]) => names.join(', ')

const reasonTexts: Readonly<Record<FitReason, (fit: FitOutcome, about: MessageContext) => string>> = {
  converged: () => '',
  stalled: () =>
    'no step makes χ² less, but this is no minimum, or that is nowhere; other starts or bounds may help',
  'max-iterations': () => 'not at a minimum within the limit of evaluations; other starts may help',
  'not-finite': ({ nonFinite }, about) => describeNonFinite(nonFinite, about),
  singular: ({ unidentifiable }) =>
    unidentifiable.length > 0
      ? `the data do not determine ${joinNames(unidentifiable)}`
      : 'the data determine some parameters only together; fix some of them',
  'too-few-points': ({ observations, free }) =>
    `${plural(observations, 'row')}, for ${plural(free.length, 'parameter')} that vary`,
}

function describeNonFinite(found: NonFinite | null, { index, isByRule }: MessageContext): string {
  if (found === null) {
    return isByRule
      ? 'steps have led to where χ² is not finite'
      : 'squares or derivatives add up to more than a number can be; multiply the data by a power of 10'
  }
  const { row, source, name, value } = found
  if (row === null) return `${name} starts at ${value}`
  const where = index(row).map(([column, x]) => `${column} = ${x}`)
  const there = `row ${row}${where.length === 0 || source === 'column' ? '' : `, where ${joinNames(where)}`}`
  if (source === 'column') return `${there}: ${name} is ${value}`
  if (source === 'weight')
    return `${there}: the weight by the model is ${value}, and has to be finite and above 0`
  const origin = source === 'model' ? 'the model' : `the derivative by ${name}`
  const but = Number.isFinite(value) ? ', and counts want it above 0' : ''
  return `${there}: ${origin} is ${value} where the fit starts${but}`
}

/** Why a fit ended, unless it has converged, and what has to be known of its numbers. */
export function describeFit(fit: FitOutcome, about: MessageContext): string {
  const { reason, free, errors, atBound, chiSquared, degreesOfFreedom, droppedRows } = fit
  const isPoint = reason === 'converged' || reason === 'singular'
  const isExact = chiSquared === 0 && !free.some((name) => errors[name] > 0)
  const remarks = [
    [
      about.moved.length > 0,
      `${joinNames(about.moved.map(([name, start]) => `${name} = ${start}`))} to start with, beyond a bound: begun at it`,
    ],
    [atBound.length > 0, `${joinNames(atBound)} held at a bound, and counted as fixed`],
    [isPoint && isExact, 'the data are met exactly: AIC and BIC are no finite numbers'],
    [
      isPoint && (chiSquared === Infinity || (chiSquared === 0 && !isExact)),
      'χ² and covariances are squares, and no numbers here: multiply the data by a power of 10 for them',
    ],
    [isPoint && degreesOfFreedom <= 0 && !about.isAbsolute, 'no degree of freedom is left for errors'],
    [isPoint && !about.varies, 'y does not vary: there is no R²'],
    [droppedRows > 0, `${plural(droppedRows, 'row')} left out, as something is missing`],
  ] as const
  const said = remarks.filter(([is]) => is).map(([, text]) => text)
  return [reasonTexts[reason](fit, about), ...said].filter((text) => text !== '').join('; ')
}
