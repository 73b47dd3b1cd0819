/** Values that are carried from row to row, and their derivatives, with golden data on every engine. */

import { readFileSync } from 'node:fs'
import { exp } from 'antigrad/math'
import { describe, expect, test } from 'vitest'
import { runToEnd } from '../dist/core/slices.js'
import { Builder, differentiate, secondDerivatives } from '../dist/expressions/differentiate.js'
import { Expression } from '../dist/expressions/expression.js'
import { Graph } from '../dist/expressions/graph.js'
import { compile } from '../dist/expressions/program.js'
import { ProgramRunner } from '../dist/expressions/run.js'
import { followCarried } from '../dist/expressions/tangents.js'
import { digest, dtypes, withOneNaN } from './bits.js'
import { programOf, runProgram } from './program-runs.js'
import { graphOf, recurrences, rowNodes } from './recurrence-graphs.js'
import { waysToRun } from './support.js'

interface Golden {
  readonly name: string
  readonly parameters: readonly string[]
  readonly columns: readonly string[]
  readonly constants: Readonly<Record<string, number>>
  readonly tolerance: number
  readonly points: readonly {
    readonly parameters: Readonly<Record<string, number>>
    readonly value: number
    readonly gradient: Readonly<Record<string, number>>
  }[]
  readonly data: Readonly<Record<string, readonly number[]>>
}

const { cases }: { cases: readonly Golden[] } = JSON.parse(
  readFileSync(new URL('data/recurrences.json', import.meta.url), 'utf8'),
)
const ways = waysToRun(1)

/** A program that computes the value and the gradient of a recurrence. */
function compiled({ name, parameters, columns, constants }: Golden) {
  const { graph, root } = graphOf(recurrences[name], constants)
  const byRow = rowNodes(graph, columns)
  const { value, gradient } = differentiate(graph, root, parameters, (node) => byRow[node])
  return programOf(graph, [value, ...gradient], parameters, columns)
}

test('each recurrence of the golden data has formulas', () =>
  expect(cases.map(({ name }) => name)).toEqual(Object.keys(recurrences)))

describe.each(cases.map((golden) => [golden.name, golden] as const))('the recurrence “%s”', (_, golden) => {
  const { parameters, points, tolerance, data } = golden
  const program = compiled(golden)
  const columns = golden.columns.map((name) => data[name])
  const xs = points.map((point) => parameters.map((name) => point.parameters[name]))

  test('has the golden values and gradients', () => {
    const results = runProgram(program, { columns, points: xs }, { engine: 'typescript' })
    for (const [k, point] of points.entries()) {
      const [value, ...gradient] = results[k]
      expect(Math.abs(value - point.value)).toBeLessThan(tolerance * Math.abs(point.value))
      const wanted = parameters.map((name) => point.gradient[name])
      const scale = Math.max(...wanted.map(Math.abs))
      for (const [i, slope] of gradient.entries())
        expect(Math.abs(slope - wanted[i])).toBeLessThan(tolerance * scale)
    }
  })

  test('has a gradient that agrees with finite differences', () => {
    const at = (x: readonly number[]) =>
      runProgram(program, { columns, points: [x] }, { engine: 'typescript' })[0]
    const [, ...gradient] = at(xs[0])
    const scale = Math.max(...gradient.map(Math.abs))
    for (const [i, slope] of gradient.entries()) {
      const h = 1e-6 * Math.max(1e-2, Math.abs(xs[0][i]))
      const moved = (sign: number) => at(xs[0].with(i, xs[0][i] + sign * h))[0]
      expect(Math.abs((moved(1) - moved(-1)) / (2 * h) - slope)).toBeLessThan(1e-5 * scale)
    }
  })

  test.each(dtypes)('has the same bits on every engine and instruction set in %s', (dtype) => {
    const digests = ways.map((way) =>
      digest(runProgram(program, { columns, points: xs, dtype }, way).map(withOneNaN)),
    )
    expect(new Set(digests).size).toBe(1)
  })
})

describe('a carried value', () => {
  const rows = [[1, 2, 3, 4, 5]]
  /** The results of nodes on every engine, which agree. */
  const resultsOf = (
    make: (b: Builder, graph: Graph) => readonly number[],
    { columns = rows, point = [3] }: { columns?: readonly number[][]; point?: readonly number[] } = {},
  ) => {
    const graph = new Graph()
    const names = point.map((_, i) => `p${i}`)
    const program = programOf(graph, make(new Builder(graph), graph), names, columns.length > 0 ? ['t'] : [])
    const all = ways.map((way) => [...runProgram(program, { columns, points: [point] }, way)[0]])
    for (const found of all) expect(found).toEqual(all[0])
    const machine = new ProgramRunner(program, 'float64')
    const x = [...point, ...program.parameters.slice(point.length).map(() => 0)]
    machine.run(x, columns, columns[0]?.length ?? 0)
    const outputs = program.outputs.slice(point.length, -1).map((slot) => machine.slots[slot])
    expect(outputs).toEqual(all[0])
    runToEnd(machine.runInSlices(x, columns, columns[0]?.length ?? 0, false))
    expect(program.outputs.slice(point.length, -1).map((slot) => machine.slots[slot])).toEqual(outputs)
    return outputs
  }

  test.each([0, -0, 7, NaN])('starts at the constant %d', (initial) => {
    const found = resultsOf((b) => {
      const carried = b.carried(b.constant(initial))
      return [b.end(carried, carried), b.sum(b.multiply(carried, b.name('t')))]
    })
    expect(found).toEqual([initial, initial * 15 + 0])
  })

  test('starts at 0 without an initial value', () => {
    const found = resultsOf((b) => {
      const carried = b.carried()
      return [b.end(carried, b.add(carried, b.name('t')))]
    })
    expect(found).toEqual([15])
  })

  test('is updated in place, with or without an initial value', () => {
    const lengths = [false, true].map((isInitial) => {
      const graph = new Graph()
      const b = new Builder(graph)
      const carried = b.carried(isInitial ? b.name('p0') : undefined)
      const end = b.end(carried, b.multiply(b.operation('exp', b.name('t')), carried))
      return compile(graph, [end], ['p0'], ['t']).body.length
    })
    expect(lengths).toEqual([2, 2])
  })

  test('is updated even if the final value is unused', () => {
    const found = resultsOf((b) => {
      const carried = b.carried(b.multiply(b.name('p0'), b.name('p0')))
      b.end(carried, b.add(carried, b.one))
      return [b.sum(carried)]
    })
    expect(found).toEqual([9 + 10 + 11 + 12 + 13])
  })

  test('is constant without an update', () => {
    const found = resultsOf((b) => {
      const carried = b.carried(b.operation('exp', b.name('p0')))
      const later = b.multiply(b.name('t'), b.name('t'))
      return [b.sum(b.multiply(carried, b.name('t'))), b.sum(b.multiply(b.name('t'), later))]
    })
    expect(found).toEqual([[1, 2, 3, 4, 5].reduce((sum, t) => sum + t * exp(3), 0), 225])
  })

  test('has a final value that no row reads', () => {
    const found = resultsOf((b) => {
      const carried = b.carried(b.name('p0'))
      return [b.end(carried, b.multiply(b.name('t'), b.name('p0')))]
    })
    expect(found).toEqual([15])
  })

  test('can be exchanged with another carried value, or passed on, in any order', () => {
    const found = resultsOf((b) => {
      const [x, y] = [b.carried(b.one), b.carried(b.name('p0'))]
      const lags = [0, 0, 0].map(() => b.carried())
      const ends = [b.end(x, y), b.end(y, x), b.end(lags[0], b.name('t'))]
      return [...ends, b.end(lags[1], lags[0]), b.end(lags[2], lags[1]), b.sum(b.multiply(x, b.name('t')))]
    })
    expect(found).toEqual([3, 1, 5, 4, 3, 1 + 2 * 3 + 3 + 4 * 3 + 5])
  })

  test('is read by nodes that are created after the final value', () => {
    const found = resultsOf((b) => {
      const carried = b.carried(b.name('p0'))
      const end = b.end(carried, b.name('t'))
      return [end, b.sum(b.multiply(carried, b.name('t')))]
    })
    expect(found).toEqual([5, 3 + 2 + 6 + 12 + 20])
  })

  test('cannot start at a value of a row, and rows cannot read final values', () => {
    const graph = new Graph()
    const b = new Builder(graph)
    const t = b.name('t')
    const program = (node: number) => () => compile(graph, [node], [], ['t'])
    const early = b.carried(t)
    expect(program(b.sum(early))).toThrow('carried: an operand is computed too late')
    const late = new Graph()
    const c = new Builder(late)
    const carried = c.carried(c.sum(c.name('t')))
    expect(() => compile(late, [c.sum(carried)], [], ['t'])).toThrow(
      'carried: an operand is computed too late',
    )
    const last = new Graph()
    const d = new Builder(last)
    const value = d.carried()
    const end = d.end(value, d.name('t'))
    expect(() => compile(last, [d.sum(d.multiply(end, d.name('t')))], [], ['t'])).toThrow(
      'sum: an operand is computed too late',
    )
  })
})

describe('derivatives of carried values', () => {
  const columns = ['t']
  const data = [[0.3, -1.2, 0.7, 1.9]]
  /** The value and the gradient of a root on every engine, with derivatives by finite differences. */
  function slopes(make: (b: Builder) => number, point: readonly number[]) {
    const graph = new Graph(followCarried)
    const parameters = point.map((_, i) => `p${i}`)
    const root = make(new Builder(graph))
    const byRow = rowNodes(graph, columns)
    const { value, gradient } = differentiate(graph, root, parameters, (node) => byRow[node])
    const program = programOf(graph, [value, ...gradient], parameters, columns)
    const at = (x: readonly number[], way: (typeof ways)[number] = { engine: 'typescript' }) => [
      ...runProgram(program, { columns: data, points: [x] }, way)[0],
    ]
    const [, ...found] = at(point)
    for (const way of ways) expect(at(point, way).slice(1)).toEqual(found)
    const h = 1e-6
    const expected = point.map(
      (x, i) => (at(point.with(i, x + h))[0] - at(point.with(i, x - h))[0]) / (2 * h),
    )
    return { found, expected }
  }
  const agree = ({ found, expected }: ReturnType<typeof slopes>) => {
    for (const [i, slope] of found.entries()) expect(slope).toBeCloseTo(expected[i], 7)
  }

  test('pass through functions of sums and of final values', () =>
    agree(
      slopes(
        (b) => {
          const [p, q, t] = ['p0', 'p1', 't'].map((name) => b.name(name))
          const carried = b.carried(b.operation('sin', b.multiply(p, q)))
          const end = b.end(carried, b.add(b.multiply(p, carried), b.operation('exp', b.multiply(q, t))))
          const sum = b.sum(b.multiply(carried, b.operation('cos', b.add(carried, q))))
          return b.divide(
            b.operation('exp', b.multiply(sum, b.constant(0.1))),
            b.add(b.multiply(end, end), p),
          )
        },
        [0.4, 0.3],
      ),
    ))

  test('pass through values that are exchanged, and add to a sum over rows of the root', () =>
    agree(
      slopes(
        (b) => {
          const [p, q, t] = ['p0', 'p1', 't'].map((name) => b.name(name))
          const [x, y] = [b.carried(p), b.carried(b.multiply(q, q))]
          b.end(x, y)
          b.end(y, b.multiply(b.add(x, t), p))
          return b.add(b.multiply(b.multiply(x, y), t), b.multiply(p, b.add(q, x)))
        },
        [0.8, 0.6],
      ),
    ))

  test('are 0 with respect to parameters that do not move the value', () => {
    const { found } = slopes(
      (b) => {
        const carried = b.carried(b.name('p0'))
        b.end(carried, b.add(carried, b.name('t')))
        return b.add(carried, b.multiply(b.zero, b.name('p1')))
      },
      [2, 3],
    )
    expect(found).toEqual([4, 0])
  })

  test('ignore an infinite derivative of a value that is not selected', () => {
    const { found } = slopes(
      (b) => {
        const p = b.name('p0')
        // The derivative of the root is infinite at 0.
        const carried = b.carried(b.operation('sqrt', p))
        const isReset = b.operation('less', b.name('t'), b.constant(10))
        const end = b.end(carried, b.operation('select', isReset, p, b.multiply(carried, p)))
        return b.add(end, b.sum(b.operation('select', isReset, p, carried)))
      },
      [0],
    )
    expect(found).toEqual([5])
  })

  /** The sum of all parameters is carried. */
  function objective(count: number) {
    const graph = new Graph(followCarried)
    const b = new Builder(graph)
    const parameters = Array.from({ length: count }, (_, i) => `p${i}`)
    const sum = parameters.map((name) => b.name(name)).reduce((a, c) => b.add(a, c))
    const carried = b.carried(sum)
    b.end(carried, b.multiply(carried, b.name('t')))
    return { graph, root: b.sum(b.multiply(carried, carried)), parameters }
  }

  test('exist for at most 64 parameters', () => {
    const { graph, root, parameters } = objective(65)
    expect(() => differentiate(graph, root, parameters, () => false)).toThrow(
      'expression: expected at most 64 parameters if values are carried from row to row, got 65',
    )
    const most = objective(64)
    expect(differentiate(most.graph, most.root, most.parameters, () => false).gradient).toHaveLength(64)
    // Data alone can be carried with any number of parameters.
    const b = new Builder(graph)
    const mean = b.carried()
    b.end(mean, b.add(mean, b.name('t')))
    const sum = b.sum(b.multiply(mean, b.name('p0')))
    expect(differentiate(graph, sum, parameters, () => false).gradient).toHaveLength(65)
  })

  test('have no derivatives', () => {
    const { graph, root, parameters } = objective(2)
    expect(() => secondDerivatives(graph, root, parameters, false)).toThrow(
      'no second derivative of a carried value',
    )
  })

  test('serve expressions with data', () => {
    const golden = cases.find(({ name }) => name === 'logistic map') as Golden
    const names = [...golden.parameters, ...golden.columns]
    const e = new Expression('logistic map', { ...graphOf(recurrences[golden.name]), names })
    const bound = e.with(golden.data as never)
    const [{ parameters, value, gradient }] = golden.points
    const x = golden.parameters.map((name) => parameters[name])
    const found = new Float64Array(2)
    bound.gradient(x, found)
    expect(bound.value(x) / value).toBeCloseTo(1, 11)
    for (const [i, name] of golden.parameters.entries()) expect(found[i] / gradient[name]).toBeCloseTo(1, 10)
    expect(() => bound.hessian(x, found)).toThrow('no second derivative of a carried value')
  })
})
