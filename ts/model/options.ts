/** What an optimizer does around its rule, and where. */

import { type Asked, readAsked } from '../engines/choice.js'
import type { EngineName } from '../engines/engine.js'
import { type Clip, checkClip, type Limits } from '../gradients/clip.js'
import { OptionError } from '../ground/errors.js'
import { isCount } from '../ground/numbers.js'
import type { Shapes } from '../ground/tensors.js'
import { readOptions } from '../options/read.js'
import type { Rule } from '../rules/definitions.js'
import { type Average, type Lookahead, readAverage, readLookahead } from './averages.js'
import { type Group, Groups } from './groups.js'
import type { RestoredTensor } from './restored.js'

/** Gradients of several batches as one. */
export interface Accumulation {
  /** How many calls of `step` make one update, ≥ 1. */
  readonly batches: number
  /** What the rule gets of their gradients: the mean by default. */
  readonly reduce?: 'mean' | 'sum'
}

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

/** What is done around the rule at each step. */
export interface Around {
  readonly clip: Limits
  readonly zeroGrads: boolean
  readonly accumulate: Required<Accumulation>
  readonly average: Average | null
  readonly lookahead: Required<Lookahead> | null
  readonly onNonFinite: 'propagate' | 'skip' | 'throw'
  readonly maxSkips: number
  readonly norms: boolean
}

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
export function checkOptions(options: unknown, names = optionNames): Checked {
  const given = readOptions('options', options, names)
  const { groups, shapes, engine, instructionSet, threads } = given
  return new Checked({
    around: checkAround(given),
    groups: groups === undefined ? Groups.none : Groups.read(groups),
    shapes,
    asked: readAsked({ engine, instructionSet, threads }),
  })
}

const aroundNames = [
  ...(['clip', 'zeroGrads', 'accumulate', 'average', 'lookahead', 'onNonFinite', 'maxSkips'] as const),
  'norms' as const,
]
const optionNames: readonly string[] = [
  ...(['groups', 'shapes'] as const),
  ...aroundNames,
  ...(['engine', 'instructionSet', 'threads'] as const),
] satisfies (keyof OptimizerOptions)[]

/** @throws OptionError where one is not what it has to be */
export function checkAround(given: Readonly<Record<string, unknown>>): Around {
  const { zeroGrads = false, average, lookahead, onNonFinite = 'propagate', maxSkips, norms = false } = given
  if (typeof zeroGrads !== 'boolean') throw new OptionError('zeroGrads', 'true or false', zeroGrads)
  if (typeof norms !== 'boolean') throw new OptionError('norms', 'true or false', norms)
  if (!['propagate', 'skip', 'throw'].includes(onNonFinite as string)) {
    throw new OptionError('onNonFinite', "'propagate', 'skip' or 'throw'", onNonFinite)
  }
  if (maxSkips !== undefined && (onNonFinite !== 'skip' || !isCount(maxSkips))) {
    throw new OptionError('maxSkips', "a whole number ≥ 0, beside onNonFinite: 'skip'", maxSkips)
  }
  return {
    clip: checkClip(given.clip),
    zeroGrads,
    accumulate: checkAccumulation(given.accumulate),
    average: average === undefined || average === null ? null : readAverage(average),
    lookahead: lookahead === undefined || lookahead === null ? null : readLookahead(lookahead),
    onNonFinite: onNonFinite as Around['onNonFinite'],
    maxSkips: (maxSkips as number | undefined) ?? Infinity,
    norms,
  }
}

function checkAccumulation(given: unknown): Required<Accumulation> {
  if (given === undefined) return { batches: 1, reduce: 'mean' }
  const whole = typeof given === 'number' ? { batches: given } : given
  const expected = 'a whole number ≥ 1 or { batches, reduce }'
  const names = ['batches', 'reduce']
  const { batches, reduce = 'mean' } = readOptions<Partial<Accumulation>>(
    'accumulate',
    whole,
    names,
    expected,
  )
  if (!isCount(batches, 1)) throw new OptionError('accumulate: batches', 'a whole number ≥ 1', batches)
  if (reduce !== 'mean' && reduce !== 'sum') {
    throw new OptionError('accumulate: reduce', "'mean' or 'sum'", reduce)
  }
  return Object.freeze({ batches, reduce })
}
