/** Basins of attraction: the minimum that a run reaches from each cell of a map. */

import {
  expression,
  type MinimizeManyOptions,
  type MinimizeManyResult,
  minimizeMany,
  minimizeManySync,
  minimizeReasons,
  type Rule,
  type View,
} from 'antigrad'

export interface BasinTask {
  /** The function as an expression in x and y. */
  readonly text: string
  readonly rule: Rule
  readonly view: View
  readonly minima: readonly (readonly number[])[]
  readonly columns: number
  readonly rows: number
}

/** Index of cells from which a run reaches no minimum. */
export const NO_MINIMUM = 255
const MAX_DISTANCE = 0.05
const options = { tolerance: 1e-6, maxIterations: 400 } satisfies MinimizeManyOptions

/** The centers of the cells, row by row from the top. */
function startsOf({ view: [x0, x1, y0, y1], columns, rows }: BasinTask) {
  const x = new Float64Array(columns * rows)
  const y = new Float64Array(columns * rows)
  for (let i = 0; i < x.length; i++) {
    x[i] = x0 + (((i % columns) + 0.5) / columns) * (x1 - x0)
    y[i] = y1 - ((Math.floor(i / columns) + 0.5) / rows) * (y1 - y0)
  }
  return { x, y }
}

/** The index of the minimum to which each run has converged. */
function classify({ minima }: BasinTask, { x: { x, y }, reason }: MinimizeManyResult): Uint8Array {
  return Uint8Array.from(reason, (code, i) => {
    const isNear = ([mx, my]: readonly number[]) => Math.hypot(x[i] - mx, y[i] - my) < MAX_DISTANCE
    const index = minimizeReasons[code] === 'converged' ? minima.findIndex(isNear) : -1
    return index < 0 ? NO_MINIMUM : index
  })
}

/** Computes the map in slices, so that the page stays responsive. */
export async function computeBasins(task: BasinTask, signal: AbortSignal): Promise<Uint8Array> {
  const starts = startsOf(task)
  return classify(task, await minimizeMany(expression(task.text), starts, task.rule, { ...options, signal }))
}

/** Computes the map at once. */
export function computeBasinsSync(task: BasinTask): Uint8Array {
  return classify(task, minimizeManySync(expression(task.text), startsOf(task), task.rule, options))
}
