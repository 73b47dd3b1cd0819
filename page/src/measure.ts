/** The microbenchmark: the time per update, by engine and size, in this browser. */

import { type EngineName, Optimizer, type Rule } from 'antigrad'
import { makePlainLoop } from './loops.js'

/** An engine, or a plain loop in JavaScript. */
export type SubjectName = EngineName | 'loop'

export interface Measurement {
  readonly engine: SubjectName
  readonly size: number
  /** Median of the rounds. */
  readonly nanosecondsPerStep: number
}

const VECTORS = [10, 100, 1_000, 10_000, 100_000, 1_000_000]
/** Side lengths of the square matrices. Products of larger matrices take seconds in TypeScript. */
const SIDES = [4, 10, 32, 100, 200]

/** The numbers of parameters that are measured. */
export const selectSizes = (areMatrices: boolean): readonly number[] =>
  areMatrices ? SIDES.map((side) => side * side) : VECTORS

/** Minimum duration of a round in milliseconds. */
const ROUND = 5
/** Minimum number of clock ticks per round. Browser clocks tick every 0.1, 1 or 16.7 ms and may jitter by a tick. */
const TICKS = 6
const ROUNDS = 9
/** Warm-up rounds per size for JavaScript's compiler. The last one determines the batch size. */
const WARM_UP = 3
/** Approximate number of clock readings per round. */
const CHECKS = 50

/**
 * Measures `step()` in float32, without the computation of the gradient, in rounds in which the engines take turns.
 *
 * @param areMatrices whether the parameters are a square matrix instead of a vector
 * @param onProgress called with the completed fraction, from 0 to 1
 */
export async function measure(
  rule: Rule,
  areMatrices: boolean,
  engines: readonly SubjectName[],
  onProgress: (part: number, latest: readonly Measurement[]) => void,
  signal: AbortSignal,
): Promise<Measurement[]> {
  const found: Measurement[] = []
  const length = Math.max(ROUND, TICKS * tick())
  const sizes = selectSizes(areMatrices)
  const total = sizes.length * ROUNDS
  for (const [index, size] of sizes.entries()) {
    const shape = areMatrices ? [Math.sqrt(size), Math.sqrt(size)] : [size]
    const subjects = engines.map((engine) => subject(shape, rule, engine, length))
    for (let round = 0; round < ROUNDS; round++) {
      for (const { stepping, batch, times } of subjects) {
        await pause()
        if (signal.aborted) return found
        times.push(timed(stepping, batch, length).milliseconds)
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

interface Stepping {
  step(): void
}

function subject(shape: readonly number[], rule: Rule, engine: SubjectName, length: number) {
  const stepping = engine === 'loop' ? loop(shape[0], rule) : optimizer(shape, rule, engine)
  let batch = 1
  for (let round = 0; round < WARM_UP; round++) {
    batch = Math.ceil(timed(stepping, batch, length).steps / CHECKS)
  }
  return { engine, stepping, batch, times: [] as number[] }
}

function optimizer(shape: readonly number[], rule: Rule, engine: EngineName): Stepping {
  const size = shape.reduce((product, length) => product * length)
  const optimizer = new Optimizer({ w: new Float32Array(size).fill(1) }, rule, {
    engine,
    shapes: { w: shape },
  })
  optimizer.grads.w.fill(1e-3)
  return optimizer
}

function loop(size: number, rule: Rule): Stepping {
  const [params, grads] = [new Float32Array(size).fill(1), new Float32Array(size).fill(1e-3)]
  return {
    step: (makePlainLoop(rule) as NonNullable<ReturnType<typeof makePlainLoop>>)(
      rule as never,
      params,
      grads,
    ),
  }
}

/** Measures the milliseconds per step from one clock tick to another. The clock is read after every batch. */
function timed(stepping: Stepping, batch: number, length: number) {
  const start = nextTick()
  let steps = 0
  let now = start
  while (now - start < length) {
    for (let i = 0; i < batch; i++) stepping.step()
    steps += batch
    now = performance.now()
  }
  return { steps, milliseconds: (now - start) / steps }
}

/** Waits for the next tick of the clock. */
function nextTick(): number {
  const before = performance.now()
  let now = before
  while (now === before) now = performance.now()
  return now
}

/** Resolution of the clock. The median excludes interruptions by the system. */
function tick(): number {
  const times = Array.from({ length: 8 }, nextTick)
  const ticks = times.slice(1).map((time, i) => time - times[i])
  return ticks.sort((a, b) => a - b)[ticks.length >> 1]
}

/** Lets the browser handle events. */
const pause = () => new Promise<void>((resolve) => setTimeout(resolve))
