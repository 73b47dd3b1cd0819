/** 2³² and 2⁵³: how many words there are, and fractions in [0, 1). */
export const WORD_COUNT = 0x1_0000_0000
export const FRACTION_COUNT = 0x20_0000_0000_0000

/** So many words are drawn at once where they are wanted one by one. */
const BLOCK_WORDS = 32

/**
 * Random words of 32 bits that are the same everywhere: xoshiro128** 1.1 (Blackman and Vigna, 2018,
 * https://prng.di.unimi.it/xoshiro128starstar.c), in integers alone. Its state comes from the seed by the steps of
 * SplitMix (Steele, Lea and Flood, 2014), with the finalizer of MurmurHash3 (Appleby, 2011) in the place of its own,
 * which has 64 bits.
 */
export class WordStream {
  /** The next one. Some are drawn ahead: until it is seeded again, nobody may {@link fill} a list. */
  readonly next: () => number
  #a = 0
  #b = 0
  #c = 0
  #d = 0
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

  /** Begins. @param seeds integers from 0 to 2³² − 1: a seed, and which of its streams is meant */
  seed(...seeds: readonly number[]): this {
    // The finalizer is one to one: with one seed not all four can be 0, with several the chance is 2⁻¹²⁸.
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
    this.#save(a, b, c, d)
    this.#position = BLOCK_WORDS
    return this
  }

  /**
   * Writes the next integers from 0 to `count` − 1, each as likely as the other; of 2³² all words are such. Many at
   * once take a fraction of the time, as the state is in variables.
   */
  fill(to: Uint32Array, count = WORD_COUNT): void {
    // Words of the last multiple of `count`, which is cut off, would make some numbers likelier.
    const limit = WORD_COUNT - (WORD_COUNT % count)
    // Of integers of 32 bits: % of other numbers takes ten times as long.
    const divisor = count >>> 0
    let a = this.#a
    let b = this.#b
    let c = this.#c
    let d = this.#d
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
    this.#save(a, b, c, d)
  }

  #save(a: number, b: number, c: number, d: number): void {
    this.#a = a
    this.#b = b
    this.#c = c
    this.#d = d
  }
}

/** Words of such seeds, one by one. */
export const random = (...seeds: readonly number[]): (() => number) => new WordStream().seed(...seeds).next

/** A number in [0, 1), a multiple of 2⁻⁵³. */
export function fraction(next: () => number): number {
  const high = next() >>> 5
  return (high * 0x400_0000 + (next() >>> 6)) / FRACTION_COUNT
}

/** An integer from 0 to `count` − 1, each as likely as the other; `count` is at most 2³². */
export function integerBelow(count: number, next: () => number): number {
  for (;;) {
    const word = next()
    // The remainder, as % is slow for what is no small integer: so few bits leave the quotient exact.
    const rest = word - count * Math.floor(word / count)
    // Words of the last multiple of `count`, which is cut off, would make some numbers likelier.
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
