/** Repeated sections of programs: the bits of all engines, and sections that are refused. */

import { describe, expect, test } from 'vitest'
import { OPERATIONS } from '../dist/arena/manifest.js'
import type { Program } from '../dist/expressions/program.js'
import type { Instruction } from '../dist/expressions/steps.js'
import { dtypes } from './helpers.js'
import { runProgram } from './program-runs.js'
import { waysToRun } from './support.js'

/** Slots: the parameters x, n and the result, the constants 1, 0.75 and 0, and computed values. */
const [X, N, ONE, FACTOR, ZERO, SUM, LEFT, AGAIN, NEXT] = [0, 1, 3, 4, 5, 6, 7, 8, 9]
const MOST = 20

function instruction(code: (typeof OPERATIONS)[number], to: number, ...operands: number[]): Instruction {
  const [a, b = 0, c = 0, d = 0] = operands
  return [OPERATIONS.indexOf(code), to, a, b, c, d]
}

/** A program that computes s ← 0.75·s + 1 from s = x on, n times but at most `MOST` times. */
function makeProgram(section: Partial<Program['loops'][number]> = {}): Program {
  const head = [
    instruction('copy', SUM, X),
    instruction('copy', LEFT, N),
    instruction('multiplyAdd', NEXT, SUM, FACTOR, ONE),
    instruction('less', AGAIN, ZERO, LEFT),
    // Other lanes may need more passes than this lane.
    instruction('select', SUM, AGAIN, NEXT, SUM),
    instruction('subtract', LEFT, LEFT, ONE),
    instruction('copy', 10, X),
    instruction('copy', 11, N),
    instruction('copy', 12, ONE),
  ]
  return {
    ...{ parameters: ['x', 'n', '@0'], columns: [], constants: [1, 0.75, 0], slots: 13 },
    ...{ head, body: [], tail: [], sums: [], outputs: [10, 11, SUM, 12], carries: false, tile: 0 },
    loops: [{ start: 2, end: 6, again: AGAIN, most: MOST, ...section }],
  }
}

/** More than a block of lanes, whose counts of passes differ; the last ones are without an end, or NaN. */
const points = Array.from({ length: 300 }, (_, run) => [run / 7 - 20, run % 11]).concat(
  [1e9, Infinity, Number.NaN, -1].map((n) => [3, n]),
)

describe.each(dtypes)('a repeated section of a program in %s', (dtype) => {
  const round = dtype === 'float32' ? Math.fround : (x: number) => x
  const wanted = points.map(([x, n]) => {
    let sum = round(x)
    let left = n
    for (let pass = 0; pass < MOST && left > 0; pass++) {
      sum = round(round(sum * 0.75) + 1)
      left -= 1
    }
    return sum
  })

  test.each(waysToRun(1))('has a count of passes per lane: $engine $instructionSet', (way) => {
    const results = runProgram(makeProgram(), { columns: [], points, dtype }, way)
    expect(results.map(([sum]) => sum)).toEqual(wanted)
  })
})

test.each(waysToRun(1).filter(({ engine }) => engine !== 'typescript'))(
  'sections outside of the program are refused: $engine $instructionSet',
  (way) => {
    for (const section of [{ end: 10 }, { start: 7 }, { again: 13 }, { start: 2 ** 31 }]) {
      const run = () => runProgram(makeProgram(section), { columns: [], points }, way)
      expect(run, JSON.stringify(section)).toThrow()
    }
  },
)
