/** The tables of the examples. This module is loaded when another example is chosen. */

import { example, makeNoise } from './example.js'
import type { ExampleName } from './example-list.js'

const indices = (length: number) => Array.from({ length }, (_, i) => i)
const ROWS = 'ABCDEFGH'

/** Tables by example, as text that the page reads like a pasted table. */
export const tables: Readonly<Record<ExampleName, () => string>> = {
  decay: example,
  doses,
  plate,
  spectrum,
  standards,
}

/** Eight compounds, one per row of the plate, at ten doses. Compound G has no effect, and one well is an outlier. */
function doses(): string {
  const noise = makeNoise(11)
  const values = indices(10).map((k) => Number((1e-3 * 10 ** (k / 1.8)).toPrecision(2)))
  const ec50 = [0.02, 0.08, 0.3, 0.9, 2.5, 0.5, 1, 0.15]
  const rows = [...ROWS].map((name, i) => {
    const responses = values.map((dose, k) => {
      const effect = name === 'G' ? 0 : 96 / (1 + (ec50[i] / dose) ** (0.8 + 0.1 * i))
      const outlier = name === 'C' && k === 8 ? -40 : 0
      return (4 + effect + outlier + 2.2 * noise()).toFixed(1)
    })
    return [`compound ${name}`, ...responses].join('\t')
  })
  return [['compound', ...values].join('\t'), ...rows].join('\n')
}

/** Growth in 96 wells, measured 16 times. The last column of the plate has no cells. */
function plate(): string {
  const noise = makeNoise(5)
  const wells = [...ROWS].flatMap((row, i) => indices(12).map((k) => ({ name: `${row}${k + 1}`, i, k })))
  const lines = indices(16).map((time) => {
    const values = wells.map(({ i, k }) => {
      const rate = 0.5 + 0.09 * i
      const growth = k === 11 ? 0 : (1.1 - 0.06 * k) / (1 + Math.exp(-rate * (time - 6 - 0.25 * k)))
      return (growth + 0.012 * noise()).toFixed(3)
    })
    return [time, ...values].join('\t')
  })
  return [['hours', ...wells.map(({ name }) => name)].join('\t'), ...lines].join('\n')
}

/** A spectrum of three peaks on a constant baseline. Two of the peaks overlap. */
function spectrum(): string {
  const noise = makeNoise(29)
  const peaks = [
    [9, 22, 2.1],
    [14, 41, 2.6],
    [8, 47.5, 2.4],
  ]
  const row = (x: number) => {
    const sum = peaks.reduce(
      (sum, [height, at, width]) => sum + height * Math.exp(-(((x - at) / width) ** 2) / 2),
      0,
    )
    return `${x},${(3 + sum + 0.35 * noise()).toFixed(3)}`
  }
  return ['energy,counts', ...indices(161).map((i) => row(i / 2))].join('\n')
}

/** Standards of an immunoassay in duplicate. */
function standards(): string {
  const noise = makeNoise(3)
  const levels = [0.05, 0.15, 0.5, 1.5, 5, 15, 50, 150]
  const rows = levels.flatMap((dose) =>
    indices(2).map(() => `${dose},${(0.08 + 2.4 / (1 + (6 / dose) ** 1.1) + 0.025 * noise()).toFixed(3)}`),
  )
  return ['ng_per_mL,absorbance', ...rows].join('\n')
}
