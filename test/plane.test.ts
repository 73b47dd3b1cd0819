/**
 * Passes over the whole plane of an arena: accumulation, averages and lookahead, compared with a plain loop. The bits
 * are the same on every engine, in one pass and in ranges.
 */

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Arena } from '../dist/arena/arena.js'
import * as manifest from '../dist/arena/manifest.js'
import type { Engine, Runner } from '../dist/engines/engine.js'
import { native, report } from '../dist/engines/native.js'
import { typescript } from '../dist/engines/typescript.js'
import { wasm } from '../dist/engines/wasm.js'
import { runInSlices } from '../dist/step/slices.js'
import { type Dtype, dtypes, noise, roundOf } from './helpers.js'
import { firstDifference } from './support.js'

const { ACCUMULATE, ACCUMULATED, AVERAGE, AVERAGING, BLOCK, GRADIENTS, PARAMETERS } = manifest
const { PIPELINE, PIPELINE_DECAY, PIPELINE_L2, PIPELINE_LIMIT, PIPELINE_SCALE } = manifest
const { RELEASE, SLOW, SYNCHRONIZE, UNITS } = manifest
const planes = [ACCUMULATED, AVERAGE, SLOW]
const stages = [ACCUMULATE, RELEASE, AVERAGING, SYNCHRONIZE]
const own = new Map([
  [ACCUMULATE, ACCUMULATED],
  [RELEASE, ACCUMULATED],
  [AVERAGING, AVERAGE],
  [SYNCHRONIZE, SLOW],
])
const arrays = [PARAMETERS, GRADIENTS, ...planes]

const forced = (engine: Engine, instructionSet?: string, threads = 1) => ({
  name: [engine.name, instructionSet, threads].join(' '),
  engine,
  instructionSet,
  threads,
})
const variants = [
  ...report().instructionSets.map((set) => forced(native, set)),
  forced(native, undefined, 3),
  forced(wasm),
  forced(typescript),
]

const odd = [0, -0, Infinity, NaN, 1e-40, -1e30]

/** An arena whose plane row also contains pipeline coefficients, which must have no effect. */
function make(
  dtype: Dtype,
  lengths: readonly number[],
  stays: readonly boolean[],
  weight: number,
  has = planes,
) {
  const families = [{ tensors: lengths.length, state: ['m'], byTensor: [], coefficients: 0 }]
  const arena = new Arena(dtype, lengths, families, has)
  const row = arena.row(lengths.length)
  row[PIPELINE_SCALE] = -0.5
  row[PIPELINE_LIMIT] = 0.1
  row[PIPELINE_L2] = 0.1
  row[PIPELINE_DECAY] = 0.9
  row[PIPELINE] = weight
  arena.zeroesGradients = true
  lengths.forEach((length, i) => {
    arena.setStays(i, true)
    arena.setStays(i, stays[i])
    for (const array of [PARAMETERS, GRADIENTS, ...has]) {
      const values = noise(10 * i + array, length, dtype)
      for (let k = array; k < length; k += 7) values[k] = odd[k % odd.length]
      arena.view(array, i).set(values)
    }
  })
  return arena
}

/** Whether two arenas have the same bits in all tensors. */
const agree = (a: Arena, b: Arena) =>
  arrays.every((array) =>
    a.lengths.every((_, i) => firstDifference(a.view(array, i), b.view(array, i)) === -1),
  )

/** The equations of the stages, written independently of the library. */
function plain(arena: Arena, stage: number, stays: readonly boolean[], weight: number): void {
  const f = roundOf[arena.dtype]
  const w = f(weight)
  arena.lengths.forEach((length, i) => {
    if (stays[i]) return
    const [theta, g] = [arena.view(PARAMETERS, i), arena.view(GRADIENTS, i)]
    const x = arena.view(own.get(stage) as number, i)
    for (let k = 0; k < length; k++) {
      if (stage === ACCUMULATE) x[k] = f(x[k] + g[k])
      if (stage === RELEASE) {
        g[k] = f(x[k] + g[k])
        x[k] = 0
      }
      if (stage === AVERAGING || stage === SYNCHRONIZE) x[k] = f(x[k] + f(w * f(theta[k] - x[k])))
      if (stage === SYNCHRONIZE) theta[k] = x[k]
    }
  })
}

/** Runs the stage in ranges, starting with the last range. */
function runBackwards(arena: Arena, runner: Runner, stage: number): void {
  for (let block = Math.ceil(arena.length / BLOCK) - 1; block >= 0; block--) {
    runner.runRange(stage, block * BLOCK, Math.min((block + 1) * BLOCK, arena.length))
  }
  runner.gather(stage)
}

/** Lengths with their flags: small ones, and some that cross block boundaries. */
const tensors = fc.array(
  fc.tuple(
    fc.oneof(
      { weight: 8, arbitrary: fc.nat(70) },
      { weight: 1, arbitrary: fc.integer({ min: BLOCK - 20, max: 3 * BLOCK }) },
    ),
    fc.boolean(),
  ),
  { minLength: 1, maxLength: 9 },
)

describe.each(variants)(
  'an update pass of the TypeScript engine on $name',
  ({ engine, instructionSet, threads }) => {
    const attach = (arena: Arena) => engine.attach(arena, { instructionSet, threads })

    test.each(dtypes)('computes the same bits as a plain loop, %s', (dtype) => {
      const property = fc.property(tensors, fc.double({ min: 0, max: 1, noNaN: true }), (list, weight) => {
        const [lengths, stays] = [list.map(([length]) => length), list.map(([, stays]) => stays)]
        for (const isWhole of [true, false]) {
          const [arena, expected] = [make(dtype, lengths, stays, weight), make(dtype, lengths, stays, weight)]
          const runner = attach(arena)
          // The passes run one after the other, so each pass starts from the results of the previous passes.
          for (const stage of [...stages, ...stages]) {
            if (isWhole) runner.run(stage)
            else runBackwards(arena, runner, stage)
            plain(expected, stage, stays, weight)
            expect(agree(arena, expected), `stage ${stage}`).toBe(true)
          }
          const padding = (array: number) => {
            const plane = arena.elements(array).slice()
            lengths.forEach((length, i) => {
              plane.fill(0, arena.offsets[i], arena.offsets[i] + length)
            })
            return plane.every((x) => x === 0)
          }
          expect(arrays.every(padding)).toBe(true)
        }
      })
      fc.assert(property, { numRuns: 40, seed: 4 })
    })

    test('throws an error before any change if an array is missing', () => {
      for (const stage of stages) {
        for (const stays of [false, true]) {
          const has = planes.filter((array) => array !== own.get(stage))
          const arena = make('float32', [40, 3], [stays, stays], 0.5, has)
          const runner = attach(arena)
          const before = arena.words.slice()
          const theta = arena.elements(PARAMETERS).slice()
          expect(() => runner.run(stage)).toThrow('overwritten')
          expect(() => runner.runRange(stage, 0, arena.length)).toThrow('overwritten')
          expect(arena.words).toEqual(before)
          expect(arena.elements(PARAMETERS)).toEqual(theta)
        }
      }
      expect(() => attach(make('float32', [40], [false], 0.5)).run(UNITS + 1)).toThrow('overwritten')
    })
  },
)

test('an update pass computes the same bits in slices as in one piece', async () => {
  const lengths = [100, 9 * BLOCK, 5, 3 * BLOCK]
  const stays = [false, false, true, false]
  const [arena, expected] = [make('float32', lengths, stays, 0.25), make('float32', lengths, stays, 0.25)]
  const runner = wasm.attach(arena, {})
  for (const stage of stages) {
    await runInSlices(arena, runner, stage)
    plain(expected, stage, stays, 0.25)
  }
  expect(agree(arena, expected)).toBe(true)
})

test('the optimizer allocates no memory for state arrays that a rule does not request', () => {
  const bytes = (has: number[]) => make('float64', [1000], [false], 0.5, has).region.byteLength
  expect(bytes([AVERAGE]) - bytes([])).toBeGreaterThanOrEqual(8000)
  expect(bytes(planes) - bytes([])).toBeLessThan(8000 * 3 + 3 * 4096)
  const two = make('float64', [2], [false], 0.5, [])
  expect(planes.map((array) => two.elements(array).length)).toEqual([0, 0, 0])
})

test("each kernel has a hash of the kernel's source files", () => {
  const kernels = Object.entries(manifest).filter(([name]) => name.endsWith('Kernel'))
  const sources = kernels.map(([, kernel]) => (kernel as { source: number }).source)
  expect(kernels.length).toBeGreaterThan(10)
  expect(sources.every((source) => Number.isInteger(source) && source > 0)).toBe(true)
  // Hashes are per file: Adam's kernels share one, and momentum has another.
  expect(manifest.AdamKernel.source).toBe(manifest.AmsGradKernel.source as number)
  expect(manifest.AdamKernel.source).not.toBe(manifest.MomentumKernel.source)
})
