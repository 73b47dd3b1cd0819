/** Methods that `minimizeMany` runs one after the other, because the methods have no solver in lanes. */

import { OptionError } from '../core/errors.js'
import type { FloatArray } from '../core/numbers.js'
import type { Slices } from '../core/slices.js'
import type { Expression } from '../expressions/expression.js'
import type { BoundsBox } from '../objectives/bounds.js'
import type { OptionTable } from '../options/kinds.js'

/** A data column: numbers for all runs, or the numbers of each run between two offsets. */
interface RunColumn {
  readonly numbers: Float64Array
  readonly offsets: Float64Array | null
}

/** The arguments of all runs. */
export interface InTurnProblem {
  readonly objective: Expression
  readonly columns: ReadonlyMap<string, RunColumn>
  readonly numbersInRun: (column: RunColumn, run: number) => Float64Array
  /** The user's constraints and starts, which are not yet read. */
  readonly constraints?: unknown
  readonly starts: unknown
  readonly tolerance: number
  readonly maxIterations: number
}

/** Columns with one element per run. */
export interface InTurnColumns {
  /** Starts within the bounds, by parameter. */
  readonly starts: readonly FloatArray[]
  readonly box: BoundsBox<number | FloatArray> | null
  /** The results. */
  readonly to: {
    readonly x: readonly FloatArray[]
    readonly value: { [run: number]: number }
    readonly gradientNorm: { [run: number]: number }
    readonly maxChange: { [run: number]: number }
    readonly iterations: { [run: number]: number }
    readonly reason: { [run: number]: number }
  }
  /** Called at the end of each run. */
  readonly tell: () => void
}

/** Runs that share compiled functions and memory. Each run gives the same bits as `minimize`. */
export interface RunsInTurn {
  /** Names of all parameters. Constraints may have more parameters than the objective. */
  readonly parameters: readonly string[]
  /** Allocates the columns of the report. */
  allocate(count: number): void
  /** Performs runs one after the other, with a pause after each update. */
  advance(runs: Uint32Array, columns: InTurnColumns): Slices<void>
  /** Further columns of the result. */
  report(): object
}

declare module '../minimize/method.js' {
  interface MethodKind<O extends OptionTable = OptionTable> {
    /** Reads the arguments of many runs. Undefined for methods that run in lanes. */
    readonly inTurn?: (given: InTurnProblem) => RunsInTurn
  }
}

/** @throws OptionError if an option of engines is set, although the runs are performed in TypeScript */
export function refuseEngineOptions(options: object): void {
  for (const name of ['engine', 'instructionSet', 'threads', 'workers']) {
    const given: unknown = (options as Readonly<Record<string, unknown>>)[name]
    if (given === undefined || (name === 'engine' && given === 'typescript')) continue
    const expected = 'no value, because the runs are performed one after the other in TypeScript'
    throw new OptionError(name, expected, given)
  }
}
