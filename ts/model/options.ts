/** Options of an optimizer: the work around its rule, and where it runs. */

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
  /** The number of calls of `step` per update, ≥ 1. */
  batches: integerAtLeast(1),
  /** The combination of the batches' gradients: the mean by default. */
  reduce: choice('mean', 'sum'),
}

/** Accumulation of the gradients of several batches. */
export interface Accumulation extends GivenOf<typeof accumulation> {}

/** Options of an optimizer: the work around its rule, and where it runs. */
export interface OptimizerOptions<P = unknown, R = Rule, N extends Rule['name'] = never> {
  /** Tensors with other options, another rule, or no updates; later groups win. No groups by default. */
  readonly groups?: readonly Group<R, N>[]
  /**
   * Dimensions of tensors, in the structure of the parameters, such as `{ body: { weight: [512, 256] } }`. By default a
   * tensor has one dimension.
   */
  readonly shapes?: Shapes<P>
  /** Clips gradients per tensor, by their global norm and by value; off by default. */
  readonly clip?: Clip
  /** Sets `grads` to zero in the pass that updates; false by default. */
  readonly zeroGrads?: boolean
  /**
   * The number of `step` calls per update, ≥ 1; 1 by default. The update uses the mean of their gradients, and earlier
   * calls return false. A tensor without a gradient in one batch counts as 0 there; a tensor without any gradient is
   * skipped.
   */
  readonly accumulate?: number | Accumulation
  /** Maintains an average of the parameters in `optimizer.average`: `ema()` or `swa()`. No average by default. */
  readonly average?: Average
  /**
   * After every `steps` updates: slow ← slow + α·(θ − slow), θ ← slow. The slow weights start at the parameters, and
   * the rule's state is kept. Off by default. (Zhang, Lucas, Ba and Hinton, 2019)
   */
  readonly lookahead?: Lookahead
  /**
   * Handling of gradients that are not finite: 'propagate' (no check), 'skip' (nothing changes, and no clock advances)
   * or 'throw' (NonFiniteError). The default is 'propagate', because a check costs a pass over the gradients. With
   * `accumulate`, each batch is checked.
   */
  readonly onNonFinite?: 'propagate' | 'skip' | 'throw'
  /**
   * The number of consecutive skipped steps after which the next one throws a NonFiniteError; ≥ 0, unlimited by
   * default.
   */
  readonly maxConsecutiveSkips?: number
  /** Records the gradient norm of each tensor in `optimizer.lastStep`. False by default, because it costs a pass. */
  readonly recordNorms?: boolean
  /** Forces an engine. By default the size decides; the environment variable ANTIGRAD_ENGINE also forces one. */
  readonly engine?: EngineName
  /** Forces an instruction set of the native engine (see `engines()`); the best one by default. */
  readonly instructionSet?: string
  /**
   * The number of threads of the native engine, 1 to 256. By default the size decides, up to the number of cores; the
   * environment variable ANTIGRAD_THREADS also sets it. Results are bit-identical for any number.
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

/** Options for the work around the rule in each step. */
export interface StepOptions extends ValuesOf<typeof stepOptions> {}

/**
 * Validated options with defaults. It is a class, so that an object from the user is never mistaken for validated
 * options.
 */
export class ResolvedOptions {
  readonly around!: StepOptions
  /** Null if the groups of a saved run are unknown. */
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
