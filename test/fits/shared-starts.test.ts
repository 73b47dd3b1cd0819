/** Several starts of shared fits: the least costs that SciPy finds on plates with outliers. */

import { readFileSync } from 'node:fs'
import { engines, expression } from 'antigrad'
import { fitShared, fitSharedSync, models, type SharedOptions } from 'antigrad/fit'
import { describe, expect, test } from 'vitest'
import { engineNames, inBits, random } from '../helpers.js'

interface Plate {
  readonly wells: readonly {
    readonly kind: string
    readonly x: readonly number[]
    readonly y: readonly number[]
  }[]
  readonly costs: Readonly<Record<'squared' | 'softL1' | 'huber', number>>
}

/** Written by test/data/shared_plates.py. */
const { noise, plates } = JSON.parse(
  readFileSync(new URL('../data/shared-plates.json', import.meta.url), 'utf8'),
) as { readonly noise: number; readonly plates: readonly Plate[] }

const columns = ({ wells }: Plate) => ({ x: wells.map(({ x }) => x), y: wells.map(({ y }) => y) })
const optionsOf = (loss: keyof Plate['costs']): SharedOptions => ({
  shared: ['top', 'bottom'],
  threads: 1,
  loss,
  ...(loss !== 'squared' && { lossScale: noise }),
})

describe.each(['squared', 'softL1', 'huber'] as const)('a plate with outliers (%s)', (loss) => {
  test.each([0, 1, 2])("ends at most 1e-6 above SciPy's least cost (plate %i)", (k) => {
    const found = fitSharedSync(models.fourPL(), columns(plates[k]), optionsOf(loss))
    expect(found.reason, found.message).toBe('converged')
    expect(found.chiSquared / plates[k].costs[loss] - 1).toBeLessThan(1e-6)
    expect(found.starts).toBeGreaterThan(1)
    expect(found.message).toContain('groups are identifiable')
    const { length } = plates[k].wells.filter(({ x }) => x.length < 2)
    const few = found.groups.filter((_, group) => found.at(group).reason === 'too-few-points')
    expect(few.length).toBe(length)
  })
})

test('restarted fits have the same bits on all engines, and with any number of threads', async () => {
  const look = ({
    values,
    errors,
    chiSquared,
    evaluations,
    starts,
    message,
  }: ReturnType<typeof fitSharedSync>) => inBits({ values, errors, chiSquared, evaluations, starts, message })
  const given = optionsOf('softL1')
  const first = look(fitSharedSync(models.fourPL(), columns(plates[1]), { ...given, engine: 'typescript' }))
  for (const engine of engineNames) {
    if (!engines()[engine].available) continue
    for (const threads of engine === 'native' ? [1, 2] : [1]) {
      const other = await fitShared(models.fourPL(), columns(plates[1]), { ...given, engine, threads })
      expect(look(other), engine).toBe(first)
    }
  }
})

test('the order of rows in a table does not change the minimum', () => {
  const rows = plates[0].wells.flatMap(({ x, y }, k) => x.map((at, row) => [`w${k}`, at, y[row]] as const))
  const next = random(5)
  const shuffled = rows.map((row) => [next(), row] as const).sort(([a], [b]) => a - b)
  const data = {
    well: shuffled.map(([, [well]]) => well),
    x: shuffled.map(([, [, x]]) => x),
    y: shuffled.map(([, [, , y]]) => y),
  }
  const found = fitSharedSync(models.fourPL(), data, { ...optionsOf('huber'), group: 'well' })
  expect(found.chiSquared / plates[0].costs.huber - 1).toBeLessThan(1e-6)
})

test('a clean plate has one start, and the limit of evaluations holds', () => {
  const next = random(3)
  const x = [0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100]
  const y = Array.from({ length: 12 }, (_, k) =>
    x.map((at) => 2 + 98 / (1 + ((k + 1) / 3 / at) ** 1.2) + next()),
  )
  const clean = fitSharedSync(models.fourPL(), { x, y }, { shared: ['top', 'bottom'] })
  expect([clean.reason, clean.starts, clean.message]).toEqual(['converged', 1, ''])
  const limited = fitSharedSync(models.fourPL(), columns(plates[2]), {
    ...optionsOf('huber'),
    maxIterations: 20,
  })
  expect(limited.evaluations).toBeLessThan(30)
  expect(limited.reason).not.toBe('converged')
})

test('models of positive parameters, bounds and subsets restart', () => {
  const { x, y } = columns(plates[0])
  const plate = x.map((_, k) => (k % 2 === 0 ? 'p' : 'q'))
  const start = { ec50: { positive: true }, slope: { min: -50, max: 50 } }
  const { shared, ...given } = optionsOf('softL1')
  const found = fitSharedSync(
    models.fourPL(),
    { x, y, plate },
    { ...given, sharedBy: { top: 'plate', bottom: 'plate' }, start },
  )
  expect(found.reason, found.message).toBe('converged')
  // Plates with plateaus of their own fit at least as well.
  expect(found.chiSquared / plates[0].costs.softL1).toBeLessThan(1)
  expect(Array.from(found.values.local.slope).every((slope) => !(Math.abs(slope) > 50))).toBe(true)
})

test('an expression without a guess does not restart if it converges', () => {
  const text = expression('a*exp(-k*x) + c')
  const x = [0, 1, 2, 3, 4, 5]
  const y = [5, 9].map((a) => x.map((at) => a * Math.exp(-0.7 * at) + 0.1 * Math.sin(7 * at)))
  const found = fitSharedSync(text, { x, y }, { shared: ['k'], start: { a: 4, k: 1, c: 0 }, loss: 'huber' })
  expect([found.reason, found.starts]).toEqual(['converged', 1])
})
