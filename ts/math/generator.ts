/** A seeded generator of random numbers, which are the same in every JavaScript engine. */

import { readBuffer, readByteOffset } from '../core/buffers.js'
import { ArgumentError } from '../core/errors.js'
import { type FloatArray, isCount } from '../core/numbers.js'
import { getTypeName, isDetached, readLength } from '../core/typed-arrays.js'
import { isObject } from '../core/untrusted-input.js'
import { fillIntegers, seedState, toFraction, WORD_COUNT } from '../random/random.js'
import { toNormal } from '../random/variates.js'
import { checkArray } from './arrays.js'
import { getRunner } from './engines.js'
import { cos, log } from './functions.js'

/** The state of a generator, as plain data for JSON. */
export interface SavedGenerator {
  readonly generator: 'xoshiro128**'
  /** Four integers from 0 to 2³² − 1, not all 0. */
  readonly state: readonly number[]
}

const ALGORITHM = 'xoshiro128**'
/** Count of the numbers that are generated at once for an array. */
const CHUNK = 1024
/** Count of fractions for float32. With more fractions, some fractions would be rounded to 1. */
const FLOAT32_FRACTIONS = 0x100_0000

const one = new Uint32Array(1)
const pair = new Uint32Array(2)
const pairs = new Uint32Array(2 * CHUNK)
const words = new Uint32Array(4 * CHUNK)

const isWord = (x: unknown): x is number => isCount(x) && x < WORD_COUNT

/**
 * A seeded generator of random numbers: xoshiro128** (Blackman and Vigna, 2018). Equal seeds yield equal numbers in
 * every JavaScript engine, one by one or in arrays. The generator is unsuitable for cryptography.
 *
 * @example
 * const generator = new RandomGenerator(1)
 * const u = generator.uniform()
 * const noise = generator.normal(new Float64Array(1000))
 */
export class RandomGenerator {
  readonly #state = new Int32Array(4)

  /**
   * @param seed an integer from 0 to 2³² − 1
   * @param stream further integers from 0 to 2³² − 1, which select an independent stream, such as the number of a
   * player
   * @throws ArgumentError if an argument is not an integer from 0 to 2³² − 1
   */
  constructor(seed: number, ...stream: readonly number[]) {
    const seeds = [seed, ...stream]
    for (const [i, word] of seeds.entries()) {
      if (isWord(word)) continue
      throw new ArgumentError(i > 0 ? 'stream' : 'seed', `an integer from 0 to ${WORD_COUNT - 1}`, word)
    }
    seedState(this.#state, seeds)
  }

  /**
   * The next uniformly distributed number in [0, 1), a multiple of 2⁻⁵³. If an array is given, the array is filled with
   * the next numbers and returned. A Float32Array receives the same numbers, rounded down to multiples of 2⁻²⁴.
   *
   * @throws ArgumentError if the argument is neither a Float32Array nor a Float64Array
   */
  uniform(): number
  uniform<A extends FloatArray>(out: A): A
  uniform(out?: FloatArray): number | FloatArray {
    if (out === undefined) {
      fillIntegers(this.#state, pair)
      return toFraction(pair[0], pair[1])
    }
    const array = checkArray('out', out)
    const isSingle = getTypeName(array) === 'Float32Array'
    const length = readLength(array)
    for (let from = 0; from < length; from += CHUNK) {
      const count = Math.min(CHUNK, length - from)
      fillIntegers(this.#state, pairs.subarray(0, 2 * count))
      for (let i = 0; i < count; i++) {
        const fraction = toFraction(pairs[2 * i], pairs[2 * i + 1])
        array[from + i] = isSingle ? Math.floor(fraction * FLOAT32_FRACTIONS) / FLOAT32_FRACTIONS : fraction
      }
    }
    return out
  }

  /**
   * The next number of the standard normal distribution (Box and Muller, 1958), computed in float64 from two numbers of
   * `uniform`. The magnitude of the numbers is at most 8.58. If an array is given, the array is filled with the next
   * numbers and returned. In a Float32Array, the numbers are rounded to float32.
   *
   * @throws ArgumentError if the argument is neither a Float32Array nor a Float64Array
   * @throws OptionError, EngineError like the functions of arrays
   */
  normal(): number
  normal<A extends FloatArray>(out: A): A
  normal(out?: FloatArray): number | FloatArray {
    if (out === undefined) return toNormal(this.uniform(), this.uniform())
    const array = checkArray('out', out)
    const length = readLength(array)
    // If no engine is available, the error is thrown before the state changes.
    getRunner(length)
    for (let from = 0; from < length; from += CHUNK) {
      const count = Math.min(CHUNK, length - from)
      fillIntegers(this.#state, words.subarray(0, 4 * count))
      const u = new Float64Array(count)
      const v = new Float64Array(count)
      for (let i = 0; i < count; i++) {
        u[i] = 1 - toFraction(words[4 * i], words[4 * i + 1])
        v[i] = 2 * Math.PI * toFraction(words[4 * i + 2], words[4 * i + 3])
      }
      // The operations of `toNormal`.
      log(u, u)
      cos(v, v)
      for (let i = 0; i < count; i++) array[from + i] = Math.sqrt(-2 * u[i]) * v[i]
    }
    return out
  }

  /**
   * The next uniformly distributed integer from 0 to `count` − 1. If a Uint32Array is given, the array is filled with
   * the next integers and returned.
   *
   * @param count an integer from 1 to 2³²
   * @throws ArgumentError if an argument is invalid
   */
  integer(count: number): number
  integer<A extends Uint32Array>(count: number, out: A): A
  integer(count: number, out: Uint32Array = one): number | Uint32Array {
    if (!isCount(count, 1) || count > WORD_COUNT) {
      throw new ArgumentError('count', `an integer from 1 to ${WORD_COUNT}`, count)
    }
    const isArray = getTypeName(out) === 'Uint32Array'
    if (!isArray || isDetached(out)) {
      throw new ArgumentError('out', 'a Uint32Array', isArray ? 'a detached one' : out)
    }
    // A subclass may have replaced `length`.
    fillIntegers(
      this.#state,
      new Uint32Array(readBuffer(out) as ArrayBuffer, readByteOffset(out), readLength(out)),
      count,
    )
    return out === one ? one[0] : out
  }

  /**
   * The state, as plain data for JSON. `RandomGenerator.load` restores a generator that continues with the same
   * numbers.
   */
  save(): SavedGenerator {
    return Object.freeze({
      generator: ALGORITHM,
      state: Object.freeze(Array.from(this.#state, (x) => x >>> 0)),
    })
  }

  /**
   * A generator that continues from the state of a saved generator.
   *
   * @throws ArgumentError if the value is not the result of `save`
   */
  static load(saved: SavedGenerator): RandomGenerator {
    const { generator, state } = isObject(saved) ? (saved as Partial<SavedGenerator>) : {}
    const words = Array.isArray(state) ? [...state] : []
    if (generator === undefined) throw new ArgumentError('saved', 'the result of save()', saved)
    if (generator !== ALGORITHM) throw new ArgumentError('saved.generator', `'${ALGORITHM}'`, generator)
    if (words.length !== 4 || !words.every(isWord) || words.every((x) => x === 0)) {
      const expected = `four integers from 0 to ${WORD_COUNT - 1}, not all 0`
      throw new ArgumentError('saved.state', expected, state)
    }
    const loaded = new RandomGenerator(0)
    loaded.#state.set(words)
    return loaded
  }
}
