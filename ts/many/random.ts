/** 2³² and 2⁵³: how many words there are, and fractions in [0, 1). */
export const WORDS = 0x1_0000_0000
export const FRACTIONS = 0x20_0000_0000_0000

/**
 * Random words of 32 bits that are the same everywhere: xoshiro128** 1.1 (Blackman and Vigna, 2018,
 * https://prng.di.unimi.it/xoshiro128starstar.c), in integers alone. Its state comes from the seed by the steps of
 * SplitMix (Steele, Lea and Flood, 2014), with the finaliser of MurmurHash3 (Appleby, 2011) in the place of its own,
 * which has 64 bits.
 *
 * @param seeds whole numbers from 0 to 2³² − 1: a seed, and which of its streams is meant
 */
export function random(...seeds: readonly number[]): () => number {
  // The finaliser is one to one: with one seed not all four can be 0, with several the chance is 2⁻¹²⁸.
  let [a, b, c, d] = [1, 2, 3, 4].map((k) =>
    seeds.reduce((word, seed) => finalise(word + seed + Math.imul(k, 0x9e3779b9)), 0),
  )
  return () => {
    const word = Math.imul(rotated(Math.imul(b, 5), 7), 9) >>> 0
    const shifted = b << 9
    c ^= a
    d ^= b
    b ^= c
    a ^= d
    c ^= shifted
    d = rotated(d, 11)
    return word
  }
}

/** A number in [0, 1), a multiple of 2⁻⁵³. */
export function fraction(next: () => number): number {
  const high = next() >>> 5
  return (high * 0x400_0000 + (next() >>> 6)) / FRACTIONS
}

/** A whole number from 0 to `count` − 1, each as likely as the other; `count` is at most 2³². */
export function below(count: number, next: () => number): number {
  const most = WORDS - (WORDS % count)
  for (;;) {
    const word = next()
    if (word < most) return word % count
  }
}

function rotated(word: number, by: number): number {
  return (word << by) | (word >>> (32 - by))
}

function finalise(word: number): number {
  let h = word | 0
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return h ^ (h >>> 16)
}
