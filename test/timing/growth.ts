/** How the time that something takes grows with its size. */

import { expect } from 'vitest'

/** The processor's milliseconds, which others on the machine do not make more. */
export async function processorTime(work: () => unknown): Promise<number> {
  const began = process.cpuUsage()
  await work()
  const { user, system } = process.cpuUsage(began)
  return (user + system) / 1000
}

/**
 * Fails where twice the size takes 2.5 times as long, at n and at 2n.
 *
 * @param prepare what is done with so much, made before the time counts
 */
export async function expectProportional(n: number, prepare: (n: number) => () => unknown): Promise<void> {
  await processorTime(prepare(n))
  const sizes = [n, 2 * n, 4 * n]
  const least = sizes.map(() => Infinity)
  const ratios = () => least.slice(1).map((time, k) => time / least[k])
  // Other work on the machine makes some of them longer, and none shorter.
  for (let turn = 0; turn < 8 && !(turn > 1 && ratios().every((ratio) => ratio < 2.5)); turn++) {
    for (const [k, size] of sizes.entries()) {
      least[k] = Math.min(least[k], await processorTime(prepare(size)))
    }
  }
  for (const ratio of ratios()) expect(ratio, `${least} ms`).toBeLessThan(2.5)
}
