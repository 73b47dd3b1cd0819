/** What an optimizer does around its rule, and where. */

import type { EngineName, Forced } from './engines/engine.js'
import { requestedThreads } from './engines/index.js'
import { native } from './engines/native.js'
import { OptionError } from './errors.js'

/** What is done to gradients before the rule sees them, and before decay; norm first, then value. */
export interface Clip {
  /**
   * The largest global norm, > 0; none by default: where ‖g‖ over all tensors of a step is larger,
   * g ← g·(norm/‖g‖), as in Optax (Pascanu, Mikolov and Bengio, 2013, algorithm 1).
   */
  readonly norm?: number
  /** The largest absolute value of an element, > 0; none by default. */
  readonly value?: number
}

/** What an optimizer does around its rule, and where. */
export interface OptimizerOptions {
  /** Clips gradients; not by default. */
  readonly clip?: Clip
  /** Sets `grads` to zero in the pass that updates; false by default. */
  readonly zeroGrads?: boolean
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

/** The options with their defaults. */
export interface Checked {
  readonly clip: Required<Clip>
  readonly zeroGrads: boolean
  readonly engine: EngineName | undefined
  readonly forced: Forced
}

/** @throws OptionError where one is unknown, or not what it has to be */
export function checkOptions(options: OptimizerOptions): Checked {
  if (typeof options !== 'object' || options === null) throw new OptionError('options', 'an object', options)
  const { clip = {}, zeroGrads = false, engine, instructionSet, threads, ...unknown } = options
  if (typeof clip !== 'object' || clip === null) throw new OptionError('clip', '{ norm, value }', clip)
  const { norm, value, ...unknownClip } = clip
  const positive = (x: unknown) => x === undefined || (typeof x === 'number' && x > 0 && x < Infinity)
  const [stranger] = Object.keys(unknown)
  if (stranger !== undefined) {
    throw new OptionError('options', 'one of clip, zeroGrads, engine, instructionSet, threads', stranger)
  }
  const [strangerClip] = Object.keys(unknownClip)
  if (strangerClip !== undefined) throw new OptionError('clip', 'one of norm, value', strangerClip)
  if (!positive(norm)) throw new OptionError('clip: norm', 'a finite number > 0', norm)
  if (!positive(value)) throw new OptionError('clip: value', 'a finite number > 0', value)
  if (typeof zeroGrads !== 'boolean') throw new OptionError('zeroGrads', 'true or false', zeroGrads)
  if (instructionSet !== undefined) {
    if (engine !== 'native') {
      throw new OptionError('instructionSet', "nothing without engine: 'native'", instructionSet)
    }
    const { available, instructionSets } = native.report()
    // Where there is no addon, that is what is wrong, and said when it is asked for.
    if (available && !instructionSets.includes(instructionSet)) {
      throw new OptionError('instructionSet', `one of ${instructionSets.join(', ')}`, instructionSet)
    }
  }
  return {
    clip: { norm: norm ?? Infinity, value: value ?? Infinity },
    zeroGrads,
    engine,
    forced: { instructionSet, threads: requestedThreads(threads) },
  }
}
