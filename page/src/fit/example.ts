/** The first example, and noise for all examples. */

/** Numbers with mean 0, standard deviation 1 and a nearly normal distribution, the same on every platform. */
export function makeNoise(begin: number): () => number {
  let seed = begin
  const uniform = () => {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0
    return seed / 2 ** 32
  }
  // The sum of twelve uniform numbers has variance 1 and is nearly normal.
  return () => Array.from({ length: 12 }, uniform).reduce((sum, u) => sum + u, -6)
}

/** The first example: an exponential decay with noise of standard deviation 0.12. */
export function example(): string {
  const noise = makeNoise(2023)
  const row = (t: number) => `${t},${(2.5 * Math.exp(-0.6 * t) + 0.4 + 0.12 * noise()).toFixed(3)}`
  return ['t,y', ...Array.from({ length: 40 }, (_, i) => row(i / 4))].join('\n')
}
