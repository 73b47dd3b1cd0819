// @ts-check
// Random numbers whose state can be saved; in pages too.

/** Numbers in [0, 1) (mulberry32); `state` is all that it remembers. */
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

/** 0 to n − 1 in random order (Fisher and Yates). @param {number} n @param {Generator} generator */
export function shuffled(n, generator) {
  const order = Uint32Array.from({ length: n }, (_, i) => i)
  for (let i = n - 1; i > 0; i--) {
    const j = Math.floor((i + 1) * generator.next())
    ;[order[i], order[j]] = [order[j], order[i]]
  }
  return order
}
