/** The settings of the fit. */

import type { BandOptions, FitParameter, Loss, ModelName, PeakBaseline, PeakShape } from 'antigrad/fit'
import type { ExampleName } from './example-list.js'
import type { modelOptions } from './model-list.js'
import type { Layout } from './wide.js'

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
  /** The distribution of the response; '' for least squares. */
  readonly distribution: (typeof distributionChoices)[number]
  /** σ, theta, the shape or the number of trials: an expression of f, columns and parameters; '' for a parameter. */
  readonly scale: string
  /** Degrees of freedom of Student's t distribution: a number, or an expression; '' for 4. */
  readonly df: string
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

export const distributionChoices = [
  '',
  'normal',
  'lognormal',
  'student',
  'poisson',
  'negativeBinomial',
  'binomial',
  'gamma',
] as const

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
  distribution: '',
  scale: '',
  df: '',
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

export const numbers = ['start', 'min', 'max'] as const
export const checks = ['positive', 'fixed', 'shared'] as const

/** Settings that are numbers, with their validity and a description of it. */
export const amounts = {
  count: [(x: number) => Number.isInteger(x) && x >= 0 && x <= 60, 'an integer from 0 to 60'],
  degree: [(x: number) => Number.isInteger(x) && x >= 0 && x <= 15, 'an integer from 0 to 15'],
  lossScale: [(x: number) => x > 0 && x < Infinity, 'a positive number'],
} as const

/** Whether a number is a valid value of a setting, and a description of valid values. */
export const amountRule = (name: keyof typeof amounts) => amounts[name]

/** A finite number, or undefined. */
export function parseNumber(text: string): number | undefined {
  const number = text.trim() === '' ? NaN : Number(text)
  return Number.isFinite(number) ? number : undefined
}
