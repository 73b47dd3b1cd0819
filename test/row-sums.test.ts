/** Sums over rows: fits, evaluations, `minimize`, `minimizeMany` and `standardErrors` add rows in one order. */

import {
  adam,
  expression,
  type MinimizeManyOptions,
  minimize,
  minimizeManySync,
  standardErrors,
} from 'antigrad'
import { describe, expect, test } from 'vitest'
import { BLOCK_OF_RUNS } from '../dist/arena/manifest.js'
import { runToEnd } from '../dist/core/slices.js'
import { parse } from '../dist/expressions/parse.js'
import { compile } from '../dist/expressions/program.js'
import { rowsOfPiece } from '../dist/expressions/run.js'

import { Batch } from '../dist/many/batch/batch.js'
import { selectRunner } from '../dist/many/engines/engines.js'
import { programShape } from '../dist/many/engines/program-batch.js'
import { wasmModule } from '../dist/webassembly/many.js'
import { arrayOf, type Dtype, inBits, random, roundOf } from './helpers.js'
import { waysToRun } from './support.js'

const next = random(37)
const columns = (rows: number) => {
  const t = Float64Array.from({ length: rows }, () => 3 * next())
  return { t, y: t.map((at) => 0.7 + 1.3 * at + next() - 0.5) }
}
const lengths = [255, 256, 257, 1000, 5000]
const data = new Map(lengths.map((rows) => [rows, columns(rows)] as const))
const text = expression('(y - (a + b*t))^2')
const ways = waysToRun(2)

/** The sum of terms in the order that docs/fits-method.md defines. */
function sumOf(terms: readonly number[], round: (x: number) => number): number {
  if (terms.length < BLOCK_OF_RUNS) return terms.reduce((sum, term) => round(sum + term), 0)
  const piece = rowsOfPiece(terms.length)
  let total = 0
  for (let begin = 0; begin < terms.length; begin += piece) {
    const rows = terms.slice(begin, begin + piece)
    const rest = rows.length % BLOCK_OF_RUNS
    const lanes = new Array<number>(BLOCK_OF_RUNS).fill(0)
    const add = (term: number, row: number) => {
      lanes[row % BLOCK_OF_RUNS] = round(lanes[row % BLOCK_OF_RUNS] + term)
    }
    rows.slice(rows.length - rest).forEach(add)
    rows.slice(0, rows.length - rest).forEach(add)
    for (let half = BLOCK_OF_RUNS / 2; half >= 1; half /= 2)
      for (let k = 0; k < half; k++) lanes[k] = round(lanes[k] + lanes[half + k])
    total = round(total + lanes[0])
  }
  return total
}

function squares(rows: number, { 0: a, 1: b }: ArrayLike<number>, round: (x: number) => number): number[] {
  const { t, y } = data.get(rows) as ReturnType<typeof columns>
  return Array.from(t, (at, k) => {
    const residual = round(round(y[k]) - round(a + round(b * round(at))))
    return round(residual * residual)
  })
}

/** The sum, computed as by the programs of fits, whose outputs become the next parameters. */
function inProgram(rows: number, at: readonly number[], way: (typeof ways)[number]): number {
  const { graph, root } = parse(text.text)
  const columns = Object.entries(data.get(rows) ?? {}).map(([, numbers]) => ({ numbers, offsets: null }))
  const [parameters, names] = [
    ['a', 'b'],
    ['t', 'y'],
  ]
  const sum = graph.sum(root)
  const program = compile(graph, [sum, sum, graph.constant(1)], parameters, names)
  const runs = Uint32Array.of(0)
  const one = { cohorts: 1, lanes: BLOCK_OF_RUNS, updates: 1, maxUpdates: 1, scratches: 1 }
  const batch = new Batch(programShape(program, { ...one, runs, data: columns, rows }))
  runToEnd(batch.fill({ runs, data: columns, x: at, starts: [], box: null }))
  batch.set('updates', 1)
  selectRunner(way, wasmModule).runner.advance(batch)
  return batch.results().x[0][0]
}

describe.each(lengths)('%i rows', (rows) => {
  const bound = text.with(data.get(rows) as ReturnType<typeof columns>)

  test.each(['float32', 'float64'] as const)(
    'have one order of sums in %s on every engine',
    (dtype: Dtype) => {
      const round = roundOf[dtype]
      const start = arrayOf[dtype].of(0.25, 0.75)
      expect(bound.value(start)).toBe(sumOf(squares(rows, start, round), round))
      const rule = adam({ lr: 0.03 })
      const { t, y } = data.get(rows) as ReturnType<typeof columns>
      const shared = { data: { t, y }, maxIterations: 90 }
      const byRun = { ...shared, data: { t, y: [y, y.map((at) => at + 1), y] } }
      const starts = { a: arrayOf[dtype].of(0.25, 1, 0.25), b: arrayOf[dtype].of(0.75, 1, 0.75) }
      const results = ways.flatMap((way) => {
        const one = minimize(bound, start, rule, { ...way, maxIterations: 90 })
        expect(one.value).toBe(sumOf(squares(rows, one.x, round), round))
        const both: MinimizeManyOptions[] = [shared, byRun]
        const many = both.map((options) => minimizeManySync(text, starts, rule, { ...options, ...way }))
        const of = many.flatMap(({ x, value, gradientNorm, iterations }) =>
          [0, 2].map((run) => [
            arrayOf[dtype].of(x.a[run], x.b[run]),
            value[run],
            gradientNorm[run],
            iterations[run],
          ]),
        )
        return [[one.x, one.value, one.gradientNorm, one.iterations], ...of].map(inBits)
      })
      expect(new Set(results).size).toBe(1)
    },
  )

  test('have the same order in programs of solvers and in standard errors', () => {
    const { t } = data.get(rows) as ReturnType<typeof columns>
    const at = [0.7, 1.3]
    for (const way of ways) expect(inProgram(rows, at, way)).toBe(bound.value(at))
    const sum = (terms: Iterable<number>) => sumOf([...terms], (x) => x)
    const hessian = (_: unknown, out: { [i: number]: number }) => {
      out[0] = 2 * rows
      out[1] = out[2] = 2 * sum(t)
      out[3] = 2 * sum(t.map((at) => at * at))
    }
    const gradient = (x: ArrayLike<number>, out: { [i: number]: number }) =>
      bound.gradient(x, out as Float64Array)
    const value = (x: ArrayLike<number>) => sum(squares(rows, x, (one) => one))
    const options = { kind: 'sum-of-squares', observations: rows } as const
    expect(inBits(standardErrors(bound, at, options))).toBe(
      inBits(standardErrors({ value, gradient, hessian }, at, options)),
    )
  })
})
