/**
 * Evaluates a program of an expression with many rows on an engine. `minimize` with a method, `standardErrors` and
 * users call the functions of an expression point by point. With thousands of rows, an engine is many times faster than
 * TypeScript, and gives the same bits. Only Node's file of the package loads the extension (scripts/build-ts.mjs).
 */

import { wasmModule } from '#webassembly/many'
import { memoizeBy } from '../core/memoization.js'
import { runToEnd } from '../core/slices.js'
import type { Program } from '../expressions/program.js'
import type { ProgramRunner } from '../expressions/run.js'
import type { Batch } from './batch/batch.js'
import { type BatchRunner, selectRunner } from './engines/engines.js'
import { prepareBatch } from './engines/program-batch.js'
import { withResults } from './evaluate-runs.js'
import { linkRows } from './linked-rows.js'

/** An evaluation at a point. The data of a runner never change. */
export interface LongEvaluation {
  readonly machine: ProgramRunner
  readonly x: ArrayLike<number>
  readonly data: readonly Float64Array[]
}

declare module '../extensions.js' {
  interface Extensions {
    evaluateLong: typeof evaluateLong
  }
}

interface Evaluator {
  readonly batch: Batch
  readonly runner: BatchRunner
}

/** The evaluators of runners; null if no engine evaluates the runner's program. */
const evaluators = new WeakMap<ProgramRunner, Evaluator | null>()

/** Writes the outputs of the program to the runner's slots. Returns whether an engine has evaluated the program. */
export function evaluateLong({ machine, x, data }: LongEvaluation): true | undefined {
  let evaluator = evaluators.get(machine)
  if (evaluator === undefined) {
    evaluator = makeEvaluator(machine.program, data)
    evaluators.set(machine, evaluator)
  }
  if (evaluator === null) return
  const { batch, runner } = evaluator
  const { outputs, parameters } = machine.program
  const point = [...Array.from(x), ...outputs.map(() => 0)]
  batch.cohorts()[0].fill(0, 1, { runs: Uint32Array.of(0), data: [], x: point, starts: [], box: null })
  batch.done = 0
  batch.set('updates', 1)
  runner.advance(batch)
  const results = batch.results().x
  for (const [i, slot] of outputs.entries()) machine.slots[slot] = results[parameters.length + i][0]
  return true
}

function makeEvaluator(program: Program, data: readonly Float64Array[]): Evaluator | null {
  if (program.tile > 0) return null
  try {
    const { engine, runner } = selectRunner({}, wasmModule)
    if (engine === 'typescript') return null
    const runs = Uint32Array.of(0)
    const columns = data.map((numbers) => ({ numbers, offsets: null }))
    const x = [...program.parameters, ...program.outputs].map(() => 0)
    const all = { runs, data: columns, x, maxUpdates: 1, updatesPerCall: 1, threads: runner.threads }
    const batch = prepareBatch(prepare(program), all, undefined)
    runToEnd(batch.fill({ runs, data: columns, x, starts: [], box: null }))
    return { batch, runner }
  } catch {
    // Without an engine or without memory, TypeScript evaluates the program.
    return null
  }
}

/** The programs that engines run, so that an expression with other data needs no other program. */
const prepare = memoizeBy((program: Program) => withResults(linkRows(program)))
