/** Programs of named lines. */

import { describe, expect, test } from 'vitest'
import { Builder } from '../dist/expressions/differentiate.js'
import { Graph } from '../dist/expressions/graph.js'
import { defineLines } from '../dist/expressions/lines.js'
import { compile } from '../dist/expressions/program.js'
import { ProgramRunner } from '../dist/expressions/run.js'

/** The values of lines at a point. */
function valuesOf(text: string, wanted: readonly string[], at: Readonly<Record<string, number>>) {
  const graph = new Graph()
  const names = Object.keys(at)
  const nodes = Object.fromEntries(names.map((name) => [name, graph.name(name)]))
  const lines = defineLines(text)(new Builder(graph), nodes)
  const program = compile(
    graph,
    wanted.map((name) => lines[name]),
    names,
    [],
  )
  const runner = new ProgramRunner(program, 'float64')
  runner.run(Object.values(at), [], 0)
  return Array.from(program.outputs, (slot) => runner.slots[slot])
}

describe('the lines of a compiled step', () => {
  test('can contain names, results of earlier lines, numbers as conditions, and comments', () => {
    const text = `
      # Nielsen's factor
      gain = (before - cost)/predicted
      miss = 2*gain - 1
      factor = max(1/3, 1 - miss*miss*miss)   # of λ
      isBetter = cost < before
      next = isBetter && flag ? factor : -factor
      other = !flag || isBetter
    `
    const at = (flag: number) => ({ before: 5, cost: 3, predicted: 4, flag })
    expect(valuesOf(text, ['gain', 'factor', 'next', 'other'], at(1))).toEqual([0.5, 1, 1, 1])
    expect(valuesOf(text, ['next', 'other'], at(0))).toEqual([-1, 1])
  })

  test('omit a conditional branch that a constant condition excludes', () => {
    const graph = new Graph()
    const b = new Builder(graph)
    const { chosen, product } = defineLines('chosen = flag ? x : y\nproduct = one*x')(b, {
      flag: b.zero,
      one: b.one,
      x: graph.name('x'),
      y: graph.name('y'),
    })
    expect([chosen, product]).toEqual([graph.name('y'), graph.name('x')])
  })

  test('cause an error if a name is undefined or the text is invalid', () => {
    const write = (text: string) => () => defineLines(text)(new Builder(new Graph()), {})
    expect(write('a = b + 1')).toThrow('a line uses b, which is not defined')
    expect(write('a = 1 +')).toThrow(/expected a number, a name or \(/)
  })
})
