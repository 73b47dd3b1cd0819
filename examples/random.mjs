// @ts-check
// A random number generator whose state can be saved. It also runs in browsers.

/** Uniform random numbers in [0, 1) by mulberry32; `state` is its complete state. */
export class Generator {
  /** @param {number} state */
  constructor(state) {
    this.state = state
  }

  next() {
    this.state = (this.state + 0x6d2b79f5) | 0
    let x = Math.imul(this.state ^ (this.state >>> 15), this.state | 1)
    x ^= x + Math.imul(x ^ (x >>> 7), x | 61)
    return ((x ^ (x >>> 14)) >>> 0) / 2 ** 32
  }
}

/** Returns 0 to n − 1 in random order (Fisher–Yates shuffle). @param {number} n @param {Generator} generator */
export function shuffled(n, generator) {
  const order = Uint32Array.from({ length: n }, (_, i) => i)
  for (let i = n - 1; i > 0; i--) {
    const j = Math.floor((i + 1) * generator.next())
    ;[order[i], order[j]] = [order[j], order[i]]
  }
  return order
}
