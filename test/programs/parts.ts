/** Common parts of programs: places, selections of tensors, and a polluted `Object.prototype`. */

import fc from 'fast-check'
import { rarely, record } from './numbers.js'

/** Places in which a program runs. Each machine skips the places that the machine lacks. */
export const placeNames = [
  ...([
    'typescript',
    'wasm',
    'native',
    'native, 2 threads',
    'native, 3 threads',
    'native, 8 threads',
  ] as const),
  ...(['native scalar', 'native sse2', 'native avx2', 'native avx512', 'native neon'] as const),
]
export type PlaceName = (typeof placeNames)[number]

export const places: fc.Arbitrary<PlaceName[]> = fc.uniqueArray(fc.constantFrom(...placeNames), {
  minLength: 1,
  maxLength: 3,
})

/** A property on Object.prototype, which must not act like an option. */
export interface Pollution {
  readonly key: string
  readonly value: unknown
}

const polluted = [
  ...['lr', 'momentum', 'weightDecay', 'beta2', 'eps', 'maximize', 'lrScale', 'frozen', 'rule', 'match'],
  ...['clip', 'norm', 'rms', 'noise', 'accumulate', 'batches', 'reduce', 'average', 'lookahead', 'alpha'],
  ...[
    'onNonFinite',
    'maxConsecutiveSkips',
    'recordNorms',
    'zeroGrads',
    'groups',
    'shapes',
    'engine',
    'instructionSet',
  ],
  ...[
    'threads',
    'partial',
    'onWarning',
    'maxRank',
    'schedule',
    'steps',
    'from',
    'decay',
    'corrected',
    'every',
  ],
  ...['tolerance', 'maxIterations', 'dtype', 'bounds', 'data', 'each', 'path', 'signal', 'onProgress'],
  ...['y', 'sigma', 'weights', 'absoluteSigma', 'loss', 'lossScale', 'multiStart', 'method', 'start', 'min'],
  ...['max', 'fixed', 'expr', 'count', 'sample', 'seed', 'callback', 'gradient', 'parameters'],
  ...['equations', 'state', 'scalars', 'step', 'default', 'scheduled', 'below', 'flush'],
]

export const pollution: fc.Arbitrary<Pollution | null> = rarely(
  8,
  record({
    key: fc.constantFrom(...polluted),
    value: fc.constantFrom<unknown>(0.5, 2, true, 'float32', 'sum', null, {}, [3], 'scalar', 'cauchy'),
  }),
)

/** The match of a group or a call: the exact name of a tensor by index, or a match of `matchOf`. */
export interface Picker {
  readonly kind: 'name' | 'all' | 'top' | 'bias' | 'rank' | 'function' | 'list'
  readonly tensor: number
}

export const picker: fc.Arbitrary<Picker> = record({
  kind: fc.constantFrom('name', 'name', 'name', 'all', 'all', 'top', 'bias', 'rank', 'function', 'list'),
  tensor: fc.nat(7),
})
