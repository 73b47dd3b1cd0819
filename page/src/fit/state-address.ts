/** The encoding of the settings in the page's address. This module is loaded after the first curve. */

import type { Loss } from 'antigrad/fit'
import { losses } from '../../../dist/page.js'
import { decodePart } from '../address.js'
import { exampleNames } from './example-list.js'
import { isModelName, modelNames, modelOptions } from './model-list.js'
import { readRanges, writeRanges } from './ranges.js'
import {
  amounts,
  checks,
  distributionChoices,
  type FitPageState,
  initial,
  numbers,
  outlierChoices,
  type ParameterEntry,
  parseNumber,
} from './state.js'
import { layouts } from './wide.js'

const texts = [
  'x',
  'y',
  'extra',
  'sigma',
  'weights',
  'group',
  'derive',
  'compare',
  'unknowns',
  'scale',
  'df',
] as const
const flags = ['absoluteSigma', 'profile', 'logX', 'logY'] as const

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
  distribution: distributionChoices,
  band: ['confidence', 'prediction'],
} as const satisfies Readonly<Record<string, readonly string[]>>

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

/** Maximum number of problems that the page lists, and maximum length of their names. */
const MAX_PROBLEMS = 8
const MAX_LENGTH = 60
const short = (text: string) => (text.length > MAX_LENGTH ? `${text.slice(0, MAX_LENGTH)}…` : text)

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
      else refuse(`The model “${short(text)}”`, `own, ${modelNames.join(', ')}`)
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
      else refuse(`${short(key)} “${short(text)}”`, expected)
    } else if (isOneOf(keysOf(choices), key)) {
      if (isOneOf(choices[key], text)) Object.assign(state, { [key]: text })
      else refuse(`The ${key} “${short(text)}”`, choices[key].filter(Boolean).join(', '))
    } else if (name !== '' && isOneOf(numbers, field)) {
      const number = parseNumber(text)
      if (number !== undefined) parameters.set(name, { ...parameters.get(name), [field]: number })
      else refuse(`${short(key)} “${short(text)}”`, 'a finite number')
    } else if (name !== '' && isOneOf(checks, field)) {
      parameters.set(name, { ...parameters.get(name), [field]: text === 'true' })
    } else if (name !== '' && field === 'expr') {
      parameters.set(name, { ...parameters.get(name), expr: text })
    } else {
      const names = [...texts, ...flags, ...keysOf(amounts), ...keysOf(choices)].join(', ')
      refuse(
        `“${short(key)}”`,
        `model, expression, table, leftOut, ${names}, or a name such as start.a, min.a, max.a, positive.a, fixed.a, shared.a, expr.a`,
      )
    }
  }
  state.parameters = Object.fromEntries(parameters)
  const more = problems.splice(MAX_PROBLEMS).length
  if (more > 0) problems.push(`And ${more} more.`)
  return { state, problems, packed }
}

const keysOf = <T extends object>(record: T) => Object.keys(record) as (keyof T)[]

const isOneOf = <T extends string>(names: readonly T[], name: string): name is T =>
  (names as readonly string[]).includes(name)
