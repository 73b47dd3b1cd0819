/** The settings of the fit, and their encoding in the page's address. The address does not contain the data. */

import {
  type BandOptions,
  type FitModel,
  type FitParameter,
  type Loss,
  type ModelName,
  models,
} from 'antigrad/fit'
import { losses } from '../../../dist/page.js'
import { decodePart } from '../address.js'

/** The library's models of one independent variable. The page has no controls for further columns. */
export const modelNames = (Object.keys(models) as ModelName[]).filter(
  (name) => (models[name] as () => FitModel)().extraColumns === undefined,
)

/** The user's settings of a parameter. */
export type ParameterEntry = Omit<FitParameter, 'start'> & {
  readonly start?: number
  /** Whether all groups share one value of the parameter. */
  readonly shared?: boolean
}

export interface FitPageState {
  /** Name of a built-in model, or `own` for a custom expression. */
  readonly model: ModelName | 'own'
  readonly expression: string
  /** Names of columns; '' means the first column for x and the second column for y. */
  readonly x: string
  readonly y: string
  /** Name of a column; '' for none. */
  readonly sigma: string
  readonly absoluteSigma: boolean
  /** Name of a column, or '1/f' or '1/f^2' for weights by the model's value; '' for none. */
  readonly weights: string
  readonly loss: Loss
  /** Name of the column of group labels; '' for none. */
  readonly group: string
  /** Whether intervals are profile-likelihood intervals. */
  readonly profile: boolean
  /** Derived quantities, such as `half = log(2)/b; tau = 1/b`. */
  readonly derive: string
  readonly logX: boolean
  readonly logY: boolean
  readonly band: NonNullable<BandOptions['kind']>
  readonly parameters: Readonly<Record<string, ParameterEntry>>
}

export const initial: FitPageState = {
  model: 'own',
  expression: 'a*exp(-b*t) + c',
  x: '',
  y: '',
  sigma: '',
  absoluteSigma: false,
  weights: '',
  loss: 'squared',
  group: '',
  profile: false,
  derive: '',
  logX: false,
  logY: false,
  band: 'confidence',
  parameters: {},
}

const texts = ['x', 'y', 'sigma', 'weights', 'group', 'derive'] as const
const flags = ['absoluteSigma', 'profile', 'logX', 'logY'] as const
export const numbers = ['start', 'min', 'max'] as const
export const checks = ['positive', 'fixed', 'shared'] as const

/** `model=own&expression=…&x=t&y=v&start.a=2&min.b=0&fixed.c=true&positive.b=true&shared.b=true&expr.d=2*a` */
export function toHash(state: FitPageState): string {
  const parts = [`model=${state.model}`]
  if (state.model === 'own') parts.push(`expression=${encodeURIComponent(state.expression)}`)
  for (const name of texts) if (state[name] !== '') parts.push(`${name}=${encodeURIComponent(state[name])}`)
  for (const name of flags) if (state[name]) parts.push(`${name}=true`)
  if (state.loss !== initial.loss) parts.push(`loss=${state.loss}`)
  if (state.band !== initial.band) parts.push(`band=${state.band}`)
  for (const [name, entry] of Object.entries(state.parameters)) {
    for (const [field, value] of Object.entries(entry)) {
      if (value === undefined || value === false) continue
      parts.push(`${field}.${encodeURIComponent(name)}=${encodeURIComponent(value)}`)
    }
  }
  return parts.join('&')
}

/** Reads the state from an address. Invalid parts are ignored and reported in `problems`. */
export function fromHash(hash: string): { state: FitPageState; problems: string[] } {
  const problems: string[] = []
  const state: { -readonly [K in keyof FitPageState]: FitPageState[K] } = { ...initial }
  const parameters = new Map<string, ParameterEntry>()
  const refuse = (what: string, expected: string) => void problems.push(`${what}: expected ${expected}.`)

  for (const part of hash.replace(/^#/, '').split('&').filter(Boolean)) {
    const at = part.indexOf('=')
    const [key, text] = at < 0 ? [part, ''] : [part.slice(0, at), decodePart(part.slice(at + 1))]
    const [field, ...rest] = key.split('.')
    const name = decodePart(rest.join('.'))
    if (key === 'model') {
      if (text === 'own' || (modelNames as string[]).includes(text))
        state.model = text as FitPageState['model']
      else refuse(`The model “${text}”`, `own, ${modelNames.join(', ')}`)
    } else if (key === 'expression') {
      state.expression = text
    } else if (isOneOf(texts, key)) {
      state[key] = text
    } else if (isOneOf(flags, key)) {
      state[key] = text === 'true'
    } else if (key === 'loss') {
      if (Object.hasOwn(losses, text)) state.loss = text as Loss
      else refuse(`The loss “${text}”`, Object.keys(losses).join(', '))
    } else if (key === 'band') {
      if (text === 'confidence' || text === 'prediction') state.band = text
      else refuse(`The band “${text}”`, 'confidence or prediction')
    } else if (name !== '' && isOneOf(numbers, field)) {
      const number = parseNumber(text)
      if (number !== undefined) parameters.set(name, { ...parameters.get(name), [field]: number })
      else refuse(`${key} “${text}”`, 'a finite number')
    } else if (name !== '' && isOneOf(checks, field)) {
      parameters.set(name, { ...parameters.get(name), [field]: text === 'true' })
    } else if (name !== '' && field === 'expr') {
      parameters.set(name, { ...parameters.get(name), expr: text })
    } else {
      refuse(
        `“${key}”`,
        `model, expression, ${[...texts, ...flags].join(', ')}, loss, band, or a name such as start.a, min.a, max.a, positive.a, fixed.a, shared.a, expr.a`,
      )
    }
  }
  state.parameters = Object.fromEntries(parameters)
  return { state, problems }
}

const isOneOf = <T extends string>(names: readonly T[], name: string): name is T =>
  (names as readonly string[]).includes(name)

/** A finite number, or undefined. */
export function parseNumber(text: string): number | undefined {
  const number = text.trim() === '' ? NaN : Number(text)
  return Number.isFinite(number) ? number : undefined
}
