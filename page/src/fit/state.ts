/** The settings of the fit, and their encoding in the page's address. */

import type { BandOptions, FitParameter, Loss, ModelName, PeakBaseline, PeakShape } from 'antigrad/fit'
import { losses } from '../../../dist/page.js'
import { decodePart } from '../address.js'
import { type ExampleName, exampleNames } from './example-list.js'
import { isModelName, modelNames, modelOptions } from './model-list.js'
import { readRanges, writeRanges } from './ranges.js'
import { type Layout, layouts } from './wide.js'

/** The user's settings of a parameter. */
export type ParameterEntry = Omit<FitParameter, 'start'> & {
  readonly start?: number
  /** Whether all groups share one value of the parameter. */
  readonly shared?: boolean
}

export interface FitPageState {
  /** The example whose table the page shows; '' for the user's own table. */
  readonly example: ExampleName | ''
  /** Name of a built-in model, or `own` for a custom expression. */
  readonly model: ModelName | 'own'
  readonly expression: string
  /** Number of peaks; 0 lets the page choose the number by BIC. */
  readonly count: number
  readonly shape: PeakShape
  readonly baseline: PeakBaseline
  /** Degree of the polynomial. */
  readonly degree: number
  /** Type of enzyme inhibition. */
  readonly kind: (typeof modelOptions.kind)[number]
  readonly logEC50: (typeof modelOptions.logEC50)[number]
  readonly layout: Layout
  /** Names of columns; '' means the first column for x and the second column for y. */
  readonly x: string
  readonly y: string
  /** Name of the column that a model needs in addition to x; '' for the first unused column. */
  readonly extra: string
  /** Name of a column; '' for none. */
  readonly sigma: string
  readonly absoluteSigma: boolean
  /** Name of a column, or '1/f' or '1/f^2' for weights by the model's value; '' for none. */
  readonly weights: string
  readonly loss: Loss
  /** Scale of a robust loss: the residual, in the unit of y or σ, from which rows count less. */
  readonly lossScale: number
  /** Whether outliers are marked by ROUT, and whether the fit runs without them. */
  readonly outliers: (typeof outlierChoices)[number]
  /** Name of the column of group labels; '' for none. */
  readonly group: string
  /** Whether intervals are profile-likelihood intervals. */
  readonly profile: boolean
  /** Derived quantities, such as `half = log(2)/b; tau = 1/b`. */
  readonly derive: string
  readonly logX: boolean
  readonly logY: boolean
  readonly band: NonNullable<BandOptions['kind']>
  /** The second model of a comparison: the name of a model, or an expression; '' for none. */
  readonly compare: string
  /** Responses of unknown samples on the curve, one sample per line. */
  readonly unknowns: string
  /** Keys of the rows that the user left out. */
  readonly leftOut: readonly string[]
  readonly parameters: Readonly<Record<string, ParameterEntry>>
}

export const outlierChoices = ['keep', 'mark', 'drop'] as const

export const initial: FitPageState = {
  example: '',
  model: 'own',
  expression: 'a*exp(-b*t) + c',
  count: 0,
  shape: 'gaussian',
  baseline: 'constant',
  degree: 2,
  kind: 'mixed',
  logEC50: 'no',
  layout: 'auto',
  x: '',
  y: '',
  extra: '',
  sigma: '',
  absoluteSigma: false,
  weights: '',
  loss: 'squared',
  lossScale: 1,
  outliers: 'keep',
  group: '',
  profile: false,
  derive: '',
  logX: false,
  logY: false,
  band: 'confidence',
  compare: '',
  unknowns: '',
  leftOut: [],
  parameters: {},
}

const texts = ['x', 'y', 'extra', 'sigma', 'weights', 'group', 'derive', 'compare', 'unknowns'] as const
const flags = ['absoluteSigma', 'profile', 'logX', 'logY'] as const
export const numbers = ['start', 'min', 'max'] as const
export const checks = ['positive', 'fixed', 'shared'] as const

/** Settings with a list of values. */
const choices = {
  example: ['', ...exampleNames],
  shape: modelOptions.shape,
  baseline: modelOptions.baseline,
  kind: modelOptions.kind,
  logEC50: modelOptions.logEC50,
  layout: layouts,
  loss: Object.keys(losses) as Loss[],
  outliers: outlierChoices,
  band: ['confidence', 'prediction'],
} as const satisfies Readonly<Record<string, readonly string[]>>

/** Settings that are numbers, with their validity and a description of it. */
const amounts = {
  count: [(x: number) => Number.isInteger(x) && x >= 0 && x <= 60, 'an integer from 0 to 60'],
  degree: [(x: number) => Number.isInteger(x) && x >= 0 && x <= 15, 'an integer from 0 to 15'],
  lossScale: [(x: number) => x > 0 && x < Infinity, 'a positive number'],
} as const

/** Whether a number is a valid value of a setting, and a description of valid values. */
export const amountRule = (name: keyof typeof amounts) => amounts[name]

/** `model=own&expression=…&x=t&y=v&start.a=2&min.b=0&fixed.c=true&positive.b=true&shared.b=true&expr.d=2*a` */
export function toHash(state: FitPageState): string {
  const parts = [`model=${state.model}`]
  if (state.model === 'own') parts.push(`expression=${encodeURIComponent(state.expression)}`)
  for (const name of texts) if (state[name] !== '') parts.push(`${name}=${encodeURIComponent(state[name])}`)
  for (const name of flags) if (state[name]) parts.push(`${name}=true`)
  for (const name of [...keysOf(amounts), ...keysOf(choices)])
    if (state[name] !== initial[name]) parts.push(`${name}=${state[name]}`)
  if (state.leftOut.length > 0) parts.push(`leftOut=${writeRanges(state.leftOut)}`)
  for (const [name, entry] of Object.entries(state.parameters)) {
    for (const [field, value] of Object.entries(entry)) {
      if (value === undefined || value === false) continue
      parts.push(`${field}.${encodeURIComponent(name)}=${encodeURIComponent(value)}`)
    }
  }
  return parts.join('&')
}

/** Reads the state from an address. Invalid parts are ignored and reported in `problems`. */
export function fromHash(hash: string): { state: FitPageState; problems: string[]; packed: string } {
  const problems: string[] = []
  const state: { -readonly [K in keyof FitPageState]: FitPageState[K] } = { ...initial }
  const parameters = new Map<string, ParameterEntry>()
  const refuse = (what: string, expected: string) => void problems.push(`${what}: expected ${expected}.`)
  let packed = ''

  for (const part of hash.replace(/^#/, '').split('&').filter(Boolean)) {
    const at = part.indexOf('=')
    const [key, text] = at < 0 ? [part, ''] : [part.slice(0, at), decodePart(part.slice(at + 1))]
    const [field, ...rest] = key.split('.')
    const name = decodePart(rest.join('.'))
    if (key === 'model') {
      if (text === 'own' || isModelName(text)) state.model = text
      else refuse(`The model “${text}”`, `own, ${modelNames.join(', ')}`)
    } else if (key === 'table') {
      packed = text
    } else if (key === 'expression') {
      state.expression = text
    } else if (key === 'leftOut') {
      state.leftOut = readRanges(text)
    } else if (isOneOf(texts, key)) {
      state[key] = text
    } else if (isOneOf(flags, key)) {
      state[key] = text === 'true'
    } else if (isOneOf(keysOf(amounts), key)) {
      const number = parseNumber(text)
      const [isValid, expected] = amounts[key]
      if (number !== undefined && isValid(number)) state[key] = number
      else refuse(`${key} “${text}”`, expected)
    } else if (isOneOf(keysOf(choices), key)) {
      if (isOneOf(choices[key], text)) Object.assign(state, { [key]: text })
      else refuse(`The ${key} “${text}”`, choices[key].filter(Boolean).join(', '))
    } else if (name !== '' && isOneOf(numbers, field)) {
      const number = parseNumber(text)
      if (number !== undefined) parameters.set(name, { ...parameters.get(name), [field]: number })
      else refuse(`${key} “${text}”`, 'a finite number')
    } else if (name !== '' && isOneOf(checks, field)) {
      parameters.set(name, { ...parameters.get(name), [field]: text === 'true' })
    } else if (name !== '' && field === 'expr') {
      parameters.set(name, { ...parameters.get(name), expr: text })
    } else {
      const names = [...texts, ...flags, ...keysOf(amounts), ...keysOf(choices)].join(', ')
      refuse(
        `“${key}”`,
        `model, expression, table, leftOut, ${names}, or a name such as start.a, min.a, max.a, positive.a, fixed.a, shared.a, expr.a`,
      )
    }
  }
  state.parameters = Object.fromEntries(parameters)
  return { state, problems, packed }
}

const keysOf = <T extends object>(record: T) => Object.keys(record) as (keyof T)[]

const isOneOf = <T extends string>(names: readonly T[], name: string): name is T =>
  (names as readonly string[]).includes(name)

/** A finite number, or undefined. */
export function parseNumber(text: string): number | undefined {
  const number = text.trim() === '' ? NaN : Number(text)
  return Number.isFinite(number) ? number : undefined
}
