/** Rules as plain data, in which a function is the list of its first values. */

import fc from 'fast-check'
import { cases } from '../cases.js'
import { rarely } from './numbers.js'

/** What a program has in the place of a function of t. */
export interface Cyclic {
  readonly values: readonly number[]
}

export type PlainRule = { readonly name: string } & Readonly<Record<string, unknown>>

const PERIOD = 4

function plainOf(value: unknown): unknown {
  if (typeof value === 'function') {
    return { values: Array.from({ length: PERIOD }, (_, t) => value(t)) } satisfies Cyclic
  }
  if (Array.isArray(value)) return value.map(plainOf)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, plainOf(inner)]))
}

/** Nothing can be saved with one. */
const hasFunction = (rule: PlainRule) => JSON.stringify(rule).includes('"values"')

const byName = new Map<string, PlainRule[]>()
for (const { rule } of cases) {
  const plain = plainOf(rule) as PlainRule
  byName.set(plain.name, [...(byName.get(plain.name) ?? []), plain])
}

const schedules: readonly object[] = [
  { schedule: 'linear', value: 0.1, endValue: 0.01, steps: 5, begin: 0 },
  { schedule: 'cosine', value: 0.1, steps: 4, endValue: 0, exponent: 1, periodic: true },
  {
    schedule: 'cyclic',
    value: 0.01,
    maxValue: 0.1,
    stepSizeUp: 2,
    stepSizeDown: null,
    mode: 'triangular',
    gamma: 1,
  },
  { schedule: 'warmup', value: 0.05, steps: 3, from: 0 },
  { values: [0.05, 0.025, 0.1, 0] },
  // Out of the range of a rate: an error in the middle of a run.
  { values: [0.05, 0.025, 0.1, -1] },
]

/** Each name as often as another, but for Prodigy's, whose tensors share numbers. */
const names = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(...byName.keys()) },
  { weight: 1, arbitrary: fc.constant('prodigy') },
)

const formOf = (name: string) => fc.constantFrom(...(byName.get(name) as PlainRule[]))

const withSchedule = (rule: PlainRule, lr: object | null): PlainRule =>
  lr === null || !('lr' in rule) ? rule : { ...rule, lr }

/** A rule of the table, in one of four cases with another schedule. */
export const ruleAmong = (among: fc.Arbitrary<string> = names): fc.Arbitrary<PlainRule> =>
  fc
    .tuple(
      among.chain(formOf).filter((rule) => !hasFunction(rule)),
      rarely(5, fc.constantFrom(...schedules)),
    )
    .map(([rule, lr]) => withSchedule(rule, lr))

/** Those that are there before the larger module is. */
export const coreNames = [
  'gradientDescent',
  'momentum',
  'nesterov',
  'adagrad',
  'rmsprop',
  'adam',
  'radam',
  'sgd',
]

/** A rule as the library takes it: lists of values are functions of t again. */
export function revive(rule: unknown, onCall: () => void): unknown {
  if (typeof rule !== 'object' || rule === null) return rule
  if (Array.isArray(rule)) return rule.map((one) => revive(one, onCall))
  const entries = Object.entries(rule)
  if (entries.length === 1 && entries[0][0] === 'values') {
    const values = entries[0][1] as readonly number[]
    return (t: number) => {
      onCall()
      return values[t % values.length]
    }
  }
  return Object.fromEntries(entries.map(([key, value]) => [key, revive(value, onCall)]))
}
