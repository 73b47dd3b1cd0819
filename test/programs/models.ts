/** Random programs of an optimizer: models, options and commands. */

import fc from 'fast-check'
import { type Dtype, dtypes } from '../bits.js'
import { optional, rarely, record } from './numbers.js'
import { type Picker, type PlaceName, type Pollution, picker, places, pollution } from './parts.js'
import { coreNames, type PlainRule, ruleAmong } from './rules.js'

/** A tensor, and the index of the tensor's shape among the possible shapes (see `shapeOf`). */
export interface Spec {
  readonly length: number
  readonly form: number
}

export interface GroupSpec {
  readonly picker: Picker
  readonly change: Readonly<Record<string, unknown>>
}

/** Calls that user code makes during another call. The calls are refused and change nothing. */
export const intruders = [
  ...(['step', 'stepAsync', 'set', 'freeze', 'unfreeze', 'add', 'appendRows', 'save', 'restore'] as const),
  ...(['state', 'zeroGrad', 'gradientPoint'] as const),
]
export type Intruder = (typeof intruders)[number]

/** An interruption by a getter or proxy of the arguments, by a schedule, by a match function or by `onWarning`. */
export interface Intrusion {
  /** `later` is the time after `stepAsync` has returned. */
  readonly by: 'getter' | 'proxy' | 'function' | 'later'
  readonly calls: readonly Intruder[]
  /** The final action: throwing an error, or transferring the memory of a gradient. */
  readonly end: 'throws' | 'transfers' | null
  /**
   * The number of reads before the interruption, 0 by default, so that the interruption can affect a later tensor or
   * step.
   */
  readonly spared?: number
}

export type Command = { readonly intrusion?: Intrusion | null } & (
  | {
      readonly call: 'step' | 'stepAsync'
      /** Whether `grads` contains the gradients, and the call has no argument. */
      readonly inPlace: boolean
      readonly seed: number
      /** A bit mask of the tensors without a gradient. */
      readonly holes: number
      readonly wild: number | null
      /** A bit mask of the tensors with sparse gradients, 0 by default. */
      readonly byRow?: number
      /** The number of consecutive calls without a read of the state between the calls, 1 by default. */
      readonly times?: number
    }
  | {
      readonly call: 'set'
      readonly picker: Picker | null
      readonly options: Readonly<Record<string, unknown>>
    }
  | { readonly call: 'freeze' | 'unfreeze'; readonly picker: Picker }
  | {
      readonly call: 'add'
      readonly specs: readonly Spec[]
      readonly inner: boolean
      readonly frozen: boolean | null
      readonly change: Readonly<Record<string, unknown>> | null
    }
  | { readonly call: 'appendRows'; readonly tensor: number; readonly rows: number }
  | { readonly call: 'load' | 'fresh'; readonly shift: number }
  | { readonly call: 'restore'; readonly partial: boolean }
  | { readonly call: 'remember' | 'zeroGrad' | 'gradientPoint' | 'bring' }
  /** Another optimizer is created, makes steps and stays alive. Small optimizers share a memory. */
  | { readonly call: 'other'; readonly rule: PlainRule; readonly length: number }
)

/**
 * An optimizer and the commands of the optimizer. The reference world stays in TypeScript, and other worlds move
 * between places.
 */
export interface ModelProgram {
  readonly kind: 'model'
  readonly places: readonly PlaceName[]
  /** Whether the process begins with a few rules and the small WebAssembly module (see 'bring'). */
  readonly isLate: boolean
  readonly pollution: Pollution | null
  readonly dtype: Dtype
  readonly seed: number
  readonly specs: readonly Spec[]
  readonly structure: number
  readonly rule: PlainRule
  readonly groups: readonly GroupSpec[]
  readonly around: Readonly<Record<string, unknown>>
  readonly commands: readonly Command[]
}

const length = fc.oneof(
  { weight: 60, arbitrary: fc.constantFrom(1, 3, 17, 65, 6, 0) },
  { weight: 10, arbitrary: fc.nat(600) },
  // The length exceeds two boundaries of the blocks that threads share.
  { weight: 1, arbitrary: fc.constant(40_003) },
)
const spec: fc.Arbitrary<Spec> = record({ length, form: fc.nat(3) })

const tensorClip = {
  tensorNorm: optional(fc.constantFrom(0.5, 4)),
  rms: optional(fc.constantFrom(0.25, 1)),
  adaptive: optional(
    fc.constantFrom<unknown>(0.1, { factor: 0.5, eps: 0.1 }, { unit: 'row', factor: 0.1, eps: 1e-3 }),
  ),
  centralized: optional(fc.constant(true)),
  noise: optional(fc.constant({ eta: 0.1, gamma: 0.55, seed: 3 })),
}
const sparse = <T>(fields: Record<string, fc.Arbitrary<T>>) =>
  fc.oneof(
    { weight: 3, arbitrary: fc.constant({}) },
    // One or two of the given options.
    {
      weight: 2,
      arbitrary: fc
        .tuple(fc.subarray(Object.keys(fields), { minLength: 1, maxLength: 2 }), record(fields))
        .map(([keys, whole]) => Object.fromEntries(keys.map((key) => [key, whole[key]]))),
    },
  )
const clip = sparse<unknown>({
  norm: fc.constantFrom(1, 2, 1e300),
  value: fc.constantFrom(0.25, 0.5, 1e-60),
  ...tensorClip,
})

const around: fc.Arbitrary<Readonly<Record<string, unknown>>> = fc
  .record({
    clip: optional(clip),
    accumulate: optional(
      record({ batches: fc.integer({ min: 1, max: 3 }), reduce: fc.constantFrom('mean', 'sum') }),
    ),
    average: optional(
      fc.constantFrom<unknown>(
        { average: 'ema', decay: 0.75, corrected: false },
        { average: 'ema', decay: 0.9, corrected: true },
        { average: 'ema', decay: 0, corrected: false },
        { average: 'swa', start: 0, every: 1 },
        { average: 'swa', start: 2, every: 2 },
      ),
    ),
    lookahead: optional(
      fc.constantFrom<unknown>({ steps: 2 }, { steps: 3, alpha: 0.8 }, { steps: 1, alpha: 1 }),
    ),
    guard: fc.constantFrom(
      {},
      { onNonFinite: 'skip' },
      { onNonFinite: 'skip', maxConsecutiveSkips: 1 },
      { onNonFinite: 'throw' },
    ),
    zeroGrads: fc.boolean(),
    recordNorms: fc.boolean(),
  })
  .map(({ guard, ...rest }) => ({ ...rest, ...guard }))

const intrusion = rarely(
  5,
  record<Intrusion>({
    by: fc.constantFrom('getter', 'proxy', 'function', 'later'),
    calls: fc.uniqueArray(fc.constantFrom(...intruders), { minLength: 1, maxLength: 3 }),
    end: fc.oneof(
      { weight: 8, arbitrary: fc.constant(null) },
      { weight: 1, arbitrary: fc.constantFrom('throws' as const, 'transfers' as const) },
    ),
    spared: fc.constantFrom(0, 0, 1, 3),
  }),
)

/** The ingredients of a program. The number of rules is small, so that tensors share rules. */
interface Pool {
  readonly rule: fc.Arbitrary<PlainRule>
  readonly isLate: boolean
}

const changeOf = ({ rule }: Pool) =>
  fc.oneof<fc.Arbitrary<Readonly<Record<string, unknown>>>[]>(
    record({ lr: fc.constantFrom(0.003, 0.2) }),
    record({ lrScale: fc.constantFrom(0.5, 3) }),
    record({ frozen: fc.boolean() }),
    record({ clip: sparse<unknown>(tensorClip) }),
    record({ rule }),
    record({ rule, lrScale: fc.constant(0.25) }),
  )

const step = record({
  call: fc.constantFrom('step' as const, 'step' as const, 'stepAsync' as const),
  intrusion,
  inPlace: fc.boolean(),
  seed: fc.nat(1e6),
  holes: fc.oneof(fc.constant(0), fc.nat(255)),
  wild: fc.oneof({ weight: 4, arbitrary: fc.constant(null) }, { weight: 1, arbitrary: fc.nat(5) }),
  byRow: fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.nat(255) }),
  times: fc.constantFrom(1, 1, 2, 4, 258),
})

const sets = fc.constantFrom<Readonly<Record<string, unknown>>>(
  { lr: 0.02 },
  { lr: 0.1 },
  { weightDecay: 0.2 },
  { momentum: 0.7 },
  { beta2: 0.8 },
  { lr: 0.5, weightDecay: 0 },
  { lr: { schedule: 'warmup', value: 0.05, steps: 3, from: 0 } },
  { lr: { values: [0.01, 0.2] } },
  { lr: -1 },
)

const commandOf = (pool: Pool): fc.Arbitrary<Command> => {
  const others: Record<string, fc.Arbitrary<Command>> = {
    set: record({
      call: fc.constant('set' as const),
      intrusion,
      picker: fc.option(picker, { nil: null }),
      options: sets,
    }),
    freeze: record({ call: fc.constant('freeze' as const), intrusion, picker }),
    unfreeze: record({ call: fc.constant('unfreeze' as const), intrusion, picker }),
    add: record({
      call: fc.constant('add' as const),
      intrusion,
      specs: fc.array(spec, { minLength: 1, maxLength: 2 }),
      inner: fc.boolean(),
      frozen: fc.option(fc.boolean(), { nil: null }),
      change: fc.option(changeOf(pool), { nil: null }),
    }),
    grow: record({
      call: fc.constant('appendRows' as const),
      tensor: fc.nat(7),
      rows: fc.integer({ min: 1, max: 3 }),
    }),
    load: record({ call: fc.constantFrom('load' as const, 'fresh' as const), shift: fc.nat(7) }),
    restore: fc.oneof<fc.Arbitrary<Command>[]>(
      record({ call: fc.constant('restore' as const), intrusion, partial: fc.boolean() }),
      record({ call: fc.constant('remember' as const) }),
    ),
    look: record({ call: fc.constantFrom('zeroGrad' as const, 'gradientPoint' as const) }),
    other: record({
      call: fc.constant('other' as const),
      rule: pool.rule,
      length: fc.constantFrom(1, 17, 65),
    }),
    ...(pool.isLate && { bring: record({ call: fc.constant('bring' as const) }) }),
  }
  return fc.oneof(
    { weight: 10, arbitrary: step },
    ...Object.values(others).map((arbitrary) => ({ weight: 2, arbitrary })),
  )
}

export const modelProgram: fc.Arbitrary<ModelProgram> = fc
  .tuple(
    fc.array(ruleAmong(), { minLength: 1, maxLength: 3 }),
    rarely(25, ruleAmong(fc.constantFrom(...coreNames))),
  )
  .chain(([rules, early]) => {
    const pool: Pool = { rule: fc.constantFrom(...rules), isLate: early !== null }
    // The commands come first, because shrinking should first reduce the commands.
    return record<ModelProgram>({
      commands: fc.array(commandOf(pool), { minLength: 1, maxLength: 20, size: 'max' }),
      kind: fc.constant('model' as const),
      places,
      isLate: fc.constant(pool.isLate),
      pollution,
      specs: fc.array(spec, { minLength: 1, maxLength: 6 }),
      groups:
        early === null
          ? fc.array(record({ picker, change: changeOf(pool) }), { maxLength: 4 })
          : fc.constant([]),
      around,
      dtype: fc.constantFrom(...dtypes),
      structure: fc.nat(3),
      rule: early === null ? pool.rule : fc.constant(early),
      seed: fc.nat(1e6),
    })
  })
