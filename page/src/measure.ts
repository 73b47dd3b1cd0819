/** The microbenchmark: how long an update in place takes, by engine and size, in this browser. */

import { type EngineName, Optimizer, type Rule } from 'antigrad'

export interface Measurement {
  readonly engine: EngineName
  readonly size: number
  /** The median of the rounds. */
  readonly nanosecondsPerStep: number
}

export const SIZES = [10, 100, 1_000, 10_000, 100_000, 1_000_000]

/** Milliseconds of a round at least. */
const ROUND = 5
/** Clocks tick at 0.1 ms, at 1 ms, or at 16.7 ms where fingerprints are resisted; some jitter by a tick. */
const TICKS = 6
const ROUNDS = 9
/** Rounds for JavaScript's compiler, at the start of each size; the last one tells how fast it then is. */
const WARM_UP = 3
/** How often a round looks at the clock. */
const LOOKS = 50

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
  const length = Math.max(ROUND, TICKS * tick())
  const total = SIZES.length * ROUNDS
  for (const [index, size] of SIZES.entries()) {
    const subjects = engines.map((engine) => subject(size, rule, engine, length))
    for (let round = 0; round < ROUNDS; round++) {
      for (const { optimizer, batch, times } of subjects) {
        await pause()
        if (signal.aborted) return found
        times.push(timed(optimizer, batch, length).milliseconds)
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

function subject(size: number, rule: Rule, engine: EngineName, length: number) {
  const optimizer = new Optimizer(new Float32Array(size).fill(1), rule, { engine })
  optimizer.grads.fill(1e-3)
  let batch = 1
  for (let round = 0; round < WARM_UP; round++) {
    batch = Math.ceil(timed(optimizer, batch, length).steps / LOOKS)
  }
  return { engine, optimizer, batch, times: [] as number[] }
}

/** Milliseconds of a step, from one tick of the clock to another one; it looks at it after every batch. */
function timed(optimizer: Optimizer<Float32Array>, batch: number, length: number) {
  const start = nextTick()
  let steps = 0
  let now = start
  while (now - start < length) {
    for (let i = 0; i < batch; i++) optimizer.step()
    steps += batch
    now = performance.now()
  }
  return { steps, milliseconds: (now - start) / steps }
}

/** Waits until the clock shows another time. */
function nextTick(): number {
  const before = performance.now()
  let now = before
  while (now === before) now = performance.now()
  return now
}

/** How far the clock moves at once: the median, as the system may interrupt. */
function tick(): number {
  const times = Array.from({ length: 8 }, nextTick)
  const ticks = times.slice(1).map((time, i) => time - times[i])
  return ticks.sort((a, b) => a - b)[ticks.length >> 1]
}

/** Lets the page breathe. */
const pause = () => new Promise<void>((resolve) => setTimeout(resolve))
