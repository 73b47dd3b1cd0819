/** Options of an optimizer: processing in addition to the rule, and the choice of the engine. */

import { OptionError } from '../core/errors.js'
import { isCount } from '../core/numbers.js'
import type { Shapes } from '../core/tensors.js'
import type { EngineName } from '../engines/engine.js'
import { type EngineRequest, readEngineRequest } from '../engines/select-engine.js'
import { type Clip, NO_LIMITS, readClip } from '../gradients/clip.js'
import {
  choice,
  customOption,
  flag,
  type GivenOf,
  integerAtLeast,
  nullable,
  type Option,
  option,
  passThrough,
  type ValuesOf,
} from '../options/kinds.js'
import { nestedOptions, readOptions } from '../options/read.js'
import type { Rule } from '../rules/definitions.js'
import { type Average, type Lookahead, lookahead, readAverage } from './averages.js'
import { type Group, Groups } from './groups.js'
import type { RestoredTensor } from './restored-tensor.js'

const accumulation = {
  /** The number of calls of `step` per update: an integer ≥ 1. */
  batches: integerAtLeast(1),
  /** How the gradients of the batches are combined; the mean by default. */
  reduce: choice('mean', 'sum'),
}

/** Accumulation of the gradients of several batches. */
export interface Accumulation extends GivenOf<typeof accumulation> {}

/** Options of an optimizer: processing in addition to the rule, and the choice of the engine. */
export interface OptimizerOptions<P = unknown, R = Rule, N extends Rule['name'] = never> {
  /**
   * Groups of tensors with other options, another rule, or no updates. Later groups override earlier groups. No groups
   * by default.
   */
  readonly groups?: readonly Group<R, N>[]
  /**
   * Dimensions of tensors, in the structure of the parameters, such as `{ body: { weight: [512, 256] } }`. By default a
   * tensor has one dimension.
   */
  readonly shapes?: Shapes<P>
  /** Clips gradients per tensor, by the global norm and by value; no clipping by default. */
  readonly clip?: Clip
  /** Whether each update also sets the user's `grads` to zero; false by default. */
  readonly zeroGrads?: boolean
  /**
   * The number of `step` calls per update, at least 1. Default: 1. The update uses the mean gradient of all its calls.
   * All calls except the last call return false. If a batch has no gradient for a tensor, the gradient counts as
   * 0. A tensor that has no gradient in any batch is skipped.
   */
  readonly accumulate?: number | Accumulation
  /** Maintains an average of the parameters in `optimizer.average`: `ema()` or `swa()`. No average by default. */
  readonly average?: Average
  /**
   * Lookahead: after every `steps` updates, slow ← slow + α·(θ − slow) and then θ ← slow. The slow weights start at the
   * parameters, and the rule's state is not changed. Off by default. (Zhang, Lucas, Ba and Hinton, 2019)
   */
  readonly lookahead?: Lookahead
  /**
   * The reaction to gradients that are not finite: `'propagate'` (no check), `'skip'` (nothing changes, and no clock
   * advances) or `'throw'` (NonFiniteError). The default is 'propagate', because a check takes a pass over the
   * gradients. With `accumulate`, the gradients of each batch are checked.
   */
  readonly onNonFinite?: 'propagate' | 'skip' | 'throw'
  /**
   * The maximum number of consecutive skipped steps, ≥ 0, unlimited by default. A further skipped step throws a
   * NonFiniteError.
   */
  readonly maxConsecutiveSkips?: number
  /**
   * Whether the gradient norm of each tensor is recorded in `optimizer.lastStep`. The norms are not recorded by
   * default, because the computation takes a pass over the gradients.
   */
  readonly recordNorms?: boolean
  /**
   * Forces an engine by name. The environment variable ANTIGRAD_ENGINE also forces an engine. By default, the number of
   * parameters determines the engine.
   */
  readonly engine?: EngineName
  /**
   * Forces an instruction set of the native engine (see `engines()`). Default: the best supported instruction set.
   */
  readonly instructionSet?: string
  /**
   * The number of threads of the native engine, 1 to 256. By default, the number of parameters determines the number of
   * threads, up to the number of cores. The environment variable ANTIGRAD_THREADS also sets the number of threads.
   * Results are bit-identical for any number of threads.
   */
  readonly threads?: number
}

const stepOptions = {
  clip: customOption(readClip, NO_LIMITS),
  zeroGrads: flag(false),
  accumulate: nestedOptions(accumulation, 'batches', 1),
  average: nullable(customOption(readAverage)),
  lookahead: nullable(nestedOptions(lookahead)),
  onNonFinite: choice('propagate', 'skip', 'throw'),
  maxConsecutiveSkips: option<number, number>("an integer ≥ 0, with onNonFinite: 'skip'", Infinity, isCount),
  recordNorms: flag(false),
}

/** Options that describe the tensors. */
export const placementOptions = {
  groups: customOption(Groups.read, Groups.none),
  shapes: passThrough(),
}

/** Options that choose the engine. */
export const engineOptions = {
  engine: passThrough<EngineName>(),
  instructionSet: passThrough<string>(),
  threads: passThrough<number>(),
}

const optimizerOptions = { ...placementOptions, ...stepOptions, ...engineOptions } satisfies Record<
  keyof OptimizerOptions,
  Option
>

/** Options of a step that do not belong to the rule. */
export interface StepOptions extends ValuesOf<typeof stepOptions> {}

/**
 * Validated options, completed with defaults. Validated options are instances of a class, so that a user's object never
 * counts as validated.
 */
export class ResolvedOptions {
  readonly around!: StepOptions
  /** The groups; null if the groups of a saved run are unknown. */
  readonly groups!: Groups | null
  readonly shapes: unknown
  readonly asked!: EngineRequest
  /** The tensors of a saved run. */
  readonly restored: ReadonlyMap<string, RestoredTensor> | undefined

  constructor(options: Omit<ResolvedOptions, 'restored'> & Partial<Pick<ResolvedOptions, 'restored'>>) {
    Object.assign(this, options)
  }
}

/**
 * @throws OptionError if an option is unknown or invalid
 */
export function checkOptions(options: unknown): ResolvedOptions {
  const { groups, shapes, engine, instructionSet, threads, ...rest } = readOptions(
    'options',
    options,
    optimizerOptions,
  )
  return new ResolvedOptions({
    around: checkStepOptions(rest),
    groups,
    shapes,
    asked: readEngineRequest({ engine, instructionSet, threads }),
  })
}

/** Reads the step options of a saved run. @throws OptionError if an option is unknown or invalid */
export function readStepOptions(given: object): StepOptions {
  return checkStepOptions(readOptions('options', given, stepOptions))
}

function checkStepOptions(options: StepOptions): StepOptions {
  const { maxConsecutiveSkips, onNonFinite } = options
  if (maxConsecutiveSkips === Infinity || onNonFinite === 'skip') return options
  throw new OptionError('maxConsecutiveSkips', stepOptions.maxConsecutiveSkips.expected, maxConsecutiveSkips)
}
