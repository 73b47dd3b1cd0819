/** Random models, options and commands for `same-bits.test.ts`: plain data, so that fast-check can shrink them. */

import { type Clip, ema, type Lookahead, type Match, type OptimizerOptions, type Rule, swa } from 'antigrad'
import fc from 'fast-check'
import { cases } from '../cases.js'
import { type Dtype, dtypes } from '../helpers.js'

/** Numbers of tensors in the shape of the parameters. */
export type Nested = number | readonly Nested[] | { readonly [key: string]: Nested }

/** A tensor, and in which of its possible shapes; see `shapeOf`. */
export interface Spec {
  readonly length: number
  readonly form: number
}

/** A group's match or a call's: a tensor's own name by number, or one of `matchOf`. */
export interface Picker {
  readonly kind: 'name' | 'all' | 'top' | 'bias' | 'rank' | 'function' | 'list'
  readonly tensor: number
}

export interface GroupSpec {
  readonly picker: Picker
  readonly change: Readonly<Record<string, unknown>>
}

export type Command =
  | {
      readonly call: 'step' | 'stepAsync'
      /** Through `grads`, without an argument. */
      readonly inPlace: boolean
      readonly seed: number
      /** Bits of the tensors that have no gradient. */
      readonly holes: number
      readonly wild: number | null
    }
  | {
      readonly call: 'set'
      readonly picker: Picker | null
      readonly options: Readonly<Record<string, number>>
    }
  | { readonly call: 'freeze' | 'thaw'; readonly picker: Picker }
  | {
      readonly call: 'add'
      readonly specs: readonly Spec[]
      readonly inner: boolean
      readonly frozen: boolean | null
    }
  | { readonly call: 'grow'; readonly tensor: number; readonly rows: number }
  | { readonly call: 'load' | 'fresh'; readonly shift: number }
  | { readonly call: 'restore'; readonly partial: boolean }
  | { readonly call: 'remember' | 'zeroGrad' | 'point' }

export interface Scenario {
  readonly dtype: Dtype
  readonly seed: number
  readonly specs: readonly Spec[]
  readonly structure: number
  readonly rule: Rule
  readonly groups: readonly GroupSpec[]
  readonly around: OptimizerOptions
  readonly commands: readonly Command[]
}

/** Which values are in gradients that are not tame: not finite, or finite with squares that are not. */
export const wildValues: Readonly<Record<Dtype, readonly number[]>> = {
  float32: [NaN, Infinity, -Infinity, 3e38],
  float64: [NaN, Infinity, -Infinity, 1e200],
}

/** Three of four rules have no function in them, with which nothing can be saved. */
const isPlain = (rule: Rule) =>
  !/function|=>/.test(JSON.stringify(rule, (_, x) => (typeof x === 'function' ? '=>' : x)))
const all = cases.map(({ rule }) => rule)
const anyRule = fc.oneof(
  { weight: 12, arbitrary: fc.constantFrom(...all.filter(isPlain)) },
  { weight: 1, arbitrary: fc.constantFrom(...all) },
)

const length = fc.oneof(
  { weight: 30, arbitrary: fc.constantFrom(1, 3, 17, 65, 6, 0) },
  // Past two borders of the blocks that threads share.
  { weight: 1, arbitrary: fc.constant(40_003) },
)
const spec: fc.Arbitrary<Spec> = fc.record({ length, form: fc.nat(3) })

const picker: fc.Arbitrary<Picker> = fc.record({
  kind: fc.constantFrom('name', 'name', 'name', 'all', 'top', 'bias', 'rank', 'function', 'list'),
  tensor: fc.nat(7),
})

const change = fc.oneof<fc.Arbitrary<Readonly<Record<string, unknown>>>[]>(
  fc.record({ lr: fc.constantFrom(0.003, 0.2) }),
  fc.record({ lrScale: fc.constantFrom(0.5, 3) }),
  fc.record({ frozen: fc.boolean() }),
  fc.record({ rule: anyRule }),
  fc.record({ rule: anyRule, lrScale: fc.constant(0.25) }),
)

const clip: fc.Arbitrary<Clip> = fc.constantFrom({}, { norm: 1 }, { value: 0.5 }, { norm: 2, value: 0.25 })
const lookahead: fc.Arbitrary<Lookahead> = fc.constantFrom(
  { steps: 2 },
  { steps: 3, alpha: 0.8 },
  { steps: 1, alpha: 1 },
)
const optional = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined })
const around: fc.Arbitrary<OptimizerOptions> = fc
  .record({
    clip: optional(clip),
    accumulate: optional(
      fc.record({ batches: fc.integer({ min: 1, max: 3 }), reduce: fc.constantFrom('mean', 'sum') }),
    ),
    average: optional(
      fc.constantFrom(ema(0.75), ema(0.9, { corrected: true }), ema(0), swa(), swa({ start: 2, every: 2 })),
    ),
    lookahead: optional(lookahead),
    guard: fc.constantFrom(
      {},
      { onNonFinite: 'skip' } as const,
      { onNonFinite: 'skip', maxSkips: 1 } as const,
      { onNonFinite: 'throw' } as const,
    ),
    zeroGrads: fc.boolean(),
    norms: fc.boolean(),
  })
  .map(({ guard, ...rest }) => ({ ...rest, ...guard }) as OptimizerOptions)

const step = fc.record({
  call: fc.constantFrom('step', 'step', 'stepAsync'),
  inPlace: fc.boolean(),
  seed: fc.nat(1e6),
  holes: fc.oneof(fc.constant(0), fc.nat(255)),
  wild: fc.oneof({ weight: 3, arbitrary: fc.constant(null) }, { weight: 1, arbitrary: fc.nat(3) }),
}) as fc.Arbitrary<Command>

const command: fc.Arbitrary<Command> = fc.oneof(
  { weight: 14, arbitrary: step },
  {
    weight: 2,
    arbitrary: fc.record({
      call: fc.constant('set' as const),
      picker: fc.option(picker),
      options: fc.constantFrom<Record<string, number>>(
        { lr: 0.02 },
        { lr: 0.1 },
        { lr: 0.1 },
        { momentum: 0.7 },
      ),
    }),
  },
  { weight: 2, arbitrary: fc.record({ call: fc.constant('freeze' as const), picker }) },
  { weight: 2, arbitrary: fc.record({ call: fc.constant('thaw' as const), picker }) },
  {
    weight: 2,
    arbitrary: fc.record({
      call: fc.constant('add' as const),
      specs: fc.array(spec, { minLength: 1, maxLength: 2 }),
      inner: fc.boolean(),
      frozen: fc.option(fc.boolean()),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      call: fc.constant('grow' as const),
      tensor: fc.nat(7),
      rows: fc.integer({ min: 1, max: 3 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ call: fc.constant('load' as const), shift: fc.nat(7) }) },
  { weight: 2, arbitrary: fc.record({ call: fc.constant('fresh' as const), shift: fc.nat(7) }) },
  { weight: 2, arbitrary: fc.record({ call: fc.constant('restore' as const), partial: fc.boolean() }) },
  { weight: 3, arbitrary: fc.record({ call: fc.constantFrom('remember' as const, 'zeroGrad', 'point') }) },
)

export const scenario: fc.Arbitrary<Scenario> = fc.record({
  dtype: fc.constantFrom(...dtypes),
  seed: fc.nat(1e6),
  specs: fc.array(spec, { minLength: 1, maxLength: 6 }),
  structure: fc.nat(3),
  rule: anyRule,
  groups: fc.array(fc.record({ picker, change }), { maxLength: 4 }),
  around,
  commands: fc.array(command, { minLength: 1, maxLength: 24, size: 'max' }),
})

/** As one array, a list, a record whose order is not that of its names, or nested. */
export function structureOf(kind: number, count: number): Nested {
  const numbers = [...Array(count).keys()]
  if (kind === 0 && count === 1) return 0
  if (kind <= 1) return numbers
  if (kind === 2) {
    const keys = ['w', 'bias', '10', '__proto__', '2', 'x.y']
    return Object.fromEntries(numbers.map((i) => [keys[i], i]))
  }
  const nested: Record<string, Nested> = { embed: 0 }
  if (count > 1) nested.body = count > 3 ? [{ weight: 1, bias: 2 }, 3] : numbers.slice(1)
  if (count > 4) nested.a = count > 5 ? { bias: 4, scale: 5 } : { bias: 4 }
  return nested
}

/** A structure with something else in the places of tensors. */
export function build(structure: Nested, leaf: (tensor: number) => unknown): unknown {
  if (typeof structure === 'number') return leaf(structure)
  if (Array.isArray(structure)) return structure.map((child) => build(child, leaf))
  return Object.fromEntries(Object.entries(structure).map(([key, child]) => [key, build(child, leaf)]))
}

/** The dotted names by tensor. */
export function namesOf(structure: Nested, path: readonly string[] = [], names: string[] = []): string[] {
  if (typeof structure === 'number') names[structure] = path.join('.')
  else for (const [key, child] of Object.entries(structure)) namesOf(child, [...path, key], names)
  return names
}

export function shapeOf({ length, form }: Spec): readonly number[] | undefined {
  if (form === 0) return undefined
  if (form === 3 && length === 1) return []
  const factor = [2, 3, 5, 13, 17].find((n) => length > 0 && length % n === 0) ?? 1
  return form === 1 ? [length] : [length / factor, factor]
}

/** A fresh match: what is done with one must not be seen in another. */
export function matchOf({ kind, tensor }: Picker, names: readonly string[]): Match {
  const name = names[tensor % names.length]
  if (kind === 'name') return name
  if (kind === 'all') return '**'
  if (kind === 'top') return '*'
  if (kind === 'bias') return '**.bias'
  if (kind === 'rank') return { maxRank: 1 }
  if (kind === 'function') return ({ name }) => name.length % 2 === 1
  return [name, ['**.scale', '*.1']]
}
