/** The microbenchmark: how long an update in place takes, by engine and size, in this browser. */

import { type EngineName, Optimizer, type Rule } from 'antigrad'

export interface Measurement {
  readonly engine: EngineName
  readonly size: number
  /** The median of the rounds. */
  readonly nanosecondsPerStep: number
}

export const SIZES = [10, 100, 1_000, 10_000, 100_000, 1_000_000]

/** Browsers' clocks are coarse, 0.1 ms without isolation: a round has to be much longer. */
const ROUND = 5
const ROUNDS = 9
/** For JavaScript's compiler, at the start of each size. */
const WARM_UP = 30

/**
 * Times `step()` with the gradient in place, float32, in rounds in which the engines take turns.
 *
 * @param onProgress is told the part that is done, from 0 to 1
 */
export async function measure(
  rule: Rule,
  engines: readonly EngineName[],
  onProgress: (part: number, latest: readonly Measurement[]) => void,
  signal: AbortSignal,
): Promise<Measurement[]> {
  const found: Measurement[] = []
  const total = SIZES.length * ROUNDS
  for (const [index, size] of SIZES.entries()) {
    const subjects = engines.map((engine) => subject(size, rule, engine))
    for (let round = 0; round < ROUNDS; round++) {
      for (const { optimizer, count, times } of subjects) {
        await pause()
        if (signal.aborted) return found
        times.push(timed(optimizer, count) / count)
      }
      if (round === ROUNDS - 1) {
        for (const { engine, times } of subjects) {
          const median = times.sort((a, b) => a - b)[ROUNDS >> 1]
          found.push({ engine, size, nanosecondsPerStep: median * 1e6 })
        }
      }
      onProgress((index * ROUNDS + round + 1) / total, found)
    }
  }
  return found
}

function subject(size: number, rule: Rule, engine: EngineName) {
  const optimizer = new Optimizer(new Float32Array(size).fill(1), rule, { engine })
  optimizer.grads.fill(1e-3)
  timed(optimizer, WARM_UP)
  // As many steps as fill a round.
  let count = 1
  while (timed(optimizer, count) < ROUND) count *= 2
  return { engine, optimizer, count, times: [] as number[] }
}

/** Milliseconds of so many steps. */
function timed(optimizer: Optimizer<Float32Array>, count: number): number {
  const start = performance.now()
  for (let i = 0; i < count; i++) optimizer.step()
  return performance.now() - start
}

/** Lets the page breathe. */
const pause = () => new Promise<void>((resolve) => setTimeout(resolve))
