/** Shapes of a fit that the page draws: points, curve and band. */

import type { ShownFit } from './displayed-fit.js'
import { type FittedCurve, type FittedData, getScale } from './plot.js'
import type { FitPageState } from './state.js'
import type { ChosenColumns, FitTask, TaskRows } from './task.js'

/** Number of points of the curve. */
const SAMPLES = 301

/** Whether a column gives individual errors or weights of the rows. */
export const hasOwnErrors = ({ sigma, weights }: ChosenColumns) => sigma !== null || weights !== null

export const bandKind = (chosen: ChosenColumns | FitTask, state: FitPageState) =>
  hasOwnErrors(chosen) || ('hasNoiseColumns' in chosen && chosen.hasNoiseColumns) ? 'confidence' : state.band

/** Null if the fit did not start, so that it has no parameter values. */
export function computeFitted(
  task: FitTask | ChosenColumns,
  { x }: TaskRows,
  found: ShownFit | undefined,
  state: FitPageState,
): FittedData | null {
  if (!hasValues(found)) return null
  const curve = 'isCurve' in task && task.isCurve ? computeCurve(task, x, found, state) : null
  return { curve, residuals: found.residuals, values: curve ? [] : found.predict() }
}

const hasValues = (found: ShownFit | undefined): found is ShownFit =>
  found?.free.every((name) => Number.isFinite(found.values[name])) === true

function computeCurve(
  task: FitTask,
  values: Float64Array,
  found: ShownFit,
  state: FitPageState,
): FittedCurve | null {
  const at = sampleX(values, state.logX, SAMPLES)
  if (at === null) return null
  const columns = columnsAt(task, at)
  const band = found.band(columns, { kind: bandKind(task, state) })
  return { x: at, y: found.predict(columns), ...band }
}

/** The columns for a curve. Columns of the distribution do not change it, so that any number serves. */
const columnsAt = ({ columns, names }: FitTask, at: Float64Array) =>
  Object.fromEntries(
    columns.map((name) => [name, name === names.x ? at : new Float64Array(at.length).fill(1)]),
  )

/** The curve of a small plot, without a band; null without a fit. */
export function computeLine(
  task: FitTask,
  { x }: Pick<TaskRows, 'x'>,
  found: Pick<ShownFit, 'free' | 'values' | 'predict'> | undefined,
  state: FitPageState,
  samples: number,
): Pick<FittedCurve, 'x' | 'y'> | null {
  if (!hasValues(found as ShownFit | undefined) || !task.isCurve || found === undefined) return null
  const at = sampleX(x, state.logX, samples)
  return at && { x: at, y: found.predict(columnsAt(task, at)) }
}

/** Values of x in equal steps of the axis; null if the axis can show none of the values. */
function sampleX(values: Float64Array, isLog: boolean, samples: number): Float64Array | null {
  const { position, invert } = getScale(isLog)
  const known = values.filter((x) => Number.isFinite(position(x)))
  if (known.length === 0) return null
  const [from, to] = [Math.min, Math.max].map((end) => position(known.reduce((a, b) => end(a, b), known[0])))
  return Float64Array.from({ length: samples }, (_, i) => invert(from + ((to - from) * i) / (samples - 1)))
}

/** The points that are drawn as open circles: the rows that the user left out, and outliers. */
export function openPoints(
  { x, y }: Pick<ChosenColumns, 'x' | 'y'>,
  rows: TaskRows,
  found: ShownFit | undefined,
): { x: number[]; y: number[] } {
  const marked = (found?.outliers ?? []).map(({ row }) => rows.kept[row])
  const all = [...rows.excluded, ...marked]
  return { x: all.map((row) => x.numbers[row]), y: all.map((row) => y.numbers[row]) }
}

/** The responses of filled points: outliers, which are open circles, have NaN. */
export function filledY({ y }: Pick<TaskRows, 'y'>, found: ShownFit | undefined): Float64Array {
  const outliers = found?.outliers ?? []
  if (outliers.length === 0) return y
  const filled = y.slice()
  for (const { row } of outliers) filled[row] = NaN
  return filled
}

/** Counts the points that a logarithmic axis cannot show. */
export function describeHiddenRows(rows: TaskRows | undefined, { logX, logY }: FitPageState): string {
  const isOff = (values: Float64Array | undefined, isLog: boolean, row: number) =>
    isLog && !((values?.[row] ?? NaN) > 0)
  const count = rows?.x.filter((_, row) => isOff(rows.x, logX, row) || isOff(rows.y, logY, row)).length
  return count
    ? `${count} of the points ${count === 1 ? 'is' : 'are'} not positive and cannot be drawn on a logarithmic axis.`
    : ''
}
