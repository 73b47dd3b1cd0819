/** The growth of execution time with the size of the work. */

import { expect } from 'vitest'

/** CPU time in milliseconds. Other processes do not affect CPU time. */
export async function processorTime(work: () => unknown): Promise<number> {
  const began = process.cpuUsage()
  await work()
  const { user, system } = process.cpuUsage(began)
  return (user + system) / 1000
}

/**
 * Fails if doubling the size takes 2.5 times as long, both from n and from 2n.
 *
 * @param prepare prepares work of a given size, outside the measured time
 */
export async function expectProportional(n: number, prepare: (n: number) => () => unknown): Promise<void> {
  await processorTime(prepare(n))
  const sizes = [n, 2 * n, 4 * n]
  const least = sizes.map(() => Infinity)
  const ratios = () => least.slice(1).map((time, k) => time / least[k])
  // Other work on the machine makes some rounds longer, but no round shorter.
  for (let turn = 0; turn < 8 && !(turn > 1 && ratios().every((ratio) => ratio < 2.5)); turn++) {
    for (const [k, size] of sizes.entries()) {
      least[k] = Math.min(least[k], await processorTime(prepare(size)))
    }
  }
  for (const ratio of ratios()) expect(ratio, `${least} ms`).toBeLessThan(2.5)
}
