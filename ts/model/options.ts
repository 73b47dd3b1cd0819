/** What an optimizer does around its rule, and where. */

import { type Asked, readAsked } from '../engines/choice.js'
import type { EngineName } from '../engines/engine.js'
import { type Clip, NO_LIMITS, readClip } from '../gradients/clip.js'
import { OptionError } from '../ground/errors.js'
import { isCount } from '../ground/numbers.js'
import type { Shapes } from '../ground/tensors.js'
import {
  anything,
  flag,
  type GivenOf,
  type Option,
  oneOf,
  option,
  orNull,
  readBy,
  type ValuesOf,
  whole,
} from '../options/kinds.js'
import { nested, readOptions } from '../options/read.js'
import type { Rule } from '../rules/definitions.js'
import { type Average, type Lookahead, lookahead, readAverage } from './averages.js'
import { type Group, Groups } from './groups.js'
import type { RestoredTensor } from './restored.js'

const accumulation = {
  /** How many calls of `step` make one update, ≥ 1. */
  batches: whole(1),
  /** What the rule gets of their gradients: the mean by default. */
  reduce: oneOf('mean', 'sum'),
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
  readonly maxSkips?: number
  /** Measures the norm of each tensor's gradient for `optimizer.last`; false by default, as it costs a pass. */
  readonly norms?: boolean
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

const around = {
  clip: readBy(readClip, NO_LIMITS),
  zeroGrads: flag(false),
  accumulate: nested(accumulation, 'batches', 1),
  average: orNull(readBy(readAverage)),
  lookahead: orNull(nested(lookahead)),
  onNonFinite: oneOf('propagate', 'skip', 'throw'),
  maxSkips: option<number, number>("a whole number ≥ 0, beside onNonFinite: 'skip'", Infinity, isCount),
  norms: flag(false),
}

/** Which tensors there are, and what they are. */
export const placing = {
  groups: readBy(Groups.read, Groups.none),
  shapes: anything(),
}

/** What runs it. */
export const running = {
  engine: anything<EngineName>(),
  instructionSet: anything<string>(),
  threads: anything<number>(),
}

const all = { ...placing, ...around, ...running } satisfies Record<keyof OptimizerOptions, Option>

/** What is done around the rule at each step. */
export interface Around extends ValuesOf<typeof around> {}

/** The options with their defaults; a class, so that what a user gives is not taken for checked. */
export class Checked {
  readonly around!: Around
  /** Null where those of a saved run are not known. */
  readonly groups!: Groups | null
  readonly shapes: unknown
  readonly asked!: Asked
  /** What a saved run says of its tensors. */
  readonly restored: ReadonlyMap<string, RestoredTensor> | undefined

  constructor(options: Omit<Checked, 'restored'> & Partial<Pick<Checked, 'restored'>>) {
    Object.assign(this, options)
  }
}

/** @throws OptionError where one is unknown, or not what it has to be */
export function checkOptions(options: unknown): Checked {
  const { groups, shapes, engine, instructionSet, threads, ...rest } = readOptions('options', options, all)
  return new Checked({
    around: checkAround(rest),
    groups,
    shapes,
    asked: readAsked({ engine, instructionSet, threads }),
  })
}

/** What a saved run did. @throws OptionError where one is unknown, or not what it has to be */
export function readAround(given: object): Around {
  return checkAround(readOptions('options', given, around))
}

function checkAround(options: Around): Around {
  const { maxSkips, onNonFinite } = options
  if (maxSkips === Infinity || onNonFinite === 'skip') return options
  throw new OptionError('maxSkips', around.maxSkips.expected, maxSkips)
}
