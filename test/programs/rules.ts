/** Rules as plain data. The first values of a function represent the function. */

import fc from 'fast-check'
import { defineRule } from '../../dist/equations/equations.js'
import { resolve } from '../../dist/rules/resolve.js'
import { cases } from '../cases.js'
import { declared, drawn, noRoom } from '../equations/random-rules.js'
import { twins } from '../equations/rules.js'
import { rarely } from './numbers.js'

/** The representation of a function of t. */
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

/** A rule with a function of t prevents saving. */
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
  // The value is outside the range of a learning rate, and causes an error during a run.
  { values: [0.05, 0.025, 0.1, -1] },
]

/** The name of custom rules. */
export const OWN = 'equations'

/** All names with equal weight, except for Prodigy, whose tensors share values, and for custom rules. */
const names = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(...byName.keys()) },
  { weight: 1, arbitrary: fc.constant('prodigy') },
  { weight: 1, arbitrary: fc.constant(OWN) },
)

const formOf = (name: string) => fc.constantFrom(...(byName.get(name) as PlainRule[]))

const withSchedule = (rule: PlainRule, lr: object | null): PlainRule =>
  lr === null || !('lr' in rule) ? rule : { ...rule, lr }

/** Alternative values of an option. An invalid value leaves the rule unchanged. */
const numbers = [0, Number.MIN_VALUE, 1e-8, 0.1, 0.5, 0.9, 0.999, 1 - 2 ** -53, 1, 2, 5, 1e8]

function withNumber(rule: PlainRule, change: readonly [option: number, x: number] | null): PlainRule {
  if (change === null) return rule
  const options = Object.keys(rule).filter((key) => typeof rule[key] === 'number')
  const changed = { ...rule, [options[change[0] % options.length]]: change[1] }
  try {
    resolve(changed)
    return changed
  } catch {
    return rule
  }
}

/** A custom rule: a random rule, or the equations of a built-in rule. */
const own: fc.Arbitrary<PlainRule> = fc.oneof(
  fc.constantFrom(...twins.map(({ own, options }) => plainOf(own(options)) as PlainRule)),
  fc
    .tuple(drawn, fc.boolean())
    .map(([lines, flush]) => {
      try {
        return plainOf(defineRule('drawn', declared(lines, flush))()) as PlainRule
      } catch (error) {
        if (noRoom.test(`${error}`)) return null
        throw error
      }
    })
    .filter((rule) => rule !== null),
)

/** A rule of the table. One rule in four has another number, and one rule in five has another schedule. */
export const ruleAmong = (among: fc.Arbitrary<string> = names): fc.Arbitrary<PlainRule> =>
  fc
    .tuple(
      among.chain((name) => (name === OWN ? own : formOf(name))).filter((rule) => !hasFunction(rule)),
      rarely(4, fc.tuple(fc.nat(11), fc.constantFrom(...numbers))),
      rarely(5, fc.constantFrom(...schedules)),
    )
    .map(([rule, number, lr]) => withSchedule(withNumber(rule, number), lr))

/** The rules that are available before the larger WebAssembly module is loaded. */
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
