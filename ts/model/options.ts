/** What an optimizer does around its rule, and where. */

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
  /** How many calls of `step` make one update, ≥ 1. */
  batches: integerAtLeast(1),
  /** What the rule gets of their gradients: the mean by default. */
  reduce: choice('mean', 'sum'),
}

/** Gradients of several batches as one. */
export interface Accumulation extends GivenOf<typeof accumulation> {}

/** What an optimizer does around its rule, and where. */
export interface OptimizerOptions<P = unknown, R = Rule, N extends Rule['name'] = never> {
  /** Which tensors have other options, another rule, or are frozen; later groups win. */
  readonly groups?: readonly Group<R, N>[]
  /** Dimensions of tensors, in the shape of the parameters, such as `{ body: { weight: [512, 256] } }`. */
  readonly shapes?: Shapes<P>
  /** Clips gradients, by tensor, by their common norm and by value; not by default. */
  readonly clip?: Clip
  /** Sets `grads` to zero in the pass that updates; false by default. */
  readonly zeroGrads?: boolean
  /**
   * So many calls of `step` make one update, of the mean of their gradients; the others return false. A
   * tensor without a gradient in one of them counts as having 0 there, and without one in any is skipped.
   */
  readonly accumulate?: number | Accumulation
  /** Keeps an average of the parameters in `optimizer.average`: `ema()` or `swa()`. */
  readonly average?: Average
  /**
   * After every `steps` updates: slow ← slow + α·(θ − slow), θ ← slow. The slow weights begin as the
   * parameters; the rule's state runs on. (Zhang, Lucas, Ba and Hinton, 2019)
   */
  readonly lookahead?: Lookahead
  /**
   * What becomes of a step whose gradients are not all finite: 'propagate' (nobody looks, as looking
   * costs a pass over the gradients), 'skip' (nothing changes, and no clock advances) or 'throw' (a
   * NonFiniteError). With `accumulate` it is each batch that is looked at.
   */
  readonly onNonFinite?: 'propagate' | 'skip' | 'throw'
  /** After so many skipped steps in a row the next is a NonFiniteError; ≥ 0, no limit by default. */
  readonly maxConsecutiveSkips?: number
  /** Measures the norm of each tensor's gradient for `optimizer.lastStep`; false by default, as it costs a pass. */
  readonly recordNorms?: boolean
  /** Forces an engine. By default the size decides; ANTIGRAD_ENGINE in the environment forces too. */
  readonly engine?: EngineName
  /** Forces an instruction set of the native engine (see `engines()`); the best one by default. */
  readonly instructionSet?: string
  /**
   * On how many threads the native engine runs, 1 to 256. By default the size decides, up to the
   * number of cores; ANTIGRAD_THREADS in the environment fixes it too. No bit depends on it.
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
  maxConsecutiveSkips: option<number, number>(
    "an integer ≥ 0, beside onNonFinite: 'skip'",
    Infinity,
    isCount,
  ),
  recordNorms: flag(false),
}

/** Which tensors there are, and what they are. */
export const placementOptions = {
  groups: customOption(Groups.read, Groups.none),
  shapes: passThrough(),
}

/** What runs it. */
export const engineOptions = {
  engine: passThrough<EngineName>(),
  instructionSet: passThrough<string>(),
  threads: passThrough<number>(),
}

const optimizerOptions = { ...placementOptions, ...stepOptions, ...engineOptions } satisfies Record<
  keyof OptimizerOptions,
  Option
>

/** What is done around the rule at each step. */
export interface StepOptions extends ValuesOf<typeof stepOptions> {}

/** The options with their defaults; a class, so that what a user gives is not taken for checked. */
export class ResolvedOptions {
  readonly around!: StepOptions
  /** Null where those of a saved run are not known. */
  readonly groups!: Groups | null
  readonly shapes: unknown
  readonly asked!: EngineRequest
  /** What a saved run says of its tensors. */
  readonly restored: ReadonlyMap<string, RestoredTensor> | undefined

  constructor(options: Omit<ResolvedOptions, 'restored'> & Partial<Pick<ResolvedOptions, 'restored'>>) {
    Object.assign(this, options)
  }
}

/** @throws OptionError where one is unknown, or not what it has to be */
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

/** What a saved run did. @throws OptionError where one is unknown, or not what it has to be */
export function readStepOptions(given: object): StepOptions {
  return checkStepOptions(readOptions('options', given, stepOptions))
}

function checkStepOptions(options: StepOptions): StepOptions {
  const { maxConsecutiveSkips, onNonFinite } = options
  if (maxConsecutiveSkips === Infinity || onNonFinite === 'skip') return options
  throw new OptionError('maxConsecutiveSkips', stepOptions.maxConsecutiveSkips.expected, maxConsecutiveSkips)
}
