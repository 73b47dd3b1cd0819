/**
 * Two instructions that the native engine performs in one loop have the bits of separate instructions. Programs here are
 * random instructions on few slots, so instructions read each other's results in every way.
 */

import { engines } from 'antigrad'
import { expect, test } from 'vitest'
import { OPERATIONS } from '../dist/arena/manifest.js'
import { Graph } from '../dist/expressions/graph.js'
import { type Code, operations } from '../dist/expressions/operations.js'
import type { Program } from '../dist/expressions/program.js'
import type { Instruction } from '../dist/expressions/steps.js'
import { bits, dtypes } from './helpers.js'
import { programOf, runProgram } from './program-runs.js'

/** Most operations of pairs. `exp` is drawn rarely, because exponentials of exponentials overflow. */
const codes: readonly Code[] = [
  ...(['add', 'subtract', 'multiply', 'multiplyAdd', 'multiplyMultiply', 'subtractMultiply'] as const),
  ...(['addSubtract', 'divide', 'negate', 'select'] as const),
]
const PARAMETERS = 3
const RESULTS = 6
/** Instructions of each section. */
const LENGTH = 120

/** Mulberry32. */
function random(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), state | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) % below
  }
}

/** A program whose sections are random instructions. Half of the operands are results of the instruction before. */
function draw(seed: number): Program {
  const of = random(seed)
  const graph = new Graph()
  const [a, b, c, t, u] = ['a', 'b', 'c', 't', 'u'].map((name) => graph.name(name))
  const nodes = Array.from({ length: RESULTS }, (_, k) =>
    graph.sum(graph.operation('add', graph.operation('multiply', a, t), graph.constant(k + 0.3))),
  )
  nodes[0] = graph.operation('add', nodes[0], graph.operation('multiply', b, c))
  nodes[1] = graph.operation('add', nodes[1], graph.sum(u))
  const program = programOf(graph, nodes, ['a', 'b', 'c'], ['t', 'u'])
  const inputs = program.parameters.length + program.columns.length + program.constants.length
  const readable = [
    ...[0, 1, 2].slice(0, PARAMETERS),
    ...Array.from(
      { length: program.slots - program.parameters.length },
      (_, k) => k + program.parameters.length,
    ),
  ]
  const section = (): Instruction[] => {
    let last = inputs
    return Array.from({ length: LENGTH }, () => {
      const code = of(12) === 0 ? 'exp' : codes[of(codes.length)]
      const from = [0, 1, 2, 3].map((k) =>
        k >= operations[code][0] ? 0 : of(2) === 0 ? last : readable[of(readable.length)],
      )
      last = of(3) === 0 ? last : inputs + of(program.slots - inputs)
      return [OPERATIONS.indexOf(code), last, from[0], from[1], from[2], from[3]]
    })
  }
  return {
    ...program,
    head: [...section(), ...program.head],
    body: section(),
    tail: [...section(), ...program.tail],
  }
}

const canonical = (points: readonly (Float32Array | Float64Array)[]) =>
  points.map((x) => bits(x.map((value) => (Number.isNaN(value) ? NaN : value))))

test.each(dtypes)('joined instructions have the same bits on every engine in %s', (dtype) => {
  const sets = engines().native.instructionSets
  expect(sets.length).toBeGreaterThan(1)
  let finite = 0
  for (const [seed, runs] of [1, 2, 7, 8, 9, 31, 33, 45, 64, 200, 256, 300].entries()) {
    const program = draw(seed)
    const points = Array.from({ length: runs }, (_, run) => [
      0.9 - run / 300,
      (run % 7) / 5 - 0.4,
      1 / (run + 2),
    ])
    const data = {
      columns: [
        [0.5, -0.25, 1.5],
        [1, -0.125, 0.75],
      ],
      points,
      dtype,
    }
    const expected = canonical(runProgram(program, data, { engine: 'typescript' }))
    finite += runProgram(program, data, { engine: 'typescript' }).flatMap((x) =>
      [...x].filter(Number.isFinite),
    ).length
    expect(canonical(runProgram(program, data, { engine: 'wasm' }))).toEqual(expected)
    for (const instructionSet of sets)
      expect(
        canonical(runProgram(program, data, { engine: 'native', instructionSet })),
        instructionSet,
      ).toEqual(expected)
  }
  // The programs compute numbers, and not NaN alone.
  expect(finite).toBeGreaterThan(500)
})
