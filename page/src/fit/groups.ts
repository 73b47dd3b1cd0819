/** Groups of rows with the same label. */

import type { TaskRows } from './task.js'

export interface RowGroup {
  readonly name: string
  readonly rows: TaskRows
}

/** Groups rows by label, in order of first appearance. Without labels, all rows form one unnamed group. */
export function groupRows(rows: TaskRows, texts: readonly string[] | undefined): RowGroup[] {
  if (texts === undefined) return [{ name: '', rows }]
  const places = new Map<string, number[]>()
  for (const [i, row] of rows.kept.entries()) {
    const name = texts[row]
    const others = places.get(name)
    if (others === undefined) places.set(name, [i])
    else others.push(i)
  }
  const outOf = (name: string) => rows.excluded.filter((row) => texts[row] === name)
  return [...places].map(([name, own]) => {
    const compute = (numbers: Float64Array) => Float64Array.from(own, (i) => numbers[i])
    const orNot = (numbers: Float64Array | undefined) =>
      numbers === undefined ? undefined : compute(numbers)
    const { data, sigma, weights, x, y, kept } = rows
    return {
      name,
      rows: {
        data: Object.fromEntries(Object.entries(data).map(([key, numbers]) => [key, compute(numbers)])),
        sigma: orNot(sigma),
        weights: orNot(weights),
        x: compute(x),
        y: compute(y),
        kept: own.map((i) => kept[i]),
        excluded: outOf(name),
        leftOut: [],
      },
    }
  })
}
