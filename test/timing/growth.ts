/** How the time of work grows with its size. */

import { expect } from 'vitest'

/** CPU milliseconds of the work, which other processes do not increase. */
export async function processorTime(work: () => unknown): Promise<number> {
  const began = process.cpuUsage()
  await work()
  const { user, system } = process.cpuUsage(began)
  return (user + system) / 1000
}

/**
 * Fails if doubling the size takes 2.5 times as long, both at n and at 2n.
 *
 * @param prepare makes the work of a size, outside the measured time
 */
export async function expectProportional(n: number, prepare: (n: number) => () => unknown): Promise<void> {
  await processorTime(prepare(n))
  const sizes = [n, 2 * n, 4 * n]
  const least = sizes.map(() => Infinity)
  const ratios = () => least.slice(1).map((time, k) => time / least[k])
  // Other processes lengthen some measurements and shorten none.
  for (let turn = 0; turn < 8 && !(turn > 1 && ratios().every((ratio) => ratio < 2.5)); turn++) {
    for (const [k, size] of sizes.entries()) {
      least[k] = Math.min(least[k], await processorTime(prepare(size)))
    }
  }
  for (const ratio of ratios()) expect(ratio, `${least} ms`).toBeLessThan(2.5)
}
