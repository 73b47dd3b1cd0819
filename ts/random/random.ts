/** The constants 2³² (the number of different words) and 2⁵³ (the number of different fractions in [0, 1)). */
export const WORD_COUNT = 0x1_0000_0000
export const FRACTION_COUNT = 0x20_0000_0000_0000

/** Number of random words that `next` generates in advance. */
const BLOCK_WORDS = 32

/**
 * Starts a generator of reproducible 32-bit random words: xoshiro128** 1.1 (Blackman and Vigna, 2018,
 * https://prng.di.unimi.it/xoshiro128starstar.c), with integer arithmetic only. The seeds are expanded to the state as
 * in SplitMix (Steele, Lea and Flood, 2014), with the 32-bit finalizer of MurmurHash3 (Appleby, 2011) instead of
 * SplitMix's 64-bit finalizer.
 *
 * @param state receives the four words of the state
 * @param seeds integers from 0 to 2³² − 1: the seed, and optionally the indices of the stream
 */
export function seedState(state: Int32Array, seeds: readonly number[]): void {
  // The finalizer is a bijection. With one seed, the four words of the state cannot all be 0. With several seeds, the
  // probability of four zeros is 2⁻¹²⁸.
  let a = 0
  let b = 0
  let c = 0
  let d = 0
  for (let k = 0; k < seeds.length; k++) {
    a = finalize(a + seeds[k] + 0x9e3779b9)
    b = finalize(b + seeds[k] + 0x3c6ef372)
    c = finalize(c + seeds[k] + 0xdaa66d2b)
    d = finalize(d + seeds[k] + 0x78dde6e4)
  }
  state[0] = a
  state[1] = b
  state[2] = c
  state[3] = d
}

/**
 * Fills `to` with the next uniformly distributed integers from 0 to `count` − 1. If `count` is 2³², the integers are
 * the random words. Filling an array takes a fraction of the time of drawing single words, because local variables hold
 * the state.
 */
export function fillIntegers(state: Int32Array, to: Uint32Array, count = WORD_COUNT): void {
  // Words beyond the last whole multiple of `count` are rejected, because such words would make some integers more
  // likely.
  const limit = WORD_COUNT - (WORD_COUNT % count)
  // The number is a 32-bit unsigned integer, because the operator % takes ten times as long for other numbers.
  const divisor = count >>> 0
  let a = state[0]
  let b = state[1]
  let c = state[2]
  let d = state[3]
  for (let k = 0; k < to.length; ) {
    const word = Math.imul(rotateLeft(Math.imul(b, 5), 7), 9) >>> 0
    if (word < limit) to[k++] = divisor === 0 ? word : word % divisor
    const shifted = b << 9
    c ^= a
    d ^= b
    b ^= c
    a ^= d
    c ^= shifted
    d = rotateLeft(d, 11)
  }
  state[0] = a
  state[1] = b
  state[2] = c
  state[3] = d
}

/** A stream of reproducible random words, one by one or in arrays. */
export class WordStream {
  /**
   * Returns the next random word. The method generates words in advance. After a call of `next`, {@link fill} must not
   * be called before the next call of `seed`.
   */
  readonly next: () => number
  readonly #state = new Int32Array(4)
  readonly #block = new Uint32Array(BLOCK_WORDS)
  #position = BLOCK_WORDS

  constructor() {
    this.next = () => {
      if (this.#position === BLOCK_WORDS) {
        this.fill(this.#block)
        this.#position = 0
      }
      return this.#block[this.#position++]
    }
  }

  /** Starts a stream of random words. @param seeds as for `seedState` */
  seed(...seeds: readonly number[]): this {
    seedState(this.#state, seeds)
    this.#position = BLOCK_WORDS
    return this
  }

  /** Fills `to` with the next integers from 0 to `count` − 1; see `fillIntegers`. */
  fill(to: Uint32Array, count = WORD_COUNT): void {
    fillIntegers(this.#state, to, count)
  }
}

/** Returns a function that draws the words of a stream one by one. */
export const random = (...seeds: readonly number[]): (() => number) => new WordStream().seed(...seeds).next

/** A random number in [0, 1), which is a multiple of 2⁻⁵³. */
export const fraction = (next: () => number): number => toFraction(next(), next())

/** Combines two random words into a number in [0, 1). */
export function toFraction(first: number, second: number): number {
  return ((first >>> 5) * 0x400_0000 + (second >>> 6)) / FRACTION_COUNT
}

/** A uniformly distributed random integer from 0 to `count` − 1; `count` is at most 2³². */
export function integerBelow(count: number, next: () => number): number {
  for (;;) {
    const word = next()
    // Computes the remainder without the operator %, which is slow except for small integers. The quotient is exact,
    // because both integers have few bits.
    const rest = word - count * Math.floor(word / count)
    // Words beyond the last whole multiple of `count` are rejected, because such words would make some integers more
    // likely.
    if (word - rest + count <= WORD_COUNT) return rest
  }
}

function rotateLeft(word: number, bits: number): number {
  return (word << bits) | (word >>> (32 - bits))
}

function finalize(word: number): number {
  let h = word | 0
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return h ^ (h >>> 16)
}
