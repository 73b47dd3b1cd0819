/** Summary of all runs with one option set. */

import type { MinimizeManyResult } from '../many/result.js'
import { type MinimizeReason, minimizeReasons } from '../minimize/reasons.js'
import type { StartColumns } from '../random/starts.js'

type RunEnding = Exclude<MinimizeReason, 'callback'>

/** A point, with its coordinates by parameter name. */
export type NamedPoint = Readonly<Record<string, number>>

export interface RunSummary {
  readonly runs: number
  /** The number of runs for each reason to stop. */
  readonly endings: Readonly<Record<RunEnding, number>>
  /** The number of runs that reached the target or a lower value; null if no target is set. */
  readonly reached: number | null
  /** The lowest value of F, with the last point and the starting point of the run; null if all runs diverged. */
  readonly best: { readonly value: number; readonly x: NamedPoint; readonly from: NamedPoint } | null
  /** The median of F over all runs. A diverged run counts as ∞. */
  readonly medianValue: number
  /** The median number of updates of converged runs; null if no run converged. */
  readonly medianIterations: number | null
}

/**
 * Accumulates the results of runs, which arrive in parts. The memory of 12 bytes per run is reused for the next option
 * set.
 */
export class RunTally {
  readonly #starts: StartColumns
  readonly #target: number | undefined
  readonly #values: Float64Array
  readonly #iterations: Uint32Array
  #runs = 0
  #reached = 0
  #best: RunSummary['best'] = null
  #endings = emptyEndings()

  constructor(starts: StartColumns, count: number, target: number | undefined) {
    this.#starts = starts
    this.#target = target
    this.#values = new Float64Array(count)
    this.#iterations = new Uint32Array(count)
  }

  get runs(): number {
    return this.#runs
  }

  clear(): void {
    this.#runs = 0
    this.#reached = 0
    this.#best = null
    this.#endings = emptyEndings()
  }

  /** Adds the results of the runs from the next starting points. */
  add({ x, value, iterations, reason }: MinimizeManyResult): void {
    let best = this.#best?.value ?? Infinity
    let bestRun = -1
    for (let run = 0; run < value.length; run++) {
      const ending = minimizeReasons[reason[run]] as RunEnding
      const end = ending === 'diverged' || Number.isNaN(value[run]) ? Infinity : value[run]
      this.#values[this.#runs + run] = end
      if (ending === 'converged') this.#iterations[this.#endings.converged] = iterations[run]
      this.#endings[ending]++
      if (end <= (this.#target ?? -Infinity)) this.#reached++
      if (end < best) {
        best = end
        bestRun = run
      }
    }
    if (bestRun >= 0) {
      const at = (columns: StartColumns, run: number) =>
        Object.fromEntries(Object.entries(columns).map(([name, column]) => [name, column[run]]))
      const from = at(this.#starts, this.#runs + bestRun)
      this.#best = { value: best, x: at(x as StartColumns, bestRun), from }
    }
    this.#runs += value.length
  }

  summary(): RunSummary {
    const { converged } = this.#endings
    return {
      runs: this.#runs,
      endings: { ...this.#endings },
      reached: this.#target === undefined ? null : this.#reached,
      best: this.#best,
      medianValue: median(this.#values.subarray(0, this.#runs)),
      medianIterations: converged === 0 ? null : median(this.#iterations.subarray(0, converged)),
    }
  }
}

const emptyEndings = (): Record<RunEnding, number> => ({
  converged: 0,
  stalled: 0,
  'max-iterations': 0,
  diverged: 0,
})

/** Returns the median of numbers and sorts the numbers in place. No number may be NaN. */
function median(numbers: Float64Array | Uint32Array): number {
  const { length } = numbers.sort()
  const middle = numbers[length >> 1]
  const other = numbers[(length - 1) >> 1]
  return middle === other ? middle : (middle + other) / 2
}
