/**
 * A rule's coefficients are written at the positions that the rule's kernels define, in any order. Each Rust file
 * defines its own positions.
 */

import { expect, test } from 'vitest'
import type { Kernel } from '../dist/arena/kernel.js'
import { PIPELINE } from '../dist/arena/manifest.js'
import { CoefficientRows } from '../dist/many/batch/coefficients.js'
import { resolve } from '../dist/rules/resolve.js'
import { rules } from './helpers.js'

type Positions = Record<string, number>
const forms = rules.map(([title, rule]) => ({ title, resolved: resolve(rule) }))
type Resolved = (typeof forms)[number]['resolved']

/** The kernels of a rule's steps. All of them share a row of coefficients. */
const stagesOf = ({ definition, rule }: Resolved): readonly Kernel[] => {
  const point = definition.point(rule as never)
  return [...definition.stages(rule as never), ...(point ? [point] : [])]
}
const positionsOf = (kernels: readonly Kernel[]): Positions =>
  Object.assign({}, ...kernels.map(({ row }) => row))

/** The kernels of a rule and of the rule's other forms, if the same names have the same positions. */
function kernelsOf(resolved: Resolved): Kernel[] {
  const stages = stagesOf(resolved)
  const positions = positionsOf(stages)
  const agrees = ({ row }: Kernel) =>
    Object.entries(row).every(([name, at]) => (positions[name] ?? at) === at)
  return [...new Set([...stages, ...resolved.definition.kernels.filter(agrees)])]
}

/** The coefficients of three updates, by name. */
function writtenBy(resolved: Resolved) {
  const { definition } = resolved
  const length = PIPELINE + definition.coefficientCount
  const rows = new Float64Array(3 * length).fill(NaN)
  new CoefficientRows(resolved, 1e300, 'float64').write(rows, 3, length)
  const positions = Object.entries(positionsOf(stagesOf(resolved)))
  return [0, 1, 2].map((k) =>
    Object.fromEntries(positions.map(([name, at]) => [name, rows[k * length + at]])),
  )
}

/** Runs work while all kernels have their coefficients in another common order. */
function whileRotated<T>(kernels: readonly Kernel[], work: () => T): T {
  const names = Object.entries(positionsOf(kernels)).sort(([, a], [, b]) => a - b)
  const next = Object.fromEntries(names.map(([name], i) => [name, names[(i + 1) % names.length][1]]))
  const before = kernels.map(({ row }) => ({ ...row }))
  for (const { row } of kernels) for (const name in row) (row as Positions)[name] = next[name]
  try {
    return work()
  } finally {
    kernels.forEach(({ row }, k) => {
      Object.assign(row, before[k])
    })
  }
}

test.each(forms)(
  'kernels that share a row of coefficients use the same positions in the row: $title',
  ({ resolved }) => {
    const kernels = stagesOf(resolved)
    const positions = positionsOf(kernels)
    for (const { name, row } of kernels) expect({ ...positions, ...row }, name).toEqual(positions)
  },
)

test.each(forms)(
  'an update stores coefficients at the positions that its kernel reads: $title',
  ({ resolved }) => {
    const expected = writtenBy(resolved)
    const received = whileRotated(kernelsOf(resolved), () => writtenBy(resolved))
    expect(received).toEqual(expected)
  },
)
